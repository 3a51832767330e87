"""JSONIndex of packed signs against bare faiss IndexBinaryFlat: time of a search, bytes of a vector.

The work is not equal: ours fetches the k' = max(100, 10 k) nearest, ranks them again by the integer query, and gives
back keys and metadata; faiss gives the numbers of the k nearest. Queries are encoded before the clock starts.
"""

from functools import partial

import faiss
import numpy as np

from benchmarks._runner import Bench, Target
from signwise.bits import PackedBits
from signwise.vsa import JSONEncoder, JSONIndex
from signwise.vsa._store import Store

D, K = 2048, 10


def filled(codes: np.ndarray) -> JSONIndex:
    """An index of codes that are given; encoding as many documents is not what is timed here."""
    index = JSONIndex(JSONEncoder(D))
    store: Store = index._store
    step = 10_000
    with store.changing():
        for first in range(0, len(codes), step):
            part = codes[first : first + step]
            store.append(part, [(first + i, f"key {first + i}", None) for i in range(len(part))])
    return index


def run(bench: Bench) -> None:
    rng = np.random.default_rng(0)
    for rows, counts in ((100_000, (1, 10)), (1_000_000, (1, 10))):
        codes = rng.integers(0, 2**64, (rows, D // 64), dtype=np.uint64)
        bare = faiss.IndexBinaryFlat(D)
        bare.add(codes.view(np.uint8))
        index = filled(codes)
        for count in counts:
            # Stored codes with a third of their signs flipped and unequal magnitudes, as queries near something.
            picked = PackedBits(codes[rng.integers(0, rows, count)], D).unpack("int32")
            flips = np.where(rng.random(picked.shape) < 1 / 3, -1, 1)
            ys = (picked * flips * rng.integers(1, 9, picked.shape)).astype(np.int32)
            packed = np.packbits(ys >= 0, axis=1, bitorder="little")
            bench.group(
                f"{count} {'query' if count == 1 else 'queries'}, {rows:,} x {D:,} bits, k = {K} (ours also ranks "
                "100 again and names keys)",
                {
                    "faiss IndexBinaryFlat": partial(bare.search, packed, K),
                    "signwise JSONIndex": partial(index.search_many, list(ys), K),
                },
                baseline="faiss IndexBinaryFlat",
                equal=None,
                targets=[Target(contender="signwise JSONIndex", ratio=round(1 / 1.2, 3))],
                rounds=bench.rounds if rows <= 100_000 else min(bench.rounds, 15),
            )
            found = [hits[0].key for hits in index.search_many(list(ys), K)]
            if found != [f"key {i}" for i in bare.search(packed, 1)[1][:, 0]]:
                raise AssertionError("the nearest differs")
        bench.groups[-1]["bytes_per_vector"] = index.nbytes / rows
        bench.groups[-1]["bytes_allowed"] = 1.15 * D / 8
        print(f"  {index.nbytes / rows:.1f} bytes a vector, {1.15 * D / 8:.1f} allowed")
        if index.nbytes / rows > 1.15 * D / 8:
            raise AssertionError("a vector takes too much room")
