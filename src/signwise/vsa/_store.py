"""The vectors of an index with their keys, without an encoder: rows that are added, found and buried."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ._entries import Entries, Entry
from ._rows import Rows
from ._search_flat import flat_search, nearest
from ._search_graph import Graph, new_graph, read_graph

Backend = Literal["faiss", "usearch"]
Kind = Literal["binary-flat", "binary-hnsw", "float-flat", "float-hnsw"]
KINDS = ("binary-flat", "binary-hnsw", "float-flat", "float-hnsw")
BACKENDS = (None, "faiss", "usearch")


class Store:
    """Rows, the dead among them, the table of entries, and a graph for the kinds that search by one.

    Args:
        d: number of components.
        kind: packed signs or float32, searched exhaustively or by a graph.
        backend: whose search.
        files: of a generation, by role.
    """

    def __init__(self, d: int, kind: Kind, backend: Backend | None, files: dict[str, Path] | None = None) -> None:
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
        if backend not in BACKENDS:
            raise ValueError(f'backend must be None, "faiss" or "usearch", got {backend!r}')
        self.d, self.kind, self.backend = d, kind, backend
        self.binary = kind.startswith("binary")
        width, dtype = (d // 64, "<u8") if self.binary else (d, "<f4")
        self._topk = flat_search(backend, d, self.binary)
        self.graph: Graph | None = None
        if kind.endswith("hnsw"):
            if backend is None:
                raise ValueError(f'kind={kind!r} needs backend="faiss" or backend="usearch", of the extra index')
            path = None if files is None else files.get("graph")
            self.graph = (
                new_graph(backend, d, self.binary) if path is None else read_graph(backend, d, self.binary, path)
            )
        if files is None:
            self.rows, self.entries = Rows(width, dtype), Entries()
            self.dead = np.zeros(0, np.bool_)
        else:
            size = files["vectors"].stat().st_size // (width * np.dtype(dtype).itemsize)
            mapped = np.memmap(files["vectors"], dtype, "r", shape=(size, width)) if size else None
            self.rows = Rows(width, dtype, None if mapped is None else mapped.view(np.ndarray))
            self.entries = Entries(files["entries"])
            self.dead = np.zeros(size, np.bool_)
            self.dead[self.entries.dead()] = True
            if self.graph is not None and len(self.graph) < size:
                self._grow_graph()
        self._buried = int(self.dead.sum())

    @property
    def living(self) -> int:
        """How many rows live."""
        return len(self.rows) - self._buried

    @contextmanager
    def changing(self) -> Iterator[None]:
        """A change that happens as a whole or not at all."""
        before, dead = len(self.rows), self.dead.copy()
        self.entries.begin()
        try:
            yield
        except BaseException:
            self.entries.rollback()
            self.rows.truncate(before)
            self.dead = dead
            raise
        self.entries.commit()
        self._buried = int(self.dead.sum())
        if self.graph is not None and len(self.graph) < len(self.rows):
            self._grow_graph()

    def append(self, vectors: NDArray[Any], entries: Sequence[Entry]) -> None:
        """Add rows with their entries, whose numbers go on from the last row; inside :meth:`changing`.

        Raises:
            ValueError: a key is there already.
        """
        try:
            self.entries.insert(entries)
        except sqlite3.IntegrityError:
            self._refuse(entries)
            raise
        self.rows.append(vectors)
        self.dead = np.concatenate([self.dead, np.zeros(len(vectors), np.bool_)])

    def bury(self, rows: Sequence[int]) -> None:
        """Turn rows into tombstones; inside :meth:`changing`."""
        self.entries.remove(rows)
        self.dead[np.asarray(rows, np.int64)] = True

    def nearest(self, queries: NDArray[Any], k: int) -> list[NDArray[np.int64]]:
        """For each query up to k living rows, the nearest of all (by a graph: about so)."""
        k = min(k, self.living)
        if k == 0:
            return [np.zeros(0, np.int64) for _ in queries]
        # Some of what is found is dead: more is fetched, and twice as much as long as that is not enough.
        fetch = min(len(self.rows), k + min(self._buried, k))
        while True:
            if self.graph is not None:
                found = self.graph.search(queries, fetch)
            else:
                found = list(nearest(self._topk, queries, self.rows, fetch, descending=not self.binary)[1])
            kept = [rows[~self.dead[rows]][:k] for rows in found] if self._buried else found
            if fetch == len(self.rows) or all(len(rows) == k for rows in kept):
                return kept
            fetch = min(len(self.rows), 2 * fetch)

    def nearest_among(self, queries: NDArray[Any], rows: NDArray[np.int64], k: int) -> list[NDArray[np.int64]]:
        """For each query the k nearest of the given living rows, compared one by one whatever the kind."""
        if len(rows) == 0:
            return [rows for _ in queries]
        k = min(k, len(rows))
        places = nearest(self._topk, queries, self.rows.gather(rows), k, descending=not self.binary)[1]
        return [rows[place] for place in places]

    def writers(self) -> dict[str, Any]:
        """What writes each file of a generation."""
        writers: dict[str, Any] = {"vectors.bin": self._write_rows, "entries.sqlite": self.entries.write}
        if self.graph is not None:
            writers["graph.bin"] = self.graph.write
        return writers

    def compacted(self) -> Store:
        """A store of the living rows alone, in their order."""
        rows = self.entries.living()
        new = Store(self.d, self.kind, self.backend)
        with new.changing():
            step = 4096
            part: list[Entry] = []
            for entry in self.entries.all():
                part.append((len(new.rows) + len(part), entry[1], entry[2]))
                if len(part) == step:
                    new.append(self.rows.gather(rows[len(new.rows) : len(new.rows) + step]), part)
                    part = []
            if part:
                new.append(self.rows.gather(rows[len(new.rows) :]), part)
        return new

    def _write_rows(self, path: Path) -> None:
        with path.open("wb") as file:
            for _, block in self.rows.blocks():
                file.write(np.ascontiguousarray(block).data)

    def _grow_graph(self) -> None:
        assert self.graph is not None
        for start, block in self.rows.blocks():
            behind = len(self.graph) - start
            if behind < len(block):
                self.graph.add(block[max(0, behind) :])

    def _refuse(self, entries: Sequence[Entry]) -> None:
        """Name the key that is there twice."""
        seen: set[Any] = set()
        for _, key, _ in entries:
            if key in seen:
                raise ValueError(f"the key {key!r} is given twice")
            seen.add(key)
        there = self.entries.rows_of([key for _, key, _ in entries])
        for row, key, _ in entries:
            # Those before the one that failed are there under the row that was meant for them.
            if there.get(key, row) != row:
                raise ValueError(f"the key {key!r} is in the index already; use upsert to replace its document")
