"""The HTML report of a run; every name from the data passes through the template's escaping."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from signwise import __version__
from signwise.errors import MissingExtraError

from ._plots import figures
from ._result import LABELS, OPTIMIZER_LABELS, Forecast
from ._write import decimal_seconds, iso_time

TEMPLATE = "report.html.j2"


@dataclass(frozen=True, kw_only=True)
class Alarms:
    """What flagging every test event below the threshold would have meant.

    Args:
        flagged: events flagged.
        hits: flagged events that were negative.
        negatives: negative events in all.
        events: test events in all.
    """

    flagged: int
    hits: int
    negatives: int
    events: int


def alarms(result: Forecast, name: str) -> Alarms:
    """Count the flags of a forecaster on the test part."""
    test = result.split.test
    negative = result.log.stream.sign[test] < 0
    flagged = result.scores[name][test] < result.reports[name].threshold
    return Alarms(
        flagged=int(flagged.sum()),
        hits=int((flagged & negative).sum()),
        negatives=int(negative.sum()),
        events=len(negative),
    )


def render_report(result: Forecast) -> str:
    """The self-contained HTML page; without matplotlib it has no figures and says so."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    note = None
    drawings: dict[str, str] = {}
    try:
        drawings = {name: Markup(svg) for name, svg in figures(result).items()}
    except MissingExtraError as error:
        note = f"This report has no figures: {error}"
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"share": _share, "number": _number, "count": lambda value: f"{value:,}"}
    template = environment.from_string(resources.files(__package__).joinpath(TEMPLATE).read_text("utf-8"))
    return template.render(
        version=__version__,
        note=note,
        figures=drawings,
        labels=LABELS,
        optimizer_labels=OPTIMIZER_LABELS,
        dataset=result.dataset,
        splits=result.splits,
        reports=result.reports,
        selected=result.selected,
        protocol=result.protocol,
        alarms={name: alarms(result, name) for name in result.reports},
        ablation=result.ablation,
        optimizers=result.optimizers,
        suspects=_suspects(result, 15),
        rejects=result.log.rejects[:10],
    )


def _suspects(result: Forecast, count: int) -> list[dict[str, Any]]:
    """The test events with the lowest scores of the selected forecaster."""
    stream = result.log.stream
    rows = np.flatnonzero(result.split.test)
    score = result.scores[result.selected]
    lowest = rows[np.argsort(score[rows], kind="stable")[:count]]
    return [
        {
            "source": stream.nodes[stream.source[i]],
            "target": stream.nodes[stream.target[i]],
            "time": iso_time(stream, int(stream.time[i])),
            "seconds": decimal_seconds(int(stream.time[i]), stream.tick_seconds),
            "rating": f"{stream.rating[i]:g}",
            "negative": bool(stream.sign[i] < 0),
            "score": float(score[i]),
        }
        for i in lowest.tolist()
    ]


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
