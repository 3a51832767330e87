"""Approximate search by a navigable graph (HNSW) of faiss or USearch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import import_extra
from ._search_flat import PURPOSE

LINKS = 32
BUILD_WIDTH = 80
SEARCH_WIDTH = 128


class Graph(Protocol):
    """Rows by number, found approximately."""

    def __len__(self) -> int:
        """How many rows are in it."""

    def add(self, rows: NDArray[Any]) -> None:
        """Add rows; their numbers go on from those that are there."""

    def search(self, queries: NDArray[Any], k: int) -> list[NDArray[np.int64]]:
        """The numbers of about the k nearest rows of each query, in no order."""

    def write(self, path: Path) -> None:
        """Write the graph to a new file."""


def new_graph(backend: str, d: int, binary: bool) -> Graph:
    """An empty graph."""
    return (FaissGraph if backend == "faiss" else UsearchGraph)(d, binary, None)


def read_graph(backend: str, d: int, binary: bool, path: Path) -> Graph:
    """The graph of a file."""
    return (FaissGraph if backend == "faiss" else UsearchGraph)(d, binary, path)


class FaissGraph:
    """``IndexBinaryHNSW`` or ``IndexHNSWFlat`` by inner product.

    The graph depends on the order in which rows come; one thread builds it, so that it repeats.
    """

    def __init__(self, d: int, binary: bool, path: Path | None) -> None:
        self._faiss: Any = import_extra("faiss", "index", PURPOSE)
        self._binary = binary
        if path is not None:
            read = self._faiss.read_index_binary if binary else self._faiss.read_index
            self._index: Any = read(str(path))
        elif binary:
            self._index = self._faiss.IndexBinaryHNSW(d, LINKS)
        else:
            self._index = self._faiss.IndexHNSWFlat(d, LINKS, self._faiss.METRIC_INNER_PRODUCT)
        self._index.hnsw.efConstruction = BUILD_WIDTH

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, rows: NDArray[Any]) -> None:
        """Add rows."""
        with _one_thread(self._faiss):
            self._index.add(self._form(rows))

    def search(self, queries: NDArray[Any], k: int) -> list[NDArray[np.int64]]:
        """About the k nearest."""
        self._index.hnsw.efSearch = max(SEARCH_WIDTH, k)
        _, places = self._index.search(self._form(queries), k)
        return [row[row >= 0].astype(np.int64) for row in places]

    def write(self, path: Path) -> None:
        """Write the graph."""
        (self._faiss.write_index_binary if self._binary else self._faiss.write_index)(self._index, str(path))

    def _form(self, rows: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(rows).view(np.uint8) if self._binary else np.ascontiguousarray(rows)


class UsearchGraph:
    """USearch's ``Index`` of packed bits by Hamming distance, or of float32 by inner product."""

    def __init__(self, d: int, binary: bool, path: Path | None) -> None:
        usearch: Any = import_extra("usearch.index", "index", PURPOSE)
        self._binary = binary
        self._dtype = "b1" if binary else "f32"
        self._index: Any = usearch.Index(
            ndim=d,
            metric="hamming" if binary else "ip",
            dtype=self._dtype,
            connectivity=LINKS,
            expansion_add=BUILD_WIDTH,
            expansion_search=SEARCH_WIDTH,
        )
        if path is not None:
            self._index.load(path)

    def __len__(self) -> int:
        return len(self._index)

    def add(self, rows: NDArray[Any]) -> None:
        """Add rows."""
        keys = np.arange(len(self._index), len(self._index) + len(rows), dtype=np.uint64)
        self._index.add(keys, self._form(rows), threads=1, dtype=self._dtype)

    def search(self, queries: NDArray[Any], k: int) -> list[NDArray[np.int64]]:
        """About the k nearest."""
        self._index.expansion_search = max(SEARCH_WIDTH, k)
        found = []
        for query in self._form(queries):
            matches = self._index.search(query, k, threads=1, dtype=self._dtype)
            found.append(np.asarray(matches.keys).astype(np.int64))
        return found

    def write(self, path: Path) -> None:
        """Write the graph."""
        self._index.save(path)

    def _form(self, rows: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(rows).view(np.uint8) if self._binary else np.ascontiguousarray(rows)


@contextmanager
def _one_thread(faiss: Any) -> Iterator[None]:
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
