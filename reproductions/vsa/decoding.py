"""Decoding flat records: ``python -m reproductions.vsa.decoding --out DIR``.

Records of n members: two of three hold one of 300 tokens, the third a lognormal number with three digits. A token is
right if it is named; a number if it is within 5 %. Strings are encoded whole. The memory knows every token and every
number that any record has.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from signwise.progress import track
from signwise.vsa import JSONEncoder, Memory

from . import _record

SIZES = ((1024, 25), (2048, 50), (4096, 100))


def record(n: int, rng: np.random.Generator) -> dict[str, Any]:
    values = [f"token{rng.integers(300)}" if i % 3 else float(f"{rng.lognormal():.3g}") for i in range(n)]
    return {f"k{i}": value for i, value in enumerate(values)}


def measure(d: int, n: int, trials: int, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    records = [record(n, rng) for _ in range(trials)]
    numbers = sorted({v for r in records for v in r.values() if isinstance(v, float)})
    tokens = [f"token{i}" for i in range(300)]
    memory = Memory({f"k{i}": tokens if i % 3 else numbers for i in range(n)})
    encoder = JSONEncoder(d, strings=("whole",), seed=seed)
    right: dict[str, list[bool]] = {
        f"{kind}, {form}": [] for form in ("integers", "signs") for kind in ("token", "number")
    }
    for document in records:
        for form, output in (("integers", "int32"), ("signs", "bits")):
            found = {f.name: f.value for f in encoder.decode(encoder.encode_one(document, output=output), memory)}
            for key, value in document.items():
                if isinstance(value, str):
                    right[f"token, {form}"].append(found.get(key) == value)
                else:
                    got = found.get(key)
                    near = isinstance(got, float) and abs(got - value) <= 0.05 * value
                    right[f"number, {form}"].append(near)
    return {name: float(np.mean(values)) for name, values in right.items()}


def main(argv: list[str] | None = None) -> int:
    options = _record.arguments(__doc__).parse_args(argv)
    sizes = ((512, 6),) if options.quick else SIZES
    trials = 3 if options.quick else 12
    cases = {f"d={d}, n={n}": measure(d, n, trials, options.seed) for d, n in track(sizes, "sizes")}
    print(_record.write(options.out, {"settings": {"trials": trials, "seed": options.seed}, "cases": cases}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
