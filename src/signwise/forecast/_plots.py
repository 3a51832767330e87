"""The figures of the report, as SVG text (needs matplotlib, extra ``report``)."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from signwise.errors import import_extra
from signwise.graph import CALIBRATION_BINS

from ._result import LABELS, Forecast

_COLORS = {
    "always_positive": "#9aa0a6",
    "ratee_mean": "#c9a227",
    "bias_mean": "#d1495b",
    "logistic": "#66a182",
    "boosting": "#2e4057",
    "semba": "#b23a48",
}
_STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "signwise",
}


def figures(result: Forecast) -> dict[str, str]:
    """The report's figures by name, each a self-contained ``<svg>`` element without names from the data.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    import_extra("matplotlib", "report", "to draw the report's figures")
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        drawings: dict[str, Any] = {}
        for name, draw, size in (
            ("timeline", _timeline, (9.2, 2.6)),
            ("curves", _curves, (9.2, 3.6)),
            ("trust", _trust, (9.2, 3.2)),
        ):
            figure = Figure(figsize=size, layout="constrained")
            draw(figure, result)
            drawings[name] = _svg(figure)
    return drawings


def _svg(figure: Any) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    svg = text.getvalue()
    return svg[svg.index("<svg") :]


def _timeline(figure: Any, result: Forecast) -> None:
    stream = result.log.stream
    seconds = stream.seconds
    edges = np.linspace(seconds[0], seconds[-1] + 1e-9, 61)
    where = np.clip(np.searchsorted(edges, seconds, side="right") - 1, 0, 59)
    positive = np.bincount(where[stream.sign > 0], minlength=60)
    negative = np.bincount(where[stream.sign < 0], minlength=60)
    axes = figure.subplots()
    x, width, unit = _time_axis(edges)
    axes.bar(x, positive, width, color="#b8c4d0", label="positive")
    axes.bar(x, negative, width, bottom=positive, color="#d1495b", label="negative")
    low, span = edges[0], edges[-1] - edges[0]
    for end, text, height in (
        (result.protocol.train_end, "validation →", 1.09),
        (result.protocol.validation_end, "test →", 1.0),
    ):
        at = x[0] - width / 2 + (end - low) / span * 60 * width
        axes.axvline(at, color="#333333", linewidth=0.8, linestyle="--")
        axes.text(at, height, f" {text}", transform=axes.get_xaxis_transform(), va="bottom", fontsize=8)
    axes.set(xlabel=unit, ylabel="events")
    axes.legend(loc="upper right")


def _time_axis(edges: Any) -> tuple[Any, float, str]:
    centers = (edges[:-1] + edges[1:]) / 2
    if edges[0] > 0 and edges[-1] < 4e9 and edges[-1] - edges[0] > 86_400:
        years = 1970 + centers / (365.2425 * 86_400)
        return years, float(years[1] - years[0]), "year"
    days = (centers - edges[0]) / 86_400
    return days, float(days[1] - days[0]), "days since the first event"


def _curves(figure: Any, result: Forecast) -> None:
    from sklearn.metrics import precision_recall_curve, roc_curve

    negative = result.log.stream.sign[result.split.test] < 0
    left, right = figure.subplots(1, 2)
    if negative.any() and not negative.all():
        for name, scores in result.scores.items():
            suspicion = -scores[result.split.test]
            report = result.reports[name].test
            false_alarm, found, _ = roc_curve(negative, suspicion)
            left.plot(*_thin(false_alarm, found), color=_COLORS[name], label=f"{LABELS[name]} ({report.auc:.3f})")
            precision, recall, _ = precision_recall_curve(negative, suspicion)
            # The last point is a convention (nothing found at precision 1); the curve starts level instead.
            recall, precision = np.append(recall[:-1], 0.0)[::-1], np.append(precision[:-1], precision[-2])[::-1]
            right.plot(
                *_thin(recall, precision),
                color=_COLORS[name],
                label=f"{LABELS[name]} ({report.ap_negative:.3f})",
            )
        left.legend(loc="lower right", title="AUC", fontsize=8)
        right.legend(loc="lower left", title="average precision", fontsize=8)
    left.set(title="Finding negatives", xlabel="share of positives flagged", ylabel="share of negatives found")
    right.set(
        title="Precision of the flags", xlabel="share of negatives found", ylabel="share of flags that are negative"
    )
    right.set_ylim(0, 1.02)


def _thin(x: Any, y: Any, step: float = 0.004) -> tuple[Any, Any]:
    """The points of a curve at least ``step`` apart in one coordinate, and its ends: finer detail is not visible."""
    kept = [0]
    for i in range(1, len(x) - 1):
        if abs(x[i] - x[kept[-1]]) >= step or abs(y[i] - y[kept[-1]]) >= step:
            kept.append(i)
    kept.append(len(x) - 1)
    return x[kept], y[kept]


def _trust(figure: Any, result: Forecast) -> None:
    test = result.split.test
    positive = result.log.stream.sign[test] > 0
    score = result.scores[result.selected][test]
    left, right = figure.subplots(1, 2)
    where = np.clip((score * CALIBRATION_BINS).astype(int), 0, CALIBRATION_BINS - 1)
    count = np.bincount(where, minlength=CALIBRATION_BINS)
    used = count > 0
    mean = np.bincount(where, weights=score, minlength=CALIBRATION_BINS)[used] / count[used]
    observed = np.bincount(where, weights=positive, minlength=CALIBRATION_BINS)[used] / count[used]
    left.plot([0, 1], [0, 1], color="#aaaaaa", linewidth=0.8)
    left.scatter(mean, observed, s=12 + 160 * count[used] / count.max(), color="#2e4057", alpha=0.8)
    left.set(
        title="Do the probabilities hold?",
        xlabel="forecast probability of a positive",
        ylabel="observed share of positives",
        xlim=(-0.03, 1.03),
        ylim=(-0.03, 1.03),
    )
    bins = np.linspace(0, 1, 41)
    right.hist([score[positive], score[~positive]], bins=bins, stacked=True, color=["#b8c4d0", "#d1495b"])
    right.axvline(result.reports[result.selected].threshold, color="#333333", linestyle="--", linewidth=0.8)
    right.set(
        title="Scores of positives and negatives", xlabel="forecast probability of a positive", ylabel="test events"
    )
    right.set_yscale("log")
