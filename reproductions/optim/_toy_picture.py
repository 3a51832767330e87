"""The picture of the toy: one panel for each K."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """What one panel shows.

    Args:
        title: the K.
        outline: of the constraint set, shape ``(n, 2)``.
        ways: trajectories, each of shape ``(steps, 2)``.
        optimum: the solution.
    """

    title: str
    outline: Array
    ways: list[Array]
    optimum: Array


def draw(panels: list[Panel], A: Array, c: Array, path: Path) -> None:
    """Write the panels, four in a row, over the level lines of ½(x − c)ᵀA(x − c)."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure
    from matplotlib.patches import Ellipse, Polygon

    values, vectors = np.linalg.eigh(A)
    angle = float(np.degrees(np.arctan2(vectors[1, 0], vectors[0, 0])))
    with matplotlib.rc_context({"svg.hashsalt": "signwise", "svg.fonttype": "none", "font.size": 8}):
        rows = -(-len(panels) // 4)
        figure = Figure(figsize=(9, 2.35 * rows), layout="constrained")
        for axes, panel in zip(figure.subplots(rows, 4, squeeze=False).flat, panels, strict=True):
            for level in (0.1, 0.4, 0.9, 1.6, 2.5, 3.6):
                widths = 2 * np.sqrt(2 * level / values)
                axes.add_patch(Ellipse(tuple(c), *widths, angle=angle, fill=False, color="#cccccc", lw=0.6))
            axes.add_patch(Polygon(panel.outline, closed=True, facecolor="#dbe9f6", edgecolor="#1f77b4", lw=1))
            for way, colour in zip(panel.ways, ("#d62728", "#2ca02c"), strict=True):
                axes.plot(*way.T.round(3), color=colour, lw=0.9)
                axes.plot(*way[0], "o", color=colour, ms=3)
            axes.plot(*panel.optimum, "k*", ms=7)
            axes.plot(*c, "+", color="#555555")
            axes.set(title=panel.title, xlim=(-1.9, 2.0), ylim=(-1.7, 1.6), aspect="equal", xticks=(), yticks=())
        figure.savefig(path, metadata={"Date": None})
    # A hundredth of a point is finer than any screen; it halves the file.
    path.write_text(re.sub(r"(\d\.\d\d)\d+", r"\1", path.read_text(encoding="utf-8")), encoding="utf-8")
