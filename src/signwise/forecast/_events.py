"""From raw rows to a valid event stream: what is kept, dropped and rejected, and why."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from signwise.data import LoadedStream
from signwise.errors import DataError
from signwise.events import EventStream

from ._parse import TICK_SECONDS, UNIT_SECONDS, Invalid, parse_event, parse_payload
from ._rows import FIELDS, Columns, Row
from ._source import FORMATS, FileFormat, read_rows, table_rows

Policy = Literal["keep", "drop", "reject"]
TimeUnit = Literal["s", "ms", "us", "ns"]


@dataclass(frozen=True, kw_only=True)
class Reject:
    """A line that is not used: its number, the reason, and what it held."""

    line: int
    reason: str
    content: str


@dataclass(frozen=True, kw_only=True, eq=False)
class EventLog:
    """A valid stream and an account of every line that it came from.

    Args:
        name: the file or data set.
        stream: the events that are used.
        lines: lines read that were not blank; equal to events + rejected + dropped.
        rejects: every rejected line.
        dropped: how many lines each named option dropped, by reason.
        payload: what each event of ``stream`` says besides, as JSON text, or None where it says nothing; None where
            no payload was read.
    """

    name: str
    stream: EventStream
    lines: int
    rejects: tuple[Reject, ...]
    dropped: dict[str, int]
    payload: tuple[bytes | None, ...] | None = None


def read_events(
    source: Any,
    *,
    columns: Columns | None = None,
    file_format: FileFormat = "auto",
    time_unit: TimeUnit = "s",
    self_loops: Policy = "reject",
    duplicates: Policy = "keep",
    weight_max: float | None = None,
    strict: bool = False,
    name: str | None = None,
    on_lines: Callable[[int], object] | None = None,
) -> EventLog:
    """Read and validate signed events.

    Args:
        source: a path to a JSONL, CSV or Parquet file (gzip, xz and bzip2 too); a pandas, polars or Arrow table;
            a mapping of columns; or an :class:`~signwise.events.EventStream`.
        columns: where the fields stand; by default ``source``, ``target``, ``rating`` and ``time``, and no payload.
        file_format: ``"auto"``, ``"jsonl"``, ``"csv"`` or ``"parquet"``.
        time_unit: unit of numeric times; ISO 8601 texts need none.
        self_loops: what to do with a rating of oneself: keep, drop (counted) or reject (listed).
        duplicates: what to do with a line that repeats source, target, rating and time of an earlier one.
        weight_max: the largest possible ``abs(rating)``, if known; else the training part's largest is used.
        strict: fail on the first line that would be rejected.
        name: what to call the data in errors and reports; by default the path.
        on_lines: called with the number of lines read since the last call.

    Returns:
        The stream, the rejects and the counts.

    Raises:
        DataError: the file cannot be used, no valid line is left, or ``strict`` met a bad line.

    Example:
        >>> from signwise.forecast import read_events
        >>> log = read_events({"source": ["a", "b"], "target": ["b", "c"], "rating": [2, 0], "time": [1, 2]})
        >>> len(log.stream), log.rejects[0].reason
        (1, 'rating is 0, which has no sign')
    """
    for option, policy in (("self_loops", self_loops), ("duplicates", duplicates)):
        if policy not in ("keep", "drop", "reject"):
            raise ValueError(f"{option} is {policy!r}; expected keep, drop or reject")
    check_form(file_format, time_unit)
    if weight_max is not None and not (math.isfinite(weight_max) and weight_max > 0):
        raise ValueError(f"weight_max is {weight_max}; expected a positive number")
    columns = columns or Columns()
    fields = FIELDS if columns.payload is None else (*FIELDS, "payload")
    rows: Iterable[Row]
    if isinstance(source, EventStream):
        if columns.payload is not None:
            raise ValueError("an event stream has no payload column; give it vectors, EventStream.payload")
        reader = _Reader(self_loops, duplicates, 1.0, strict, name or "events")
        return reader.filter(source, weight_max)
    if isinstance(source, (str, Path)):
        name = name or str(source)
        rows = read_rows(Path(source), fields=fields, columns=columns, file_format=file_format, required=len(fields))
    else:
        name = name or "table"
        rows = table_rows(source, fields=fields, columns=columns, required=len(fields))
    reader = _Reader(self_loops, duplicates, UNIT_SECONDS[time_unit], strict, name)
    for count, row in enumerate(rows, 1):
        reader.add(row)
        if on_lines is not None and count % 4096 == 0:
            on_lines(4096)
    if on_lines is not None:
        on_lines(reader.lines % 4096)
    return reader.log(weight_max)


def check_form(file_format: str, time_unit: str) -> None:
    """Check the names of a format and a unit of time."""
    if time_unit not in UNIT_SECONDS:
        raise ValueError(f"time_unit is {time_unit!r}; expected one of: {', '.join(UNIT_SECONDS)}")
    if file_format not in FORMATS:
        raise ValueError(f"file_format is {file_format!r}; expected one of: {', '.join(FORMATS)}")


class _Reader:
    """Collects valid events and accounts for the others."""

    def __init__(self, self_loops: Policy, duplicates: Policy, seconds: float, strict: bool, name: str) -> None:
        self._policies = {"self-loop": self_loops, "duplicate": duplicates}
        self._seconds = seconds
        self._strict = strict
        self._name = name
        self._seen: set[tuple[str, str, float, float]] = set()
        self._events: list[tuple[str, str, float, float]] = []
        self._event_lines: list[int] = []
        self._payloads: dict[int, bytes | None] | None = None
        self._rejects: list[Reject] = []
        self._dropped: Counter[str] = Counter()
        self.lines = 0

    def add(self, row: Row) -> None:
        self.lines += 1
        try:
            if row.problem is not None:
                raise Invalid(row.problem)
            event = parse_event(row.values[: len(FIELDS)], self._seconds)
            payload = parse_payload(row.values[-1]) if len(row.values) > len(FIELDS) else None
        except Invalid as reason:
            self._reject(row, str(reason))
            return
        if self._wanted(row, event):
            self._events.append(event)
            self._event_lines.append(row.line)
            if len(row.values) > len(FIELDS):
                self._payloads = {} if self._payloads is None else self._payloads
                self._payloads[row.line] = payload

    def filter(self, stream: EventStream, weight_max: float | None) -> EventLog:
        """The log of a stream whose events are valid already: only the policies apply."""
        lines = stream.line.tolist() if stream.line is not None else range(1, len(stream) + 1)
        columns = (stream.source, stream.target, stream.rating, stream.time)
        kept = []
        for line, u, v, rating, time in zip(lines, *(column.tolist() for column in columns), strict=True):
            event = (stream.nodes[u], stream.nodes[v], rating, time)
            self.lines += 1
            kept.append(self._wanted(Row(line, content=repr(event)), event))
        if not all(kept):
            stream = stream.select(np.asarray(kept))
        if weight_max is not None:
            stream = replace(stream, weight_max=weight_max)
        name, dropped = self._name, dict(self._dropped)
        if isinstance(stream, LoadedStream):
            # What the data set itself left out belongs to the account.
            for part in stream.provenance.dropped:
                dropped[part.reason] = dropped.get(part.reason, 0) + part.count
                self.lines += part.count
        return EventLog(name=name, stream=stream, lines=self.lines, rejects=tuple(self._rejects), dropped=dropped)

    def _wanted(self, row: Row, event: tuple[str, str, float, float]) -> bool:
        """Whether the policies admit a valid event."""
        if event[0] == event[1] and not self._admit(row, "self-loop", f"self-loop: {event[0]!r} rates itself"):
            return False
        if self._policies["duplicate"] != "keep":
            if event in self._seen and not self._admit(row, "duplicate", "duplicate of an earlier line"):
                return False
            self._seen.add(event)
        return True

    def _admit(self, row: Row, kind: str, reason: str) -> bool:
        policy = self._policies[kind]
        if policy == "drop":
            self._dropped[kind] += 1
        elif policy == "reject":
            self._reject(row, reason)
        return policy == "keep"

    def _reject(self, row: Row, reason: str) -> None:
        if self._strict:
            raise DataError(f"{self._name}: line {row.line}: {reason} (strict reading stops at the first bad line)")
        self._rejects.append(Reject(line=row.line, reason=reason, content=row.content))

    def log(self, weight_max: float | None) -> EventLog:
        if not self._events:
            first = f"; the first is line {self._rejects[0].line}: {self._rejects[0].reason}" if self._rejects else ""
            raise DataError(
                f"{self._name}: no valid line is left of {self.lines}: {len(self._rejects)} rejected, "
                f"{self._dropped.total()} dropped{first}"
            )
        source, target, rating, time = zip(*self._events, strict=True)
        stream = EventStream.from_columns(
            source=source,
            target=target,
            rating=np.asarray(rating),
            time=np.asarray(time),
            tick_seconds=TICK_SECONDS,
            weight_max=weight_max,
            line=self._event_lines,
        )
        lines: list[int] = [] if stream.line is None else stream.line.tolist()
        return EventLog(
            name=self._name,
            stream=stream,
            lines=self.lines,
            rejects=tuple(self._rejects),
            dropped=dict(self._dropped),
            payload=None if self._payloads is None else tuple(self._payloads[line] for line in lines),
        )
