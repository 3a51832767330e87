"""The stability record as a Markdown table and as three panels."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

COLOURS = {"gaussian": "#d62728", "iid-sign": "#ff7f0e", "haar": "#1f77b4", "rotation": "#2ca02c"}


def table(record: dict[str, Any]) -> str:
    """One line a family: norm and cosine by the number of products, accuracy by length and depth."""
    families = record["families"]
    first = next(iter(families.values()))
    depths, lengths, nested = list(first["norm"]), list(first["sequence"]), list(first["record"])
    heads = [f"norm, k={depths[-2]}", *(f"cosine, k={k}" for k in depths)]
    heads += [f"length {length}" for length in lengths] + [f"depth {depth}" for depth in nested]
    lines = [f"| family | {' | '.join(heads)} |", "|---|" + "---:|" * len(heads)]
    for name, entry in families.items():
        norm = entry["norm"][depths[-2]]
        cells = [f"{norm['mean']:.3f} ± {norm['deviation']:.3f}"]
        cells += [f"{entry['norm'][k]['cosine']:.3f}" for k in depths]
        cells += [f"{value:.3f}" for value in (*entry["sequence"].values(), *entry["record"].values())]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    theory = record["theory"]
    cells = [f"1 ± {theory['deviation'][depths[-2]]:.3f} / 0", *(f"{theory['cosine'][k]:.3f} / 1" for k in depths)]
    cells += [f"– / {value:.3f}" for value in theory["sequence"].values()]
    cells += [f"– / {theory['record']:.3f}"] * len(nested)
    lines.append(f"| *theory, independent / orthogonal* | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def draw(record: dict[str, Any], path: Path) -> None:
    """Write the panels: cosine after unbinding, sequences, records."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    settings = record["settings"]
    with matplotlib.rc_context({"svg.hashsalt": "signwise", "svg.fonttype": "none", "font.size": 8}):
        figure = Figure(figsize=(9, 2.6), layout="constrained")
        panels = figure.subplots(1, 3, sharey=True)
        for name, entry in record["families"].items():
            curves = (
                {k: v["cosine"] for k, v in entry["norm"].items()},
                entry["sequence"],
                entry["record"],
            )
            for axes, curve in zip(panels, curves, strict=True):
                style = "--" if name in ("haar", "gaussian") else "-"
                axes.plot(
                    [int(k) for k in curve],
                    list(curve.values()),
                    style,
                    marker="o",
                    ms=3,
                    lw=1,
                    label=name,
                    color=COLOURS[name],
                )
        titles = (
            ("cosine after unbinding", "products"),
            (f"powers, d = {settings['d_sequence']}: accuracy", "length of the sequence"),
            (f"64 leaves, d = {settings['d']}: accuracy", "depth of the paths"),
        )
        for axes, (title, label) in zip(panels, titles, strict=True):
            axes.set(title=title, xlabel=label, xscale="log", ylim=(-0.03, 1.05))
            ticks = [int(line) for line in axes.lines[0].get_xdata()]
            axes.set_xticks(ticks, [str(tick) for tick in ticks], minor=False)
            axes.minorticks_off()
        panels[0].legend(frameon=False)
        figure.savefig(path, metadata={"Date": None})
    # A hundredth of a point is finer than any screen; it halves the file.
    path.write_text(re.sub(r"(\d\.\d\d)\d+", r"\1", path.read_text(encoding="utf-8")), encoding="utf-8")
