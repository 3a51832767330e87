"""Robust PCA of real data: ``python -m reproductions.recovery.real TASK --out DIR``.

- escalator, highway: background and foreground of surveillance videos, one frame a column. The true background is not
  known, so a bright and a dark square that move are added to the frames: the error is that of the background where they
  cover it, against the frame before they were added, as a median over pixels in grey levels.
- faces: one person of Extended Yale B under 64 lights, one image a column; as above with squares of random places. Cast
  shadows are in the sparse part.
- salt: photographs of scikit-learn with a share of pixels set to black or white; relative error of the whole.
- digits: handwritten digits of scikit-learn, one a row, half of the entries 0, with a tenth of the entries set to 0 or
  16; relative error.

PCA is given the better of our ranks, by the truth. Writes ``result.json``, ``table.md`` and a picture. Videos and faces
are read by ``signwise.data``; salt and digits run anywhere.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits, load_sample_image

from signwise import data

from ._methods import compared
from ._pictures import grey_images
from ._runs import arguments, leave, markdown

Result = tuple[dict[str, Any], dict[str, np.ndarray], list[list[np.ndarray]]]


def squares(frames: np.ndarray, side: int, rng: np.random.Generator, *, moving: bool) -> tuple[np.ndarray, np.ndarray]:
    """Frames with a bright and a dark square each, and where they are."""
    out, where = frames.copy(), np.zeros(frames.shape, bool)
    t, height, width = frames.shape
    for grey in (235.0, 20.0):
        corner = np.array([rng.integers(0, height - side), rng.integers(0, width - side)], float)
        speed = rng.uniform(1.5, 3.0, 2) * rng.choice([-1, 1], 2)
        for i in range(t):
            if moving:
                corner += speed
                speed = np.where((corner < 0) | (corner > (height - side, width - side)), -speed, speed)
                corner = np.clip(corner, 0, (height - side, width - side))
            else:
                corner = np.array([rng.integers(0, height - side), rng.integers(0, width - side)], float)
            a, b = corner.astype(int)
            out[i, a : a + side, b : b + side] = grey
            where[i, a : a + side, b : b + side] = True
    return out, where


def frames_task(
    frames: np.ndarray, side: int, show: list[int], *, moving: bool, ranks: tuple[int | str, ...], max_rank: int
) -> Result:
    """Videos and faces: frames, background and foreground of each method."""
    seen, where = squares(frames, side, np.random.default_rng(0), moving=moving)
    t, height, width = frames.shape
    X, hidden = seen.reshape(t, -1).T.copy(), where.reshape(t, -1).T
    clean = frames.reshape(t, -1).T

    def error(low_rank: np.ndarray) -> float:
        return float(np.median(np.abs(low_rank - clean)[hidden]))

    parts, facts = compared(X, ranks=ranks, median=True, best=error, max_rank=max_rank)
    for name, part in parts.items():
        facts[name]["error"] = error(part)
    rows = []
    for i in show:
        row = [seen[i]]
        for part in parts.values():
            background = part[:, i].reshape(height, width)
            row += [background, np.abs(seen[i] - background)]
        rows.append(row)
    return {"shape": list(X.shape), "unit": "grey levels", "methods": facts}, parts, rows


def escalator() -> Result:
    frames = data.load("escalator", progress=False).frames.astype(float)
    return frames_task(frames, 12, [20, 100, 180], moving=True, ranks=("auto", 1), max_rank=12)


def highway() -> Result:
    frames = data.load("highway", progress=False).frames.astype(float)
    return frames_task(frames, 12, [20, 100, 180], moving=True, ranks=("auto", 1), max_rank=12)


def faces() -> Result:
    found = data.load("yale-b", progress=False)
    frames = found.images[found.subjects == 0].astype(float)
    return frames_task(frames, 6, [3, 20, 40, 55], moving=False, ranks=("auto", 4), max_rank=16)


def salt() -> Result:
    """Two photographs at two shares; the figures are those of china at 10 %, the others are in the record."""
    record: dict[str, Any] = {"unit": "relative error", "cases": {}}
    rows: list[list[np.ndarray]] = []
    parts: dict[str, np.ndarray] = {}
    for name in ("china", "flower"):
        image = np.asarray(load_sample_image(f"{name}.jpg"), float).mean(2)[::2, ::2]
        for share in (0.1, 0.3):
            rng = np.random.default_rng(0)
            X, bad = image.copy(), rng.random(image.shape) < share
            X[bad] = 255 * rng.integers(0, 2, int(bad.sum()))

            def error(low_rank: np.ndarray, image: np.ndarray = image) -> float:
                return float(np.linalg.norm(low_rank - image) / np.linalg.norm(image))

            parts, facts = compared(X, ranks=("auto", 20), median=False, best=error)
            for method, part in parts.items():
                facts[method]["error"] = error(part)
            facts["nearest matrix of rank 20 to the photograph"] = {"rank": 20, "error": error(_nearest(image, 20))}
            record["cases"][f"{name}, {share:.0%}"] = facts
            if share == 0.1:
                rows.append([image, X, *parts.values()])
    record["shape"], record["methods"] = list(X.shape), record["cases"]["china, 10%"]
    return record, parts, rows


def digits() -> Result:
    truth = load_digits().data
    rng = np.random.default_rng(0)
    X, bad = truth.copy(), rng.random(truth.shape) < 0.1
    X[bad] = 16.0 * rng.integers(0, 2, int(bad.sum()))

    def error(low_rank: np.ndarray) -> float:
        return float(np.linalg.norm(low_rank - truth) / np.linalg.norm(truth))

    parts, facts = compared(X, ranks=("auto", 20), median=False, best=error)
    for method, part in parts.items():
        facts[method]["error"] = error(part)
    facts["nearest matrix of rank 20 to the digits"] = {"rank": 20, "error": error(_nearest(truth, 20))}
    some = range(0, 40, 4)
    rows = [[16 * part[i].reshape(8, 8) for i in some] for part in (truth, X, *parts.values())]
    return {"shape": list(X.shape), "unit": "relative error", "methods": facts}, parts, rows


def _nearest(X: np.ndarray, k: int) -> np.ndarray:
    U, sigma, Vt = np.linalg.svd(X, full_matrices=False)
    return (U[:, :k] * sigma[:k]) @ Vt[:k]


TASKS: dict[str, Callable[[], Result]] = {
    "escalator": escalator,
    "highway": highway,
    "faces": faces,
    "salt": salt,
    "digits": digits,
}
SCALES = {"faces": 2, "digits": 4}


def table(methods: dict[str, dict[str, Any]], unit: str) -> str:
    """One line a method."""
    rows = [
        [
            name,
            f"{facts['rank']}",
            f"{facts['error']:.3g}",
            f"{facts['outlier_share']:.1%}" if "outlier_share" in facts else "",
            f"{facts['seconds']:.1f}" if "seconds" in facts else "",
        ]
        for name, facts in methods.items()
    ]
    return markdown(["method", "rank", f"error, {unit}", "outliers", "seconds"], rows)


def main(argv: list[str] | None = None) -> int:
    parser = arguments(__doc__, seeds=1)
    parser.add_argument("task", choices=TASKS)
    options = parser.parse_args(argv)
    record, _, rows = TASKS[options.task]()
    text = table(record["methods"], record["unit"])
    for case, facts in record.get("cases", {}).items():
        if facts is not record["methods"]:
            text += f"\n{case}:\n\n" + table(facts, record["unit"])
    leave(options.out, record, text)
    grey_images(rows, Path(options.out) / f"recovery_{options.task}.png", scale=SCALES.get(options.task, 1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
