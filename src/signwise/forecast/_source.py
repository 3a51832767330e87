"""Rows of event files and tables, one at a time, with their line numbers."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import orjson

from signwise.errors import DataError, import_extra

from ._csv import csv_rows
from ._rows import FIELDS, Columns, Row, wrong_columns

FileFormat = Literal["auto", "jsonl", "csv", "parquet"]
FORMATS = ("auto", "jsonl", "csv", "parquet")

_COMPRESSED = (".gz", ".xz", ".bz2")
_MAGIC = ((b"\x1f\x8b", gzip.open), (b"\xfd7zXZ\x00", lzma.open), (b"BZh", bz2.open))
_DAMAGED = (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BOM = b"\xef\xbb\xbf"


def read_rows(
    path: Path, *, fields: tuple[str, ...] = FIELDS, columns: Columns, file_format: FileFormat, required: int = 4
) -> Iterator[Row]:
    """The rows of a file, which is opened once and read in order, so that a pipe will do.

    Args:
        path: a JSONL, CSV or Parquet file, compressed by gzip, xz or bzip2 or not.
        fields: the fields of an event that are wanted, among source, target, rating and time.
        columns: where each field stands.
        file_format: the format, or ``"auto"`` to go by the name and the first bytes.
        required: how many of ``fields``, from the first, must have a column.

    Yields:
        A row for each record that is not blank, in order.

    Raises:
        DataError: the file is missing, empty, not readable, damaged, or lacks a column.
    """
    places = {name: getattr(columns, name) for name in fields}
    if not path.exists():
        raise DataError(f"{path}: no such file")
    if path.is_dir():
        raise DataError(f"{path}: is a folder; give a JSONL, CSV or Parquet file")
    number = 0
    try:
        with path.open("rb") as raw, _decompressed(path, raw) as stream:
            head = stream.peek(16)
            if not head:
                raise DataError(f"{path}: the file is empty")
            if file_format == "auto":
                file_format = _guess_format(path, head)
            if file_format == "parquet":
                yield from _parquet_rows(path, stream, places, required)
                return
            reader = _jsonl_rows if file_format == "jsonl" else csv_rows
            for row in reader(path, _lines(path, stream), places, required):
                number = row.line
                yield row
    except _DAMAGED as error:
        raise DataError(
            f"{path}: the compressed data are damaged or end early, after line {number} ({error}); get the file again"
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read after line {number} ({error.strerror or error})") from error


def table_rows(table: Any, *, fields: tuple[str, ...] = FIELDS, columns: Columns, required: int = 4) -> Iterator[Row]:
    """The rows of a pandas, polars or Arrow table, or of a mapping of equally long columns; numbered from 1.

    Raises:
        DataError: a required column is missing or the columns differ in length.
    """
    places = [getattr(columns, name) for name in fields]
    available = list(table) if isinstance(table, Mapping) else _column_names(table)
    missing = [name for name in places[:required] if name not in available]
    if missing:
        raise DataError(wrong_columns("the table", missing, available))
    values = [_as_list(table[name]) if name in available else None for name in places]
    lengths = {len(column) for column in values if column is not None}
    if len(lengths) != 1:
        raise DataError(f"the columns of the table differ in length: {sorted(lengths)}")
    size = lengths.pop()
    filled = [[None] * size if column is None else column for column in values]
    for line, row in enumerate(zip(*filled, strict=True), 1):
        yield Row(line, row, content=repr(row))


def _decompressed(path: Path, raw: io.BufferedReader) -> Any:
    head = raw.peek(16)
    for magic, opener in _MAGIC:
        if head.startswith(magic):
            return opener(raw, "rb")
    if head and path.suffix.lower() in _COMPRESSED:
        raise DataError(f"{path}: the name says {path.suffix} and the content is not compressed so")
    return raw


def _guess_format(path: Path, head: bytes) -> FileFormat:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in _COMPRESSED]
    last = suffixes[-1] if suffixes else ""
    if head.startswith(b"PAR1") or last in (".parquet", ".pq"):
        return "parquet"
    if last in (".jsonl", ".ndjson", ".json"):
        return "jsonl"
    if last in (".csv", ".tsv"):
        return "csv"
    return "jsonl" if head.removeprefix(_BOM).lstrip().startswith((b"{", b"[")) else "csv"


def _lines(path: Path, stream: Any) -> Iterator[tuple[int, bytes]]:
    """Numbered lines without their line ends."""
    for number, line in enumerate(stream, 1):
        text = line.rstrip(b"\r\n")
        if number == 1:
            if text.startswith(_UTF16):
                raise DataError(f"{path}: the text is UTF-16; convert it to UTF-8 first (iconv -t utf-8)")
            text = text.removeprefix(_BOM)
        yield number, text


def _jsonl_rows(
    path: Path, lines: Iterator[tuple[int, bytes]], places: Mapping[str, str], required: int
) -> Iterator[Row]:
    getters = [_pointer(place) for place in places.values()]
    never = dict(list(places.items())[:required])
    first: list[str] | None = None
    for number, text in lines:
        if not text.strip():
            continue
        content = text.decode("utf-8", "backslashreplace")
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            yield Row(number, problem=f"not valid JSON: {error.msg}", content=content)
            continue
        if isinstance(document, list) and number == 1:
            raise DataError(f"{path}: holds one JSON array; write one object a line (jq -c '.[]')")
        if not isinstance(document, dict):
            problem = f"expected a JSON object, got {type(document).__name__}"
            yield Row(number, problem=problem, content=content)
            continue
        first = list(document) if first is None else first
        values = tuple(getter(document) for getter in getters)
        if never:
            for name, value in zip(places, values, strict=True):
                if value is not None:
                    never.pop(name, None)
        yield Row(number, values, content=content)
    if first is not None and never:
        # A place that no line has is a wrong name, and not as many bad lines.
        raise DataError(wrong_columns(str(path), never.values(), first))


def _parquet_rows(path: Path, stream: Any, places: Mapping[str, str], required: int) -> Iterator[Row]:
    arrow = import_extra("pyarrow", "arrow", "to read Parquet files")
    parquet = import_extra("pyarrow.parquet", "arrow", "to read Parquet files")
    # Parquet is read from its end: what is compressed or comes from a pipe is read whole.
    plain = isinstance(stream, io.BufferedReader) and stream.seekable()
    line = 0
    try:
        file = parquet.ParquetFile(path if plain else io.BytesIO(stream.read()))
        available = list(file.schema_arrow.names)
        tops = {name: place.split("/")[1] if place.startswith("/") else place for name, place in places.items()}
        missing = [places[name] for name in list(places)[:required] if tops[name] not in available]
        if missing:
            raise DataError(wrong_columns(str(path), missing, available))
        getters = [_pointer(place) for place in places.values()]
        wanted = [top for top in dict.fromkeys(tops.values()) if top in available]
        for batch in file.iter_batches(columns=wanted):
            columns = [_arrow_values(arrow, column) for column in batch.columns]
            for values in zip(*columns, strict=True):
                line += 1
                document = dict(zip(batch.schema.names, values, strict=True))
                yield Row(line, tuple(getter(document) for getter in getters), content=str(document))
    except arrow.ArrowException as error:
        raise DataError(f"{path}: is not a readable Parquet file ({error})") from error
    if line == 0:
        raise DataError(f"{path}: the file has no rows")


def _arrow_values(arrow: Any, column: Any) -> list[Any]:
    """The Python values of an Arrow column; what Python's dates cannot hold stays text, to be rejected by row."""
    kind = column.type
    if arrow.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(arrow.timestamp("us", kind.tz), safe=False)
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):
        return [_arrow_value(scalar) for scalar in column]


def _arrow_value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except (OverflowError, ValueError):
        return f"{getattr(scalar, 'value', '?')} in {scalar.type}"


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


def _column_names(table: Any) -> list[str]:
    names = getattr(table, "column_names", None)
    if names is None:
        names = getattr(table, "columns", None)
    if names is None:
        raise TypeError(f"got {type(table).__name__}; expected a path, a pandas, polars or Arrow table, or a mapping")
    return [str(name) for name in names]


def _as_list(column: Any) -> list[Any]:
    if isinstance(column, np.ndarray) and column.dtype.kind == "M":
        # numpy would give numbers of its own unit.
        column = column.astype("datetime64[us]")
    for method in ("to_pylist", "to_list", "tolist"):
        if hasattr(column, method):
            return list(getattr(column, method)())
    return list(column)
