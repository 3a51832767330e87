"""The files of a run, written together or not at all."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from signwise import artifacts
from signwise.errors import ArtifactError
from signwise.events import EventStream

from ._model import MODEL_FOLDER

if TYPE_CHECKING:
    from ._result import Forecast

RUN_KIND = "signwise-forecast-run"
RUN_VERSION = 1
PREDICTION_FIELDS = ("line", "source", "target", "time", "split", "model", "score", "label")


def check_output(path: Path) -> Path:
    """The output directory as an absolute path, after checking that a run can be written there.

    Raises:
        ArtifactError: the place holds something that is not an earlier run, or cannot be written.
    """
    path = path.absolute()
    if path.exists() and not path.is_dir():
        raise ArtifactError(f"{path}: is a file; give a folder for the output")
    parent = path.parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        raise ArtifactError(f"{path}: cannot be made, because {parent} is a file")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise ArtifactError(f"{path}: cannot be written, because {parent} is not writable")
    artifacts.check_replaceable(path)
    return path


def write_run(result: Forecast, path: Path) -> None:
    """Write model, metrics, predictions, rejects and report into one directory that appears when all are done."""
    from ._report import render_report

    with artifacts.stage_directory(path, kind=RUN_KIND, version=RUN_VERSION) as folder:
        result.model.save(folder / MODEL_FOLDER)
        (folder / "metrics.json").write_text(json.dumps(result.metrics(), indent=2, allow_nan=False) + "\n")
        with (folder / "predictions.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(PREDICTION_FIELDS)
            writer.writerows(prediction_rows(result))
        (folder / "rejects.csv").write_text(rejects_csv(result), encoding="utf-8")
        (folder / "report.html").write_text(render_report(result), encoding="utf-8")


def prediction_rows(result: Forecast) -> Iterator[tuple[Any, ...]]:
    """The rows of ``predictions.csv``: validation and test events under every forecaster."""
    stream = result.log.stream
    lines = np.arange(1, len(stream) + 1) if stream.line is None else stream.line
    nodes = stream.nodes
    for part in ("validation", "test"):
        rows = np.flatnonzero(getattr(result.split, part))
        events = [
            (line, nodes[source], nodes[target], decimal_seconds(time, stream.tick_seconds), part)
            for line, source, target, time in zip(
                lines[rows].tolist(),
                stream.source[rows].tolist(),
                stream.target[rows].tolist(),
                stream.time[rows].tolist(),
                strict=True,
            )
        ]
        labels = stream.sign[rows].tolist()
        for name, score in result.scores.items():
            for event, value, label in zip(events, score[rows].tolist(), labels, strict=True):
                yield (*event, name, repr(value), label)


def rejects_csv(result: Forecast) -> str:
    """The text of ``rejects.csv``: line, reason and content of every rejected line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("line", "reason", "content"))
    writer.writerows((reject.line, reject.reason, reject.content) for reject in result.log.rejects)
    return text.getvalue()


def decimal_seconds(time: int, tick_seconds: float) -> str:
    """Ticks as decimal seconds without trailing zeros; exact where a tick is a power of ten."""
    digits = round(-math.log10(tick_seconds))
    if digits < 0 or not math.isclose(10.0**-digits, tick_seconds, rel_tol=1e-12):
        return repr(time * tick_seconds)
    whole, rest = divmod(abs(time), 10**digits)
    fraction = f".{rest:0{digits}d}".rstrip("0") if rest else ""
    return f"{'-' if time < 0 else ''}{whole}{fraction}"


def iso_time(stream: EventStream, time: int) -> str:
    """A tick as an ISO 8601 time in UTC, or in seconds where the calendar does not reach."""
    seconds = time * stream.tick_seconds
    if -62_135_596_800 <= seconds < 253_402_300_800:
        return str(np.datetime64(int(seconds // 1), "s")) + "Z"
    return f"{seconds:.6g} s"
