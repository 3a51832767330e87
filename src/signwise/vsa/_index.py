"""A store of document vectors that is searched, kept and deduplicated."""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence, Sized
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from ..bits import pack
from ..progress import Progress
from ._duplicates import near_groups
from ._encoder import JSONEncoder
from ._entries import Entry, Key, check_key, encode_metadata
from ._index_files import read_index, write_index
from ._inputs import OnError, Reject
from ._signs import sign_scores, sign_words, words_of
from ._store import Backend, Kind, Store

_QUERIES = 64
_END = object()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hit:
    """A document that a search found.

    Attributes:
        key: its key.
        score: cosine of the query's vector with the stored one, which for binary kinds is the vector of signs.
        metadata: what was stored with it, or None.
    """

    key: Key
    score: float
    metadata: Mapping[str, Any] | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Added:
    """What an index took in.

    Attributes:
        keys: of the documents that were added, in their order.
        rejects: the documents that were left out.
    """

    keys: Sequence[Key]
    rejects: Sequence[Reject]


class JSONIndex:
    """A searchable store of JSON documents by key, as packed signs or as float32 vectors.

    Binary kinds hold d/8 bytes a document. A search takes the k' = max(100, 10 k) nearest by Hamming distance and
    ranks them again by sum of y_i s_i/(||y|| sqrt(d)), y the query's integer vector and s the stored signs. Float
    kinds hold 4 d bytes and rank by the cosine. The flat kinds compare with every document; the ``hnsw`` kinds
    search a graph, faster and not certain to find all.

    A search with ``where`` compares with every document that the filter leaves, whatever the kind. Deleted
    documents become tombstones, which a search steps over by fetching more; :meth:`compact` removes them.

    Changes live in memory until :meth:`save`. Each of :meth:`add`, :meth:`upsert` and :meth:`delete` happens as a
    whole or not at all, and a save that is cut off at any moment leaves what was saved before.

    Args:
        encoder: a :class:`~signwise.vsa.JSONEncoder`; the index keeps a copy, with its fitted state. Its output
            form does not matter.
        backend: None for our own exhaustive search, or ``"faiss"`` or ``"usearch"`` (extra ``index``).
        kind: ``"binary-flat"``, ``"float-flat"``, or with a backend ``"binary-hnsw"`` or ``"float-hnsw"``.

    Raises:
        MissingExtraError: the backend is not installed.
        ValueError: an unknown kind or backend, or a graph without a backend.

    Examples:
        >>> from signwise.vsa import JSONEncoder, JSONIndex
        >>> index = JSONIndex(JSONEncoder(1024))
        >>> _ = index.add(
        ...     [{"name": "Ada Lovelace", "born": 1815}, {"name": "Charles Babbage", "born": 1791}],
        ...     keys=["ada", "charles"], metadata=[{"sex": "f"}, {"sex": "m"}],
        ... )
        >>> [hit.key for hit in index.search({"name": "Babbage, Charles"}, k=2)]
        ['charles', 'ada']
        >>> [hit.key for hit in index.search({"name": "Babbage, Charles"}, k=2, where={"sex": "f"})]
        ['ada']
    """

    def __init__(self, encoder: JSONEncoder, *, backend: Backend | None = None, kind: Kind = "binary-flat") -> None:
        if not isinstance(encoder, JSONEncoder):
            raise TypeError(f"encoder must be a JSONEncoder, got {type(encoder).__name__}")
        self._bind(encoder, Store(encoder.d, kind, backend))

    def _bind(self, encoder: JSONEncoder, store: Store) -> None:
        self.encoder: JSONEncoder = copy.deepcopy(encoder)
        self.encoder.output = "bits" if store.binary else "float32"
        self._store = store

    @property
    def kind(self) -> Kind:
        """How documents are stored and searched."""
        return self._store.kind

    @property
    def backend(self) -> Backend | None:
        """Whose search is used."""
        return self._store.backend

    @property
    def tombstones(self) -> int:
        """How many deleted or replaced documents still take room."""
        return len(self._store.rows) - self._store.living

    @property
    def nbytes(self) -> int:
        """Bytes of vectors and tombstone marks, without keys, metadata and graph, which are not in this memory."""
        return self._store.rows.nbytes + self._store.dead.nbytes

    def __len__(self) -> int:
        """How many documents are in the index."""
        return self._store.living

    def __contains__(self, key: object) -> bool:
        """Whether the key is in the index."""
        try:
            return bool(self._store.entries.rows_of([check_key(key)]))
        except (TypeError, ValueError):
            return False

    def __repr__(self) -> str:
        """Size and kind."""
        return f"JSONIndex({len(self):,} documents, d={self.encoder.d}, kind={self.kind!r}, backend={self.backend!r})"

    def keys(self) -> list[Key]:
        """All keys, in the order in which their documents came."""
        return [key for _, key, _ in self._store.entries.all()]

    def metadata(self, key: Key) -> Mapping[str, Any] | None:
        """What was stored with a document.

        Raises:
            KeyError: the key is not there.
        """
        (row,) = self._rows_of([key])
        return _mapping(self._store.entries.entries_of([row])[row][1])

    def add(
        self,
        documents: Any,
        *,
        keys: Iterable[Key] | None = None,
        metadata: Iterable[Mapping[str, Any] | None] | None = None,
        on_error: OnError = "raise",
        progress: bool | None = None,
    ) -> Added:
        """Add documents under new keys.

        Args:
            documents: what :meth:`JSONEncoder.transform` takes.
            keys: text or whole numbers of 64 bits, one for each document; by default numbers that count up from
                the largest there is, from 0 in an empty index. A document that is left out uses up its key.
            metadata: JSON values by name, or None, for each document.
            on_error: ``"raise"``, or ``"skip"`` to leave bad documents out and list them in the result.
            progress: whether progress is shown; None follows the environment.

        Returns:
            The keys that were added, and the rejects.

        Raises:
            DataError, OverflowError, OSError: as :meth:`JSONEncoder.transform`; nothing is added then.
            TypeError: documents, a key or metadata of another type.
            ValueError: a key that is there, or that is given twice; more or fewer keys than documents.
        """
        return self._insert(documents, keys, metadata, on_error, progress, replace=False)

    def upsert(
        self,
        documents: Any,
        *,
        keys: Iterable[Key],
        metadata: Iterable[Mapping[str, Any] | None] | None = None,
        on_error: OnError = "raise",
        progress: bool | None = None,
    ) -> Added:
        """Add documents, in place of those that have their keys; as :meth:`add`. The last of equal keys stays."""
        return self._insert(documents, keys, metadata, on_error, progress, replace=True)

    def delete(self, keys: Iterable[Key]) -> None:
        """Remove documents.

        Raises:
            KeyError: a key is not there; nothing is removed then.
        """
        rows = self._rows_of(list(keys))
        with self._store.changing():
            self._store.bury(sorted(set(rows)))

    def search(
        self,
        query: Any,
        k: int = 10,
        *,
        where: Mapping[str, Any] | None = None,
        weights: Mapping[Any, float] | None = None,
    ) -> list[Hit]:
        """The documents most similar to a query.

        Args:
            query: a document or a part of one (dict, list, or JSON text), or a vector of the encoder, int32 or
                float32, shape ``(d,)``.
            k: how many at most.
            where: what the metadata must hold, by field: a JSON value, a list of values of which any will do, or
                a range ``{"min": low, "max": high}`` of numbers or text, ends included. All fields must agree.
            weights: weights of paths of the query, as in :meth:`JSONEncoder.encode_query`.

        Returns:
            Hits by falling score; equal scores in the order in which their documents came.

        Raises:
            TypeError, ValueError: a query, a k, a filter or weights that cannot be used.
        """
        return self.search_many([query], k, where=where, weights=weights)[0]

    def search_many(
        self,
        queries: Iterable[Any],
        k: int = 10,
        *,
        where: Mapping[str, Any] | None = None,
        weights: Mapping[Any, float] | None = None,
    ) -> list[list[Hit]]:
        """One :meth:`search` for each query, together faster."""
        if isinstance(queries, str | bytes | Mapping):
            raise TypeError("queries must be several documents; give [query], or use search(query)")
        if isinstance(k, bool) or not isinstance(k, int | np.integer):
            raise TypeError(f"k must be a whole number, got {k!r}")
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        allowed = None if where is None else self._store.entries.matching(where)
        hits: list[list[Hit]] = []
        for part in _parts(queries, _QUERIES):
            ys = np.stack([self._query(query, weights) for query in part])
            hits += self._search(ys, int(k), allowed)
        return hits

    def duplicates(self, threshold: float = 0.95, *, seed: int = 0) -> list[list[Key]]:
        """Groups of documents that are linked by pairs of at least this cosine.

        The cosine is estimated from signs, cos(pi h/d) for a Hamming distance h; its standard deviation is about
        pi sqrt(1 - cosine^2) sqrt(p(1 - p)/d), p = h/d, .007 for a cosine of .95 at d = 2048. All pairs are
        compared among up to 30,000 different vectors; among more, pairs that agree in sampled bits, so that a
        pair close to the threshold may be missed.

        Args:
            threshold: cosine, above 0 and at most 1.
            seed: of the sampled bits.

        Returns:
            Keys of each group of two or more; groups, and keys in them, in the order of the documents.

        Raises:
            ValueError: a threshold out of range.
        """
        if not 0 < threshold <= 1:
            raise ValueError(f"threshold must be above 0 and at most 1, got {threshold}")
        rows = self._store.entries.living()
        vectors = self._store.rows.gather(rows)
        groups = near_groups(
            vectors if self._store.binary else pack(vectors).words, self.encoder.d, threshold, seed=seed
        )
        keys = self.keys()
        return [[keys[place] for place in group] for group in groups]

    def compact(self) -> None:
        """Remove the tombstones; a graph is built anew."""
        self._store = self._store.compacted()

    def save(self, path: str | Path) -> None:
        """Write the index to a directory, in place of the one that was saved there.

        A new generation of files is written and flushed, then one rename puts its manifest in place, then the old
        generation is removed. A kill at any moment leaves the old index or the new one.

        Raises:
            ArtifactError: the directory holds something else, or a damaged index.
            OSError: it cannot be written.
        """
        write_index(Path(path), self.encoder, self._store)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        encoder: JSONEncoder | None = None,
        backend: Backend | Literal["saved"] | None = "saved",
    ) -> Self:
        """Read an index that :meth:`save` wrote, after checking every file against its SHA-256.

        Vectors and entries stay in their files until they are changed.

        Args:
            path: the directory.
            encoder: an encoder that must be the one the index was made by; by default it is read too.
            backend: another backend than before; the graph of another backend is built anew.

        Raises:
            EncoderMismatchError: the encoder has another option, which is named, or another state.
            IndexCorruptError: a file, which is named, is missing or damaged.
            MissingExtraError: the backend is not installed.
        """
        self = cls.__new__(cls)
        self._bind(*read_index(Path(path), encoder, backend))
        return self

    def _insert(
        self,
        documents: Any,
        keys: Iterable[Key] | None,
        metadata: Iterable[Mapping[str, Any] | None] | None,
        on_error: OnError,
        progress: bool | None,
        *,
        replace: bool,
    ) -> Added:
        total = len(documents) if isinstance(documents, Sized) else None
        numbers = itertools.count(self._store.entries.greatest_number() + 1) if keys is None else iter(keys)
        about = itertools.repeat(None) if metadata is None else iter(metadata)
        added: list[Key] = []
        rejects: list[Reject] = []
        with self._store.changing(), Progress("index", total=total, enabled=progress) as task:
            for batch in self.encoder.transform_batches(documents, on_error=on_error):
                left_out = {reject.line for reject in batch.rejects}
                lines = sorted([*batch.lines, *left_out])
                given = list(
                    zip(lines, itertools.islice(numbers, len(lines)), itertools.islice(about, len(lines)), strict=False)
                )
                if len(given) < len(lines):
                    raise ValueError("there are fewer keys or metadata than documents")
                first = len(self._store.rows)
                kept = [(check_key(key), encode_metadata(meta)) for line, key, meta in given if line not in left_out]
                entries: list[Entry] = [(first + i, key, meta) for i, (key, meta) in enumerate(kept)]
                vectors = words_of(batch.vectors) if self._store.binary else batch.vectors
                if replace:
                    vectors, entries = self._replacing(vectors, entries)
                self._store.append(vectors, entries)
                added += [key for _, key, _ in entries]
                rejects += batch.rejects
                task.advance(len(lines))
            for rest, what, given_by_user in ((numbers, "keys", keys), (about, "metadata", metadata)):
                if given_by_user is not None and next(rest, _END) is not _END:
                    raise ValueError(f"there are more {what} than documents")
        return Added(keys=added, rejects=rejects)

    def _replacing(self, vectors: NDArray[Any], entries: list[Entry]) -> tuple[NDArray[Any], list[Entry]]:
        """Bury what has these keys; of equal keys keep the last."""
        last = {key: place for place, (_, key, _) in enumerate(entries)}
        there = self._store.entries.rows_of(list(last))
        if there:
            self._store.bury(list(there.values()))
        if len(last) == len(entries):
            return vectors, entries
        places = sorted(last.values())
        first = entries[0][0]
        return vectors[places], [(first + i, *entries[place][1:]) for i, place in enumerate(places)]

    def _rows_of(self, keys: Sequence[Key]) -> list[int]:
        there = self._store.entries.rows_of([check_key(key) for key in keys])
        for key in keys:
            if key not in there:
                raise KeyError(f"the key {key!r} is not in the index")
        return [there[key] for key in keys]

    def _query(self, query: Any, weights: Mapping[Any, float] | None) -> NDArray[Any]:
        if not isinstance(query, np.ndarray):
            return self.encoder.encode_query(query, weights, output="int32")
        if weights is not None:
            raise ValueError("weights are of the paths of a document; the query is a vector")
        if query.shape != (self.encoder.d,) or query.dtype.kind not in "if":
            raise ValueError(
                f"a vector to search with has shape ({self.encoder.d},), int32 or float32; got shape {query.shape}, "
                f"{query.dtype}"
            )
        return query

    def _search(self, ys: NDArray[Any], k: int, allowed: NDArray[np.int64] | None) -> list[list[Hit]]:
        store = self._store
        if store.binary:
            codes: NDArray[Any] = sign_words(ys, self.encoder.seed)
            fetch = max(100, 10 * k)
        else:
            wide = ys.astype(np.float64)
            norms = np.linalg.norm(wide, axis=1, keepdims=True)
            codes = np.divide(wide, norms, out=np.zeros_like(wide), where=norms > 0).astype(np.float32)
            fetch = k
        found = store.nearest(codes, fetch) if allowed is None else store.nearest_among(codes, allowed, fetch)
        ranked = []
        for y, code, rows in zip(ys, codes, found, strict=True):
            if store.binary:
                scores = sign_scores(y, *store.rows.located(rows))
            else:
                scores = (store.rows.gather(rows) @ code).astype(np.float64)
            best = np.lexsort((rows, -scores))[:k]
            ranked.append((rows[best].tolist(), scores[best].tolist()))
        entries = store.entries.entries_of(sorted({row for rows, _ in ranked for row in rows}))
        return [
            [
                Hit(key=entries[row][0], score=score, metadata=_mapping(entries[row][1]))
                for row, score in zip(rows, scores, strict=True)
            ]
            for rows, scores in ranked
        ]


def _mapping(metadata: str | None) -> Mapping[str, Any] | None:
    return None if metadata is None else orjson.loads(metadata)


def _parts(items: Iterable[Any], size: int) -> Iterable[list[Any]]:
    rest = iter(items)
    while part := list(itertools.islice(rest, size)):
        yield part
