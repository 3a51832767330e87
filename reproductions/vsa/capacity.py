"""Measured cleanup against the closed form: ``python -m reproductions.vsa.capacity --out DIR``.

A bundle of n terms of equal weight, each bound by its own key's signed rotation; one is unbound and named among N
candidates. Every trial draws new keys and new codes, so that trials are independent and their number right is
binomial with the probability that ``signwise.vsa.capacity`` gives. The figure is the largest deviation in binomial
standard deviations.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from signwise.ortho import Domain, SignedPermutation, atom, hash_bytes, mix64
from signwise.progress import track
from signwise.vsa import capacity

from . import _record

D, CANDIDATES = 1024, 1000
CASES = [(d_over_n, bits) for d_over_n in (8, 16, 32, 64) for bits in (False, True)]


def trial(d: int, n: int, bits: bool, rng: np.random.Generator) -> bool:
    hashes = rng.integers(0, 2**64, CANDIDATES, dtype=np.uint64)
    memory = atom(hashes, d)
    keys = [SignedPermutation.from_hash(d, mix64(int(h))) for h in rng.integers(0, 2**64, n, dtype=np.uint64)]
    wrong = atom(rng.integers(0, 2**64, n - 1, dtype=np.uint64), d)
    y = keys[0].apply(memory[0].astype(np.int32))
    for key, code in zip(keys[1:], wrong, strict=True):
        y += key.apply(code.astype(np.int32))
    if bits:
        # A zero has no sign; as in packed vectors it takes that of a fixed atom.
        y = np.where(y == 0, atom(hash_bytes(Domain.TIE, b""), d), np.sign(y))
    scores = memory.astype(np.float32) @ keys[0].inverse(y).astype(np.float32)
    # Equal scores are whole numbers that tie; each of the tied is as likely.
    best = np.flatnonzero(scores == scores.max())
    return int(rng.choice(best)) == 0


def main(argv: list[str] | None = None) -> int:
    options = _record.arguments(__doc__).parse_args(argv)
    trials = 40 if options.quick else 1000
    rng = np.random.default_rng(options.seed)
    cases: dict[str, dict[str, Any]] = {}
    for ratio, bits in track(CASES, "cases"):
        n = D // ratio
        right = sum(trial(D, n, bits, rng) for _ in range(trials))
        expected = capacity(D, n, CANDIDATES, bits=bits)
        deviation = math.sqrt(max(expected * (1 - expected), 1 / trials**2) / trials)
        cases[f"n={n}, packed" if bits else f"n={n}"] = {
            "d": D,
            "n": n,
            "N": CANDIDATES,
            "bits": bits,
            "measured": right / trials,
            "closed_form": expected,
            "deviations": (right / trials - expected) / deviation,
        }
    record = {
        "settings": {"trials": trials, "seed": options.seed},
        "cases": cases,
        "largest_deviation": max(abs(case["deviations"]) for case in cases.values()),
    }
    print(_record.write(options.out, record))
    return 0


if __name__ == "__main__":
    sys.exit(main())
