"""The typed records that data sets are read into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse

from ..errors import DataError
from ..events import EventStream


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """How many records were left out for one reason."""

    reason: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Which files a record was read from, and what was left out of them.

    Args:
        name: the name of the data set.
        files: the files or folders that were read.
        records: how many records they hold.
        dropped: the records that were left out, by reason; reasons without a record are not listed.
    """

    name: str
    files: tuple[Path, ...]
    records: int
    dropped: tuple[Dropped, ...] = ()

    @property
    def kept(self) -> int:
        """How many records were kept."""
        return self.records - sum(part.count for part in self.dropped)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LoadedStream(EventStream):
    """An :class:`~signwise.events.EventStream` that knows where it was read from.

    Args:
        provenance: files, and the records that were dropped; it describes the whole file, after ``select`` too.
    """

    provenance: Provenance

    @classmethod
    def of(cls, stream: EventStream, provenance: Provenance) -> LoadedStream:
        """The events of ``stream``, with ``provenance``."""
        columns = {field.name: getattr(stream, field.name) for field in fields(EventStream)}
        return cls(**columns, provenance=provenance)


@dataclass(frozen=True, kw_only=True, eq=False)
class WikiRfa:
    """Votes of Wikipedia's requests for adminship, with the comment of each vote.

    Args:
        stream: the votes as signed events of weight 1, in order of time.
        texts: the wiki text of each vote's comment, in the order of ``stream``.
        results: int8, shape ``(n,)``; +1 where the candidate became an administrator, -1 where not.
    """

    stream: LoadedStream
    texts: tuple[str, ...]
    results: npt.NDArray[np.int8]

    def __post_init__(self) -> None:
        _freeze(self, "results", np.int8)


@dataclass(frozen=True, kw_only=True, eq=False)
class SignedGraph:
    """Directed signed edges without times.

    Args:
        source: int64, shape ``(n,)``; ids in ``[0, len(nodes))``.
        target: int64, shape ``(n,)``.
        sign: int8, shape ``(n,)``; +1 or -1.
        nodes: the external name of each id, in order of first appearance.
        provenance: where the edges were read from.
    """

    source: npt.NDArray[np.int64]
    target: npt.NDArray[np.int64]
    sign: npt.NDArray[np.int8]
    nodes: tuple[str, ...]
    provenance: Provenance

    def __post_init__(self) -> None:
        for name, dtype in (("source", np.int64), ("target", np.int64), ("sign", np.int8)):
            _freeze(self, name, dtype)

    def __len__(self) -> int:
        return len(self.source)


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledImages:
    """Images with a class each, in the publisher's training and test parts.

    Args:
        train_images: uint8, shape ``(n, height, width)`` for grey images, ``(n, 3, height, width)`` for colour.
        train_labels: int64, shape ``(n,)``; positions in ``classes``.
        test_images: uint8, of the same form.
        test_labels: int64.
        classes: the names of the classes.
        provenance: where the images were read from.
    """

    train_images: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[np.int64]
    test_images: npt.NDArray[np.uint8]
    test_labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    provenance: Provenance

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            _freeze(self, f"{part}_images", np.uint8)
            _freeze(self, f"{part}_labels", np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class TabularData:
    """Sparse rows with a binary class.

    Args:
        x: float64 ``scipy.sparse.csr_array``, shape ``(n, features)``.
        y: int8, shape ``(n,)``; +1 or -1.
        provenance: where the rows were read from.
    """

    x: scipy.sparse.csr_array
    y: npt.NDArray[np.int8]
    provenance: Provenance

    def __post_init__(self) -> None:
        _freeze(self, "y", np.int8)


@dataclass(frozen=True, kw_only=True)
class TextCorpus:
    """One text and the symbols that occur in it, sorted."""

    text: str
    alphabet: tuple[str, ...]
    provenance: Provenance

    def __len__(self) -> int:
        return len(self.text)


@dataclass(frozen=True, kw_only=True, eq=False)
class VideoFrames:
    """A video of a fixed camera.

    Args:
        frames: uint8, shape ``(t, height, width)``, or ``(t, height, width, 3)`` in colour.
        provenance: where the frames were read from.
    """

    frames: npt.NDArray[np.uint8]
    provenance: Provenance

    def __post_init__(self) -> None:
        _freeze(self, "frames", np.uint8)

    def __len__(self) -> int:
        return len(self.frames)

    def matrix(self) -> npt.NDArray[np.uint8]:
        """One frame a column: uint8, shape ``(pixels, t)``, pixels in row-major order."""
        return self.frames.reshape(len(self.frames), -1).T


@dataclass(frozen=True, kw_only=True, eq=False)
class FaceImages:
    """Grey images of faces, and whose they are.

    Args:
        images: uint8, shape ``(n, height, width)``.
        subjects: int64, shape ``(n,)``; counted from 0 (the publisher counts from 1).
        provenance: where the images were read from.
    """

    images: npt.NDArray[np.uint8]
    subjects: npt.NDArray[np.int64]
    provenance: Provenance

    def __post_init__(self) -> None:
        _freeze(self, "images", np.uint8)
        _freeze(self, "subjects", np.int64)

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, kw_only=True)
class JsonDocument:
    """One file of a JSON corpus.

    Args:
        name: its path inside the corpus, with forward slashes.
        label: the class the corpus gives it.
        group: the release it belongs to, where documents repeat across releases; otherwise empty.
        raw: the bytes of the file.
    """

    name: str
    label: str
    group: str
    raw: bytes

    def parse(self) -> Any:
        """The value; a list of values for a file of JSON lines (``.ndjson``).

        Raises:
            DataError: the file is not JSON.
        """
        import orjson

        try:
            if self.name.endswith(".ndjson"):
                return [orjson.loads(line) for line in self.raw.splitlines() if line.strip()]
            return orjson.loads(self.raw)
        except orjson.JSONDecodeError as error:
            raise DataError(f"{self.name}: not JSON: {error}") from error


@dataclass(frozen=True, kw_only=True)
class JsonCorpus:
    """A folder of JSON files, read one at a time as it is iterated over.

    Args:
        folder: where the files are.
        paths: the path of each document inside ``folder``, sorted.
        labels: the class of each document.
        groups: the release of each document, or empty strings.
        provenance: where the documents are read from.
    """

    folder: Path
    paths: tuple[str, ...]
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    provenance: Provenance

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> JsonDocument:
        path = self.folder / self.paths[index]
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path}: {error.strerror}") from error
        return JsonDocument(name=self.paths[index], label=self.labels[index], group=self.groups[index], raw=raw)

    def __iter__(self) -> Iterator[JsonDocument]:
        return (self[index] for index in range(len(self)))

    def documents(self) -> tuple[JsonDocument, ...]:
        """Every document, all in memory."""
        return tuple(self)


Record = (
    LoadedStream
    | WikiRfa
    | SignedGraph
    | LabelledImages
    | TabularData
    | TextCorpus
    | VideoFrames
    | FaceImages
    | JsonCorpus
)


def _freeze(record: Any, name: str, dtype: type) -> None:
    array: npt.NDArray[Any] = np.asarray(getattr(record, name), dtype).view()
    array.setflags(write=False)
    object.__setattr__(record, name, array)


def listed(dropped: Iterable[tuple[str, int]]) -> tuple[Dropped, ...]:
    """The reasons for which something was dropped."""
    return tuple(Dropped(reason=reason, count=count) for reason, count in dropped if count)
