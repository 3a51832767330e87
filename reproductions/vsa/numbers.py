"""Softness of numbers against its closed form: ``python -m reproductions.vsa.numbers --out DIR``.

The cosine of {"x": 1} with {"x": y} at d = 65536 and the kernel, with D = |z - z'|, z = asinh(10 x), lo = 1/64, hi = 8,
c = 9 ln 2: 1 - D (1/lo - 1/hi)/c up to lo, then log2(hi/D)/9 - (1 - D/hi)/c up to hi, then 0.
"""

from __future__ import annotations

import math
import sys

import numpy as np

from signwise.vsa import JSONEncoder

from . import _record

YS = (1.001, 1.01, 1.03, 1.1, 1.3, 2.0, 5.0, 10.0, 100.0, 1e4, 0.9, 0.5, 0.1, 0.0, -0.1, -1.0)
LOW, HIGH = -6, 3


def kernel(x: float, y: float) -> float:
    lo, hi, c = 2.0**LOW, 2.0**HIGH, (HIGH - LOW) * math.log(2)
    gap = abs(math.asinh(10 * x) - math.asinh(10 * y))
    if gap <= lo:
        return 1 - gap * (1 / lo - 1 / hi) / c
    return math.log2(hi / gap) / (HIGH - LOW) - (1 - gap / hi) / c if gap < hi else 0.0


def main(argv: list[str] | None = None) -> int:
    options = _record.arguments(__doc__).parse_args(argv)
    encoder = JSONEncoder(4096 if options.quick else 65536, seed=options.seed)
    vectors = encoder.transform([{"x": 1.0}, *({"x": y} for y in YS)])
    rows = {}
    for y, cosine in zip(YS, vectors[1:] @ vectors[0], strict=True):
        rows[f"{y:g}"] = {"measured": float(cosine), "closed_form": kernel(1.0, y)}
    record = {
        "settings": {"d": encoder.d, "seed": options.seed},
        "cosines": rows,
        "largest_error": float(np.max([abs(r["measured"] - r["closed_form"]) for r in rows.values()])),
    }
    print(_record.write(options.out, record))
    return 0


if __name__ == "__main__":
    sys.exit(main())
