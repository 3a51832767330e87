"""Exhaustive Hamming search of 100,000 codes of 1,024 bits, k = 10, against faiss IndexBinaryFlat."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import faiss
import numpy as np

from benchmarks._runner import Bench, Contender, Target
from benchmarks.bits._tiers import on_each, tiers
from signwise.bits import PackedBits, hamming_topk

ROWS, BITS, K = 100_000, 1024, 10


def same_distances(left: tuple[np.ndarray, np.ndarray], right: tuple[np.ndarray, np.ndarray]) -> bool:
    """faiss breaks ties in its own order, so the distances decide."""
    return bool(np.array_equal(left[0], right[0]))


@contextmanager
def faiss_at_avx2() -> Iterator[None]:
    before = faiss.SIMDConfig.get_level()
    faiss.SIMDConfig.set_level(faiss.SIMDLevel_AVX2)
    try:
        yield
    finally:
        faiss.SIMDConfig.set_level(before)


def run(bench: Bench) -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 2**64, (ROWS, BITS // 64), dtype=np.uint64)
    faiss.omp_set_num_threads(1)
    index = faiss.IndexBinaryFlat(BITS)
    index.add(base.view(np.uint8))
    level = faiss.SIMDConfig.get_level_name()
    for queries in (1, 10, 100):
        query = rng.integers(0, 2**64, (queries, BITS // 64), dtype=np.uint64)
        work = f"{queries} {'query' if queries == 1 else 'queries'}, {ROWS:,} x {BITS:,} bits, k = {K}"
        rounds = bench.rounds if queries < 100 else min(bench.rounds, 9)
        search = partial(index.search, query.view(np.uint8), K)
        ours = on_each(partial(hamming_topk, PackedBits(query, BITS), PackedBits(base, BITS), K))
        rival = f"faiss IndexBinaryFlat, {level}"
        bench.group(
            work,
            {rival: search} | ours,
            baseline=rival,
            equal=same_distances,
            targets=[Target(contender=f"signwise {tier}", ratio=1.0) for tier in tiers()[:1]],
            rounds=rounds,
        )
        if "avx2" in tiers()[1:]:
            bench.group(
                f"{work}, both with AVX2",
                {
                    "faiss IndexBinaryFlat, AVX2": Contender(call=search, around=faiss_at_avx2),
                    "signwise avx2": ours["signwise avx2"],
                },
                baseline="faiss IndexBinaryFlat, AVX2",
                equal=same_distances,
                targets=[Target(contender="signwise avx2", ratio=1.0)],
                rounds=rounds,
            )
