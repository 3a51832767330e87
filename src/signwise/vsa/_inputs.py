"""Documents from what a user has: a sequence of objects or texts, a JSONL file, Arrow data."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from signwise._native import _vsa as _kernels

from ..errors import DataError

OnError = Literal["raise", "skip"]

# One batch is parsed and walked before it is encoded: enough for the threads, little beside the vectors.
BATCH_ITEMS = 1024
BATCH_BYTES = 1 << 22

parse_text = orjson.loads


@dataclass(frozen=True, kw_only=True)
class Reject:
    """A document that was left out.

    Attributes:
        line: its line in a JSONL file, or its place in a sequence, counted from 1.
        reason: why, with the path inside the document where there is one.
    """

    line: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Documents read together: token buffers, their lines, and what was left out."""

    buffers: Sequence[bytes]
    lines: list[int]
    rejects: list[Reject]


def read_batches(
    documents: Any, kernel: _kernels.Encoder, on_error: OnError, batch_items: int = BATCH_ITEMS
) -> Iterator[Batch]:
    """Parse and walk documents in batches.

    Raises:
        DataError: a document that cannot be encoded, where ``on_error="raise"``; the message has its line.
        TypeError: the documents, or one of them, are of a type that is not taken.
        ValueError: an unknown ``on_error``.
    """
    if on_error not in ("raise", "skip"):
        raise ValueError(f'on_error must be "raise" or "skip", got {on_error!r}')
    source, numbered = _numbered(documents)
    lines: list[int] = []
    items: list[Any] = []
    size = 0
    for line, item in numbered:
        lines.append(line)
        items.append(item)
        size += len(item) if isinstance(item, (str, bytes)) else 256
        if len(items) >= batch_items or size >= BATCH_BYTES:
            yield _read(kernel, source, lines, items, on_error)
            lines, items, size = [], [], 0
    if items:
        yield _read(kernel, source, lines, items, on_error)


def _read(kernel: _kernels.Encoder, source: str, lines: list[int], items: list[Any], on_error: OnError) -> Batch:
    buffers, failures = kernel.read(items, parse_text, stop=on_error == "raise")
    rejects = []
    for failure in failures:
        line = lines[failure.index]
        if on_error == "raise":
            message = f"{source} {line}: {failure.error}"
            kind = TypeError if isinstance(failure.error, TypeError) else DataError
            raise kind(message) from failure.error
        rejects.append(Reject(line=line, reason=str(failure.error)))
    if failures:
        failed = {failure.index for failure in failures}
        lines = [line for i, line in enumerate(lines) if i not in failed]
    return Batch(buffers=buffers, lines=lines, rejects=rejects)


def _numbered(documents: Any) -> tuple[str, Iterable[tuple[int, Any]]]:
    if isinstance(documents, pathlib.Path):
        return f"{documents}, line", _lines(documents)
    if isinstance(documents, (str, bytes, bytearray)):
        raise TypeError(
            "a bare str or bytes is ambiguous: give [text] for one JSON document, or pathlib.Path(name) for a JSONL "
            "file"
        )
    if isinstance(documents, dict):
        raise TypeError("a dict is one document: give [document], or use encode_one(document)")
    if type(documents).__module__.partition(".")[0] == "pyarrow":
        from ._arrow import documents_of

        return "row", enumerate(documents_of(documents), 1)
    if hasattr(documents, "to_dict") and hasattr(documents, "columns"):
        raise TypeError('a data frame has no one form as JSON: give frame.to_dict("records"), or an Arrow table')
    if not isinstance(documents, Iterable):
        raise TypeError(
            "documents must be an iterable of dict, list, or JSON str or bytes, a pathlib.Path to a JSONL file, or "
            f"Arrow data; got {type(documents).__name__}"
        )
    return "document", enumerate(documents, 1)


def _lines(path: pathlib.Path) -> Iterator[tuple[int, bytes]]:
    # Blank lines are no documents; they count as lines.
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            content = line.strip()
            if content:
                yield number, content
