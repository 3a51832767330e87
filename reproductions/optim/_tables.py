"""The training record as a Markdown table and as learning curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

COLOURS = {
    "adamw": "#555555",
    "sgd": "#aaaaaa",
    "lion": "#d62728",
    "smoothed": "#ff7f0e",
    "normalized": "#2ca02c",
    "muon": "#1f77b4",
}


def training_table(record: dict[str, Any]) -> str:
    """One table a task: tuned settings, scores over the seeds, and what the certificate says of the weights."""
    lines = []
    for task in record["tasks"].values():
        size = f" ({task['parameters']:,} weights, {task['steps']} steps of {task['batch']})" if "steps" in task else ""
        lines += [
            f"**{task['title']}**{size}, {len(record['seeds'])} seeds",
            "",
            "| optimizer | lr | decay λ | validation loss | test loss | test accuracy | certificate | largest gauge |",
            "|---|---:|---:|---:|---:|---:|---|---:|",
        ]
        for entry in sorted(task["contenders"].values(), key=lambda e: rank(e, task["headline"])):
            lines.append(row(entry))
        lines.append("")
    return "\n".join(lines)


def rank(entry: dict[str, Any], headline: str) -> float:
    """For sorting: the best test score first, what is not there last."""
    mean = entry["test_" + headline]["mean"] if entry["complete"] else None
    if mean is None:
        return float("inf")
    return mean if headline == "loss" else -mean


def row(entry: dict[str, Any]) -> str:
    """A line of the table. An lr or λ at the end of its grid is marked."""
    if not entry["complete"]:
        return f"| {entry['title']} | not finished |  |  |  |  |  |  |"
    settings = []
    for key in ("lr", "decay"):
        tried = sorted({point[key] for point in entry["grid"]})
        at_end = len(tried) > 2 and entry[key] in (tried[0], tried[-1])
        settings.append(f"{entry[key]:g}" + ("\\*" if at_end else ""))
    held = entry["certificate"]
    certificate = ["", ""]
    if held:
        certificate = [f"{held['guarantee']}, distance {held['distance']:.2g}", f"{held['largest_gauge']:.2f}"]
    diverged = f", {entry['diverged']} diverged" if entry["diverged"] else ""
    cells = [
        entry["title"] + diverged,
        *settings,
        plus_minus(entry["validation_loss"], 3),
        plus_minus(entry["test_loss"], 3),
        plus_minus(entry["test_accuracy"], 1, 100) + " %",
        *certificate,
    ]
    return "| " + " | ".join(cells) + " |"


def plus_minus(value: dict[str, float | None], digits: int, scale: float = 1.0) -> str:
    """Mean and deviation."""
    if value["mean"] is None or value["deviation"] is None:
        return "—"
    return f"{scale * value['mean']:.{digits}f} ± {scale * value['deviation']:.{digits}f}"


def curves(record: dict[str, Any], task: str, path: Path) -> None:
    """Validation loss against the step, the mean over seeds, on a tenth of the validation part."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    entry = record["tasks"][task]
    with matplotlib.rc_context({"svg.hashsalt": "signwise", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(5.2, 3.4), layout="constrained")
        axes = figure.subplots()
        lowest, highest = [], []
        for name, contender in entry["contenders"].items():
            if contender["complete"] and contender["curve"]["steps"]:
                values = contender["curve"]["validation_loss"]
                axes.plot(contender["curve"]["steps"], values, label=contender["title"], color=COLOURS[name])
                lowest.append(min(values))
                highest.append(values[0])
        if lowest:
            axes.set_ylim(min(lowest) * 0.97, sorted(highest)[len(highest) // 2])
            axes.legend(fontsize=7)
        axes.set(title=entry["title"], xlabel="step", ylabel="validation loss, nats")
        figure.savefig(path, metadata={"Date": None})
