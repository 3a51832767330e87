"""Find the largest quantization errors and their places: ``python -m reproductions.binary.quantization --out DIR``.

The closed forms are maximized over the frequency, and compared with means over random draws at the place found.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from signwise.binary import quantization_error


def largest(name: str) -> dict[str, float]:
    """Where the error of a distribution is largest, and how far random draws are from it there."""
    found = minimize_scalar(
        lambda x: -quantization_error(name, x).error, bounds=(0.1, 5), method="bounded", options={"xatol": 1e-10}
    )
    place = float(found.x)
    draws = np.random.default_rng(0)
    w = np.sin(draws.laplace(0, place, 4_000_000) if name == "laplace" else draws.normal(0, place, 4_000_000))
    sampled = float(np.mean(w**2) - np.mean(np.abs(w)) ** 2)
    theory = quantization_error(name, place)
    return {"place": place, "error": theory.error, "sampling_difference": abs(sampled - theory.error)}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    options = parser.parse_args(argv)
    record: dict[str, Any] = {name: largest(name) for name in ("laplace", "gaussian")}
    record["limit"] = quantization_error("laplace", 1e6).error
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "result.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
