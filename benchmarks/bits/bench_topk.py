"""Exhaustive Hamming search of 100,000 codes of 1,024 bits, k = 10, against faiss IndexBinaryFlat."""

from functools import partial

import faiss
import numpy as np

from benchmarks._runner import Bench, Target
from benchmarks.bits._tiers import on_each, tiers
from signwise.bits import PackedBits, hamming_topk

ROWS, BITS, K = 100_000, 1024, 10


def same_distances(left: tuple[np.ndarray, np.ndarray], right: tuple[np.ndarray, np.ndarray]) -> bool:
    """faiss breaks ties in its own order, so the distances decide."""
    return bool(np.array_equal(left[0], right[0]))


def run(bench: Bench) -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 2**64, (ROWS, BITS // 64), dtype=np.uint64)
    faiss.omp_set_num_threads(1)
    index = faiss.IndexBinaryFlat(BITS)
    index.add(base.view(np.uint8))
    for queries in (1, 10, 100):
        query = rng.integers(0, 2**64, (queries, BITS // 64), dtype=np.uint64)
        best = tiers()[0] if tiers() else ""
        bench.group(
            f"{queries} {'query' if queries == 1 else 'queries'}, {ROWS:,} x {BITS:,} bits, k = {K}",
            {
                "faiss IndexBinaryFlat": partial(index.search, query.view(np.uint8), K),
                **on_each(partial(hamming_topk, PackedBits(query, BITS), PackedBits(base, BITS), K)),
            },
            baseline="faiss IndexBinaryFlat",
            equal=same_distances,
            targets=[Target(contender=f"signwise {best}", ratio=1.0)] if best else [],
            rounds=bench.rounds if queries < 100 else min(bench.rounds, 9),
        )
