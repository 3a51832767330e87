"""Rows of CSV text: records by RFC 4180, their faults kept apart from their neighbours."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from signwise.errors import DataError

from ._parse import Invalid, parse_time
from ._rows import Row, wrong_columns

MAX_RECORD_BYTES = 1 << 20
_DELIMITERS = (",", ";", "\t")
_QUOTE = ord('"')


def csv_rows(path: Path, lines: Iterator[tuple[int, bytes]], places: Mapping[str, str], required: int) -> Iterator[Row]:
    """The rows of CSV lines; see :func:`read_rows`.

    The delimiter is the one of comma, semicolon and tab under which the first line makes sense: it names the wanted
    columns, or, where they have their default names, it is itself a record in their order.
    """
    first: tuple[int, str] | None = None
    for number, raw in lines:
        if raw.strip():
            first = number, _decode_first(path, number, raw)
            break
    if first is None:
        return
    number, text = first
    layout = _layout(path, text, places, required)
    head = [(number, text.encode())] if layout.headerless else []
    for number, record, problem in _records(chain(head, lines), layout.delimiter):
        content = record.decode("utf-8", "backslashreplace")
        if problem is None:
            try:
                cells = next(csv.reader([record.decode("utf-8")], delimiter=layout.delimiter, strict=True))
                yield layout.row(number, cells, content)
                continue
            except UnicodeDecodeError as error:
                problem = f"not valid UTF-8 at byte {error.start + 1}"
            except csv.Error as error:
                problem = f"not valid CSV: {error}"
        yield Row(number, problem=problem, content=content)


class _Layout:
    """Where the wanted fields stand in a record."""

    def __init__(
        self, delimiter: str, first: list[str], index: Sequence[int | None], required: int, *, headerless: bool
    ) -> None:
        self.delimiter = delimiter
        self.headerless = headerless
        self._index = index
        self._needed = 1 + max(i for i in index[:required] if i is not None)
        self._width = max(len(first), len(index)) if headerless else len(first)
        # A space after every delimiter is a way of writing, and not the beginning of a name.
        self._padded = len(first) > 1 and all(cell.startswith(" ") for cell in first[1:])

    def row(self, line: int, cells: list[str], content: str) -> Row:
        """The wanted fields of one record."""
        if len(cells) < self._needed:
            return Row(line, problem=f"has {len(cells)} fields; expected at least {self._needed}", content=content)
        if any(cell.strip() for cell in cells[self._width :]):
            return Row(line, problem=f"has {len(cells)} fields; expected {self._width}", content=content)
        values = [cells[i] if i is not None and i < len(cells) else "" for i in self._index]
        if self._padded:
            values = [value.strip() for value in values]
        return Row(line, tuple(value or None for value in values), content=content, headerless=self.headerless)


def _layout(path: Path, text: str, places: Mapping[str, str], required: int) -> _Layout:
    wanted = list(places.values())
    readings = {}
    for delimiter in _DELIMITERS:
        try:
            readings[delimiter] = next(csv.reader([text], delimiter=delimiter, strict=True))
        except csv.Error:
            continue
    if not readings:
        raise DataError(f"{path}: the first line is not valid CSV, so its columns are unknown: {text[:80]!r}")
    for delimiter, cells in readings.items():
        names = [cell.strip() for cell in cells]
        header = [names.index(name) if name in names else None for name in wanted]
        if all(position is not None for position in header[:required]):
            return _Layout(delimiter, cells, header, required, headerless=False)
    if wanted == list(places):
        for delimiter, cells in readings.items():
            named = {cell.strip() for cell in cells} & set(wanted)
            if not named and _is_data(cells, list(places), required):
                return _Layout(delimiter, cells, range(len(wanted)), required, headerless=True)
    cells = max(readings.values(), key=len)
    names = [cell.strip() for cell in cells]
    raise DataError(wrong_columns(str(path), [name for name in wanted[:required] if name not in names], names))


def _is_data(cells: list[str], fields: list[str], required: int) -> bool:
    """Whether a first line without the wanted names can be a record, and not a header of other names."""
    if len(cells) < required:
        return False
    time = fields.index("time")
    if time >= len(cells) or (time >= required and not cells[time].strip()):
        return True
    try:
        parse_time(cells[time], 1.0)
    except Invalid:
        return False
    return True


def _decode_first(path: Path, number: int, raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: line {number} is not valid UTF-8 at byte {error.start + 1}, so its columns are unknown"
        ) from error


def _records(lines: Iterator[tuple[int, bytes]], delimiter: str) -> Iterator[tuple[int, bytes, str | None]]:
    """Records with the number of their first line, and what is wrong with their quotes.

    A quoted field may hold line ends, and what stands inside it is never read as a record of its own. A quote that
    does not close, closes in mid-text or not within a mebibyte never opened a field: only its line is at fault, and
    reading goes on with the next one.
    """
    mark = ord(delimiter)
    waiting: list[tuple[int, bytes]] = []
    source = iter(lines)
    while True:
        first = waiting.pop() if waiting else next(source, None)
        if first is None:
            return
        number, record = first
        if not record.strip():
            continue
        open_, broken = _quotes(record, mark, inside=False)
        if not open_ or broken:
            yield number, record, None
            continue
        taken: list[tuple[int, bytes]] = []
        size = len(record)
        while open_ and not broken and size <= MAX_RECORD_BYTES:
            following = waiting.pop() if waiting else next(source, None)
            if following is None:
                break
            taken.append(following)
            size += len(following[1]) + 1
            open_, broken = _quotes(following[1], mark, inside=True)
        if open_ or broken:
            yield number, record, "not valid CSV: a quoted field does not close"
            waiting.extend(reversed(taken))
        else:
            yield number, b"\n".join([record, *(text for _, text in taken)]), None


def _quotes(text: bytes, delimiter: int, *, inside: bool) -> tuple[bool, bool]:
    """Whether a line ends inside a quoted field, and whether text follows a closing quote."""
    if _QUOTE not in text:
        return inside, False
    state = "quoted" if inside else "start"
    for c in text:
        if state == "quoted":
            if c == _QUOTE:
                state = "closed"
        elif state == "closed":
            if c == _QUOTE:
                state = "quoted"
            elif c == delimiter:
                state = "start"
            else:
                return False, True
        elif c == delimiter:
            state = "start"
        elif c == _QUOTE and state == "start":
            state = "quoted"
        else:
            state = "bare"
    return state == "quoted", False
