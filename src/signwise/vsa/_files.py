"""Documents from files and folders of JSON, and an index filled from them."""

from __future__ import annotations

import dataclasses
from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import orjson

from ..errors import DataError
from ..progress import Progress
from ._entries import Key
from ._index import JSONIndex
from ._paths import parse_path

LINES = (".jsonl", ".ndjson")
SUFFIXES = (".json", *LINES)

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceDocument:
    """The text of a document and where it stands.

    Attributes:
        path: the file.
        line: its line in a file of lines, counted from 1; 0 for a file that is one document.
        content: the JSON text, unparsed.
    """

    path: Path
    line: int
    content: bytes

    @property
    def name(self) -> str:
        """``path:line``, or the path alone."""
        return f"{self.path}:{self.line}" if self.line else str(self.path)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FileReject:
    """A document that was left out.

    Attributes:
        path: the file.
        line: its line, or 0 where the file is one document.
        reason: why.
    """

    path: Path
    line: int
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class AddedFiles:
    """What an index took in from files.

    Attributes:
        count: documents that were added.
        rejects: documents that were left out.
    """

    count: int
    rejects: Sequence[FileReject]


def list_files(paths: Iterable[str | Path]) -> list[Path]:
    """The files, and of folders the ``.json``, ``.jsonl`` and ``.ndjson`` files below them, in sorted order.

    Raises:
        DataError: a path that is not there, or no file at all.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            files += sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())
        elif path.exists():
            files.append(path)
        else:
            raise DataError(f"{path}: no such file or folder")
    if not files:
        raise DataError(f"no {', '.join(SUFFIXES)} file is there")
    return files


def read_documents(paths: Iterable[str | Path], *, progress: bool | None = False) -> Iterator[SourceDocument]:
    """The documents of files, one after the other, without parsing them.

    A ``.jsonl`` or ``.ndjson`` file has one in each line that is not blank; any other file is one.

    Args:
        paths: files, and folders whose JSON files are taken.
        progress: whether progress, by bytes, is shown.

    Raises:
        DataError: as :func:`list_files`.
        OSError: a file cannot be read.
    """
    files = list_files(paths)
    total = sum(file.stat().st_size for file in files)
    with Progress("read", total=total, enabled=progress) as task:
        count = 0
        for file in files:
            with file.open("rb") as stream:
                for line, content in enumerate(stream, 1) if file.suffix in LINES else ((0, stream.read()),):
                    if line and not content.strip():
                        continue
                    count += 1
                    yield SourceDocument(path=file, line=line, content=content)
                    task.advance(len(content), note=f"{count:,} documents")


def add_files(
    index: JSONIndex,
    paths: Iterable[str | Path],
    *,
    key: str | tuple[Any, ...] | None = None,
    metadata: Iterable[str | tuple[Any, ...]] = (),
    progress: bool | None = None,
) -> AddedFiles:
    """Add the documents of files to an index, in place of those that have their keys; bad ones are left out.

    Args:
        index: the index.
        paths: files, and folders whose JSON files are taken.
        key: path of the member that is the key, such as ``"id"``; by default ``path:line``.
        metadata: paths of members to keep as metadata under their paths as text, beside ``"path"`` and ``"line"``.
        progress: whether progress is shown; None follows the environment.

    Returns:
        How many were added, and the rejects.

    Raises:
        DataError, OSError: as :func:`read_documents`.
    """
    wanted = [(path if isinstance(path, str) else orjson.dumps(path).decode(), parse_path(path)) for path in metadata]
    key_path = None if key is None else parse_path(key)
    files = list_files(paths)
    places, lines = array("q"), array("q")
    number = {file: i for i, file in enumerate(files)}
    rejects: list[FileReject] = []
    keys: _Queue[Key] = _Queue()
    about: _Queue[dict[str, Any]] = _Queue()

    def documents() -> Iterator[Any]:
        for source in read_documents(files, progress=progress):
            document: Any = source.content
            name: Any = source.name
            kept: dict[str, Any] = {"path": str(source.path), "line": source.line}
            if key_path is not None or wanted:
                try:
                    document = orjson.loads(source.content)
                    if key_path is not None:
                        name = _member(document, key_path)
                    for text, path in wanted:
                        kept[text] = _member(document, path, default=None)
                except ValueError as error:
                    rejects.append(FileReject(path=source.path, line=source.line, reason=str(error)))
                    continue
            if isinstance(name, bool) or not isinstance(name, str | int):
                reason = f"the key must be text or a whole number, got {type(name).__name__}"
                rejects.append(FileReject(path=source.path, line=source.line, reason=reason))
                continue
            places.append(number[source.path])
            lines.append(source.line)
            keys.append(name)
            about.append(kept)
            # A parsed scalar is no document that the encoder takes; its text says so with a reason.
            yield document if isinstance(document, dict | list) else source.content

    added = index.upsert(documents(), keys=keys, metadata=about, on_error="skip", progress=False)
    for reject in added.rejects:
        place = reject.line - 1
        rejects.append(FileReject(path=files[places[place]], line=lines[place], reason=reject.reason))
    order = {file: i for i, file in enumerate(files)}
    return AddedFiles(count=len(added.keys), rejects=sorted(rejects, key=lambda r: (order[r.path], r.line)))


class _Queue(Generic[T]):
    """What one side appends, the other takes: an iterator that is at its end only while it is empty."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()

    def append(self, item: T) -> None:
        self._items.append(item)

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if not self._items:
            raise StopIteration
        return self._items.popleft()


_RAISE = object()


def _member(document: Any, path: tuple[str | int, ...], default: Any = _RAISE) -> Any:
    for step in path:
        if isinstance(document, dict):
            there = step in document
        else:
            there = isinstance(document, list) and isinstance(step, int) and step < len(document)
        if there:
            document = document[step]
        elif default is _RAISE:
            raise ValueError(f"the document has no {path} to be its key")
        else:
            return default
    return document
