"""Random against orthogonal matrices, by depth and length: ``python -m reproductions.vsa.stability --out DIR``.

Four families of MBAT operators in d components:

- norm: of M_1 ... M_k v over the norm of v, and the cosine with v after M_k^T ... M_1^T;
- sequence: the share of the elements of a sequence of powers that cleanup names among 500 candidates;
- record: the same for the leaves of a record of 64 paths of one depth, among 1000 candidates.

Writes ``result.json``, the table ``table.md`` and the picture ``vsa_stability.svg``.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from signwise.progress import track
from signwise.vsa import MBAT, capacity

from . import _record
from ._stability_picture import draw, table

FAMILIES = ("gaussian", "iid-sign", "haar", "rotation")
DEPTHS = (1, 2, 4, 8, 16)
LENGTHS = (8, 16, 32, 64, 128)
TERMS, CANDIDATES, ITEMS, POOL = 64, 1000, 500, 16


def norms(family: str, d: int, chains: int, seed: int) -> dict[str, dict[str, float]]:
    """Mean and deviation of the norm, and mean cosine after unbinding, by the number of products."""
    rng = np.random.default_rng(seed)
    ratios: dict[int, list[float]] = {k: [] for k in DEPTHS}
    cosines: dict[int, list[float]] = {k: [] for k in DEPTHS}
    for chain in range(chains):
        algebra = MBAT(d, family=family, seed=1000 * seed + chain)
        x = rng.standard_normal((20, d))
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        for k in DEPTHS:
            path = [f"level {i}" for i in range(k)]
            y = algebra.bind(path, x)
            back = algebra.unbind(path, y)
            ratios[k] += np.linalg.norm(y, axis=1).tolist()
            cosines[k] += ((back * x).sum(1) / np.linalg.norm(back, axis=1)).tolist()
    return {
        str(k): {"mean": np.mean(ratios[k]), "deviation": np.std(ratios[k]), "cosine": np.mean(cosines[k])}
        for k in DEPTHS
    }


def named(memory: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The place in the memory of the entry of largest cosine, for each row of y."""
    return np.argmax(y @ (memory / np.linalg.norm(memory, axis=1, keepdims=True)).T, axis=-1)


def sequences(family: str, d: int, repeats: int, seed: int) -> dict[str, float]:
    """Share of right names over all positions, by length."""
    rng = np.random.default_rng(seed)
    right: dict[int, list[float]] = {length: [] for length in LENGTHS}
    for repeat in range(repeats):
        algebra = MBAT(d, family=family, seed=1000 * seed + repeat)
        memory = np.stack([algebra.leaf(f"item {i}") for i in range(ITEMS)])
        for length in LENGTHS:
            chosen = rng.integers(0, ITEMS, (length, 10))
            y = algebra.sequence(list(memory[chosen]))
            for place in range(length):
                y = algebra.unbind(0, y)
                right[length].append(float((named(memory, y) == chosen[place]).mean()))
    return {str(length): float(np.mean(shares)) for length, shares in right.items()}


def records(family: str, d: int, repeats: int, seed: int) -> dict[str, float]:
    """Share of right names over the leaves of records, by the depth of their paths."""
    rng = np.random.default_rng(seed)
    out = {}
    for depth in DEPTHS[1:]:
        right = []
        for repeat in range(repeats):
            algebra = MBAT(d, family=family, seed=1000 * seed + repeat)
            memory = np.stack([algebra.leaf(f"item {i}") for i in range(CANDIDATES)])
            paths: set[tuple[str, ...]] = set()
            while len(paths) < TERMS:
                paths.add(tuple(f"key {i}" for i in rng.integers(0, POOL, depth)))
            chosen = rng.integers(0, CANDIDATES, (TERMS, 4))
            y = sum(algebra.bind(path, memory[row]) for path, row in zip(sorted(paths), chosen, strict=True))
            for path, row in zip(sorted(paths), chosen, strict=True):
                right.append(float((named(memory, algebra.unbind(path, y)) == row).mean()))
        out[str(depth)] = float(np.mean(right))
    return out


def main(argv: list[str] | None = None) -> int:
    parser = _record.arguments(__doc__)
    parser.add_argument("--no-picture", action="store_true", help="leave out the picture, which needs matplotlib")
    options = parser.parse_args(argv)
    d, long_d, repeats = (256, 512, 1) if options.quick else (1024, 2048, 4)
    families: dict[str, Any] = {}
    for family in track(FAMILIES, "families"):
        families[family] = {
            "norm": norms(family, d, 2 if options.quick else 10, options.seed),
            "sequence": sequences(family, long_d, repeats, options.seed),
            "record": records(family, d, repeats, options.seed),
        }
    theory = {
        "deviation": {str(k): math.sqrt(k / (2 * d)) for k in DEPTHS},
        "cosine": {str(k): 1 / math.sqrt(k + 1) for k in DEPTHS},
        "sequence": {str(length): capacity(long_d, length, ITEMS) for length in LENGTHS},
        "record": capacity(d, TERMS, CANDIDATES),
    }
    settings = {"d": d, "d_sequence": long_d, "repeats": repeats, "seed": options.seed}
    record = {"settings": settings, "families": families, "theory": theory}
    print(_record.write(options.out, record))
    (options.out / "table.md").write_text(table(record), encoding="utf-8")
    if not options.no_picture:
        draw(record, options.out / "vsa_stability.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
