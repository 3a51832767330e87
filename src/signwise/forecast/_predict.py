"""Scores of new pairs from a stored model: the library form of ``signwise predict``."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from signwise.errors import DataError
from signwise.progress import Progress

from ._events import TimeUnit, check_form
from ._model import ForecastModel
from ._parse import UNIT_SECONDS, Invalid, is_missing, parse_node, parse_time
from ._rows import Columns, Row
from ._source import FileFormat, read_rows, table_rows
from ._write import decimal_seconds

PAIR_FIELDS = ("source", "target", "time")


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """Scored pairs, in the order in which they came.

    Args:
        source, target: names of the nodes.
        time: int64 ticks, shape ``(q,)``, at which each pair was scored.
        tick_seconds: seconds in a tick.
        score: probability of a positive sign; float64, shape ``(q,)``.
        model: the forecaster.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    time: npt.NDArray[np.int64]
    tick_seconds: float
    score: npt.NDArray[np.float64]
    model: str

    def __len__(self) -> int:
        return len(self.score)

    def write_csv(self, file: IO[str]) -> None:
        """Write ``source,target,time,score`` with a header."""
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*PAIR_FIELDS, "score"))
        for source, target, time, score in zip(
            self.source, self.target, self.time.tolist(), self.score.tolist(), strict=True
        ):
            writer.writerow((source, target, decimal_seconds(time, self.tick_seconds), repr(score)))


def predict(
    model: ForecastModel | str | Path,
    pairs: Any,
    *,
    forecaster: str | None = None,
    columns: Columns | None = None,
    file_format: FileFormat = "auto",
    time_unit: TimeUnit = "s",
    progress: bool | None = None,
) -> Predictions:
    """Probability of a positive sign for each pair of nodes, from what was known before its time.

    Args:
        model: a model, its directory, or the run directory that contains it.
        pairs: a file or table with columns source, target and, if wanted, time; a CSV file without a header is
            taken in that order if the model knows a name of its first line. A pair without a time is scored at the
            moment after the model's last event.
        forecaster: name of the forecaster; by default the one that was best on validation.
        columns: where the fields stand; by default ``source``, ``target`` and ``time``.
        file_format, time_unit: see :func:`read_events`.
        progress: show progress on standard error; None decides by the terminal.

    Returns:
        One score for each pair. Names that the model has not seen are new nodes without a history.

    Raises:
        DataError: the file cannot be used, its first line may be a header, or a line is not a pair; nothing is
            skipped.
        ArtifactError: there is no readable model.
        ValueError: the model has no such forecaster.
    """
    check_form(file_format, time_unit)
    fitted = model if isinstance(model, ForecastModel) else ForecastModel.load(model)
    columns = columns or Columns()
    if isinstance(pairs, (str, Path)):
        name = str(pairs)
        rows = read_rows(Path(pairs), fields=PAIR_FIELDS, columns=columns, file_format=file_format, required=2)
    else:
        name = "table"
        rows = table_rows(pairs, fields=PAIR_FIELDS, columns=columns, required=2)
    now = int(fitted.stream.time[-1]) + 1
    tick = fitted.stream.tick_seconds
    asked: list[tuple[str, str, int]] = []
    for row in rows:
        pair = _pair(row, name, UNIT_SECONDS[time_unit], tick, now)
        if not asked and row.headerless and not {pair[0], pair[1]} & set(fitted.stream.nodes):
            raise DataError(
                f"{name}: line {row.line} may be a header, as the model knows none of its names: name its columns "
                "(--source, --target), or, if it is a pair, put the header source,target before it"
            )
        asked.append(pair)
    if not asked:
        raise DataError(f"{name}: holds no pairs")
    source, target, time = zip(*asked, strict=True)
    ticks = np.asarray(time, np.int64)
    with Progress("Scoring pairs", total=len(fitted.stream), enabled=progress) as bar:
        score = fitted.score(source, target, ticks, model=forecaster, on_events=bar.advance)
    return Predictions(
        source=source,
        target=target,
        time=ticks,
        tick_seconds=tick,
        score=score,
        model=forecaster or fitted.selected,
    )


def _pair(row: Row, name: str, unit_seconds: float, tick_seconds: float, now: int) -> tuple[str, str, int]:
    try:
        if row.problem is not None:
            raise Invalid(row.problem)
        source, target = parse_node(row.values[0], "source"), parse_node(row.values[1], "target")
        if is_missing(row.values[2]):
            return source, target, now
        return source, target, round(parse_time(row.values[2], unit_seconds) / tick_seconds)
    except Invalid as reason:
        raise DataError(f"{name}: line {row.line}: {reason}") from None
