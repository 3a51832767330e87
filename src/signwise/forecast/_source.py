"""Rows of event files and tables, one at a time, with their line numbers."""

from __future__ import annotations

import bz2
import csv
import gzip
import lzma
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import orjson

from signwise.errors import DataError, import_extra

from ._parse import Invalid, parse_time

FileFormat = Literal["auto", "jsonl", "csv", "parquet"]
FIELDS = ("source", "target", "rating", "time")

_COMPRESSED = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
_MAGIC = ((b"\x1f\x8b", gzip.open), (b"\xfd7zXZ\x00", lzma.open), (b"BZh", bz2.open))
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Where each field of an event stands: a column name, or a JSON pointer such as ``/user/id``.

    Args:
        source: who rates.
        target: who is rated.
        rating: a number whose sign is the sign of the event and whose size is its weight.
        time: seconds since 1970, or an ISO 8601 date and time.
    """

    source: str = "source"
    target: str = "target"
    rating: str = "rating"
    time: str = "time"

    def names(self) -> tuple[str, str, str, str]:
        """The four places, in the order source, target, rating, time."""
        return self.source, self.target, self.rating, self.time


@dataclass(frozen=True, slots=True)
class Row:
    """The raw fields of one line, or why it has none."""

    line: int
    values: tuple[Any, ...] = ()
    problem: str | None = None
    content: str = ""


def read_rows(
    path: Path, *, fields: tuple[str, ...] = FIELDS, columns: Columns, file_format: FileFormat, required: int = 4
) -> Iterator[Row]:
    """The rows of a file.

    Args:
        path: a JSONL, CSV or Parquet file, compressed by gzip, xz or bzip2 or not.
        fields: the fields of an event that are wanted, among source, target, rating and time.
        columns: where each field stands.
        file_format: the format, or ``"auto"`` to go by the name and the first bytes.
        required: how many of ``fields``, from the first, must have a column.

    Yields:
        A row for each line that is not blank, in order.

    Raises:
        DataError: the file is missing, empty, not readable, damaged, or lacks a column.
    """
    places = {name: getattr(columns, name) for name in fields}
    if not path.exists():
        raise DataError(f"{path}: no such file")
    if path.is_dir():
        raise DataError(f"{path}: is a folder; give a JSONL, CSV or Parquet file")
    try:
        with path.open("rb") as raw:
            head = raw.read(16)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if not head:
        raise DataError(f"{path}: the file is empty")
    if file_format == "auto":
        file_format = _guess_format(path, head)
    if file_format == "parquet":
        yield from _parquet_rows(path, places, required)
        return
    lines = _text_lines(path, head)
    reader = _jsonl_rows if file_format == "jsonl" else _csv_rows
    yield from reader(path, lines, places, required)


def table_rows(table: Any, *, fields: tuple[str, ...] = FIELDS, columns: Columns, required: int = 4) -> Iterator[Row]:
    """The rows of a pandas, polars or Arrow table, or of a mapping of equally long columns; numbered from 1.

    Raises:
        DataError: a required column is missing or the columns differ in length.
    """
    places = [getattr(columns, name) for name in fields]
    available = list(table) if isinstance(table, Mapping) else _column_names(table)
    missing = [name for name in places[:required] if name not in available]
    if missing:
        raise DataError(_wrong_columns("the table", missing, available))
    values = [_as_list(table[name]) if name in available else None for name in places]
    lengths = {len(column) for column in values if column is not None}
    if len(lengths) != 1:
        raise DataError(f"the columns of the table differ in length: {sorted(lengths)}")
    size = lengths.pop()
    filled = [[None] * size if column is None else column for column in values]
    for line, row in enumerate(zip(*filled, strict=True), 1):
        yield Row(line, row, content=repr(row))


def _guess_format(path: Path, head: bytes) -> FileFormat:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in _COMPRESSED]
    last = suffixes[-1] if suffixes else ""
    if head[:4] == b"PAR1" or last in (".parquet", ".pq"):
        return "parquet"
    if last in (".jsonl", ".ndjson", ".json"):
        return "jsonl"
    if last in (".csv", ".tsv"):
        return "csv"
    for _, text in _text_lines(path, head):
        if text.strip():
            return "jsonl" if text.lstrip().startswith((b"{", b"[")) else "csv"
    return "csv"


def _text_lines(path: Path, head: bytes) -> Iterator[tuple[int, bytes]]:
    """Numbered lines without their line ends, decompressed by the file's first bytes or its suffix."""
    opener: Any = next((opener for magic, opener in _MAGIC if head.startswith(magic)), None)
    if opener is None and path.suffix.lower() in _COMPRESSED:
        raise DataError(f"{path}: the name says {path.suffix} and the content is not compressed so")
    number = 0
    stream: IO[bytes]
    try:
        with opener(path, "rb") if opener else path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                text = line.rstrip(b"\r\n")
                if number == 1:
                    if text.startswith(_UTF16):
                        raise DataError(f"{path}: the text is UTF-16; convert it to UTF-8 first (iconv -t utf-8)")
                    text = text.removeprefix(b"\xef\xbb\xbf")
                yield number, text
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        raise DataError(
            f"{path}: the compressed data are damaged or end early, after line {number} ({error}); get the file again"
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read after line {number} ({error})") from error
    if number == 0:
        raise DataError(f"{path}: the file is empty")


def _jsonl_rows(
    path: Path, lines: Iterator[tuple[int, bytes]], places: Mapping[str, str], required: int
) -> Iterator[Row]:
    getters = [_pointer(place) for place in places.values()]
    seen_fields: set[str] = set()
    objects = 0
    pending: list[Row] = []
    for number, text in lines:
        if not text.strip():
            continue
        content = text.decode("utf-8", "backslashreplace")
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            row = Row(number, problem=f"not valid JSON: {error.msg}", content=content)
        else:
            if isinstance(document, dict):
                objects += 1
                values = tuple(getter(document) for getter in getters)
                seen_fields.update(name for name, v in zip(places, values, strict=True) if v is not None)
                row = Row(number, values, content=content)
            elif number == 1 and isinstance(document, list):
                raise DataError(f"{path}: holds one JSON array; write one object a line (jq -c '.[]')")
            else:
                row = Row(number, problem=f"expected a JSON object, got {type(document).__name__}", content=content)
        if len(pending) < 100:
            # A column that the first hundred lines never have is a wrong name, not a hundred bad lines.
            pending.append(row)
            if len(pending) == 100:
                _check_fields(path, pending, places, required, seen_fields, objects)
                yield from pending
        else:
            yield row
    if len(pending) < 100:
        _check_fields(path, pending, places, required, seen_fields, objects)
        yield from pending


def _check_fields(
    path: Path, rows: list[Row], places: Mapping[str, str], required: int, seen: set[str], objects: int
) -> None:
    missing = [place for name, place in list(places.items())[:required] if name not in seen]
    if objects and missing:
        first = next(row for row in rows if row.problem is None)
        available = list(orjson.loads(first.content))
        raise DataError(_wrong_columns(str(path), missing, available))


def _csv_rows(
    path: Path, lines: Iterator[tuple[int, bytes]], places: Mapping[str, str], required: int
) -> Iterator[Row]:
    wanted = list(places.values())
    index: list[int | None] | None = None
    delimiter = ","
    for number, text in lines:
        if not text.strip():
            continue
        try:
            line = text.decode("utf-8")
        except UnicodeDecodeError as error:
            content = text.decode("utf-8", "backslashreplace")
            problem = f"not valid UTF-8 at byte {error.start + 1}"
            if index is None:
                raise DataError(f"{path}: line {number} is {problem}, so its columns are unknown") from error
            yield Row(number, problem=problem, content=content)
            continue
        if index is None and "," not in line:
            delimiter = next((mark for mark in "\t;" if mark in line), ",")
        try:
            # One line is one record: a stray quote must not swallow the lines after it.
            cells = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, strict=True))]
        except csv.Error as error:
            yield Row(number, problem=f"not valid CSV: {error}", content=line)
            continue
        if index is None:
            header = [cells.index(name) if name in cells else None for name in wanted]
            if all(position is not None for position in header[:required]):
                index = header
                continue
            named = any(position is not None for position in header)
            if named or wanted != list(places) or not _is_data(cells, list(places), required):
                missing = [name for name, position in zip(wanted[:required], header, strict=False) if position is None]
                raise DataError(_wrong_columns(str(path), missing, cells))
            index = list(range(len(wanted)))
        needed = 1 + max(i for i in index[:required] if i is not None)
        if needed > len(cells):
            yield Row(number, problem=f"has {len(cells)} fields; expected at least {needed}", content=line)
            continue
        cells += [""] * (max(i for i in index if i is not None) + 1 - len(cells))
        yield Row(number, tuple(None if i is None or not cells[i] else cells[i] for i in index), content=line)


def _is_data(cells: list[str], fields: list[str], required: int) -> bool:
    """Whether a first line without the wanted names can be a record, and not a header of other names."""
    if len(cells) < required:
        return False
    time = fields.index("time")
    if time >= len(cells) or (time >= required and not cells[time]):
        return True
    try:
        parse_time(cells[time], 1.0)
    except Invalid:
        return False
    return True


def _parquet_rows(path: Path, places: Mapping[str, str], required: int) -> Iterator[Row]:
    parquet = import_extra("pyarrow.parquet", "arrow", "to read Parquet files")
    arrow = import_extra("pyarrow", "arrow", "to read Parquet files")
    try:
        file = parquet.ParquetFile(path)
        available = list(file.schema_arrow.names)
        tops = {name: place.split("/")[1] if place.startswith("/") else place for name, place in places.items()}
        missing = [places[name] for name in list(places)[:required] if tops[name] not in available]
        if missing:
            raise DataError(_wrong_columns(str(path), missing, available))
        getters = [_pointer(place) for place in places.values()]
        line = 0
        for batch in file.iter_batches(columns=[top for top in dict.fromkeys(tops.values()) if top in available]):
            for document in batch.to_pylist():
                line += 1
                yield Row(line, tuple(getter(document) for getter in getters), content=str(document))
    except (arrow.ArrowInvalid, arrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: is not a readable Parquet file ({error})") from error
    if line == 0:
        raise DataError(f"{path}: the file has no rows")


def _pointer(place: str) -> Any:
    """A function that reads a top-level key, or a JSON pointer (RFC 6901) when the place starts with a slash."""
    if not place.startswith("/"):
        return lambda document: document.get(place)
    steps = [step.replace("~1", "/").replace("~0", "~") for step in place[1:].split("/")]

    def get(document: Any) -> Any:
        for step in steps:
            if isinstance(document, Mapping):
                document = document.get(step)
            elif isinstance(document, list) and step.isdigit() and int(step) < len(document):
                document = document[int(step)]
            else:
                return None
        return document

    return get


def _wrong_columns(where: str, missing: list[str], available: list[str]) -> str:
    shown = ", ".join(available[:12]) + (", ..." if len(available) > 12 else "")
    return (
        f"{where}: no column {', '.join(repr(name) for name in missing)}; the columns are: {shown}. "
        "Name the columns of your data (--source, --target, --rating, --time)"
    )


def _column_names(table: Any) -> list[str]:
    names = getattr(table, "column_names", None)
    if names is None:
        names = getattr(table, "columns", None)
    if names is None:
        raise TypeError(f"got {type(table).__name__}; expected a path, a pandas, polars or Arrow table, or a mapping")
    return [str(name) for name in names]


def _as_list(column: Any) -> list[Any]:
    for method in ("to_pylist", "to_list", "tolist"):
        if hasattr(column, method):
            return list(getattr(column, method)())
    return list(column)
