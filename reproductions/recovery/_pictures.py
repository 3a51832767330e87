"""How pictures of this folder are made: SVG curves and maps that are the same bytes each time, and grey images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np


@contextmanager
def figure(width: float, height: float, panels: int) -> Iterator[tuple[Any, Any]]:
    """Panels in a row, and the figure."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "signwise", "svg.fonttype": "none", "font.size": 8}):
        drawn = Figure(figsize=(width, height), layout="constrained")
        yield drawn.subplots(1, panels, squeeze=False)[0], drawn


def saved(drawn: Any, path: Path) -> None:
    """Write an SVG; a hundredth of a point is finer than any screen."""
    drawn.savefig(path, metadata={"Date": None}, facecolor="white")
    path.write_text(re.sub(r"(\d\.\d\d)\d+", r"\1", path.read_text(encoding="utf-8")), encoding="utf-8")


def grey_images(rows: list[list[np.ndarray]], path: Path, *, top: float = 255.0, scale: int = 1) -> None:
    """Images of one size in rows and columns, 2 pixels apart: black is 0 and white is `top`."""
    from PIL import Image

    height, width = rows[0][0].shape
    gap = 2
    sheet = np.full((len(rows) * (height + gap) - gap, len(rows[0]) * (width + gap) - gap), 255, np.uint8)
    for i, row in enumerate(rows):
        for j, image in enumerate(row):
            part = np.clip(np.asarray(image, float) * (255 / top), 0, 255).round().astype(np.uint8)
            sheet[i * (height + gap) : i * (height + gap) + height, j * (width + gap) : j * (width + gap) + width] = (
                part
            )
    picture = Image.fromarray(sheet)
    if scale != 1:
        picture = picture.resize((sheet.shape[1] * scale, sheet.shape[0] * scale), Image.Resampling.NEAREST)
    # Thirty-two greys look the same at this size and take two thirds of the bytes.
    picture.quantize(32).save(path, optimize=True)
