"""Rows of vectors in blocks: they grow without being copied, and what was loaded stays in its file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

FIRST_BYTES = 1 << 25
LARGEST_BYTES = 1 << 28


class Rows:
    """An array of shape ``(n, width)`` that grows at its end.

    A new block is as large as everything before it, so that there are few. Memory follows what is used all the same:
    a block is reserved whole, and the system gives its pages as they are written.

    Args:
        width: values in a row.
        dtype: of the values.
        first: rows to begin with, such as a mapped file; they are not copied.
    """

    def __init__(self, width: int, dtype: Any, first: NDArray[Any] | None = None) -> None:
        self.width, self.dtype = width, np.dtype(dtype)
        self._blocks: list[NDArray[Any]] = []
        self._starts: list[int] = []
        self._count = 0
        if first is not None and len(first):
            self._blocks, self._starts, self._count = [first], [0], len(first)

    def __len__(self) -> int:
        return self._count

    @property
    def nbytes(self) -> int:
        """Bytes of the rows that are there."""
        return int(self._count * self.width * self.dtype.itemsize)

    def append(self, rows: NDArray[Any]) -> None:
        """Add rows, shape ``(m, width)``, at the end."""
        done = 0
        while done < len(rows):
            if not self._blocks or self._count == self._starts[-1] + len(self._blocks[-1]):
                size = max(1, min(max(self.nbytes, FIRST_BYTES), LARGEST_BYTES) // (self.width * self.dtype.itemsize))
                self._blocks.append(np.empty((size, self.width), self.dtype))
                self._starts.append(self._count)
            place = self._count - self._starts[-1]
            count = min(len(rows) - done, len(self._blocks[-1]) - place)
            self._blocks[-1][place : place + count] = rows[done : done + count]
            self._count += count
            done += count

    def truncate(self, count: int) -> None:
        """Forget the rows from ``count`` on."""
        while self._starts and self._starts[-1] >= count:
            self._blocks.pop()
            self._starts.pop()
        self._count = count
        if self._blocks and self._starts[-1] + len(self._blocks[-1]) > count and not self._blocks[-1].flags.writeable:
            # The rest of a mapped block cannot be written to: it ends here.
            self._blocks[-1] = self._blocks[-1][: count - self._starts[-1]]

    def blocks(self) -> Iterator[tuple[int, NDArray[Any]]]:
        """The number of its first row, and the rows, of each block."""
        for start, block in zip(self._starts, self._blocks, strict=True):
            yield start, block[: self._count - start]

    def gather(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """The rows of the given numbers, copied."""
        out = np.empty((len(rows), self.width), self.dtype)
        block_of = np.searchsorted(self._starts, rows, side="right") - 1
        for block in np.unique(block_of):
            mine = block_of == block
            out[mine] = self._blocks[block][rows[mine] - self._starts[block]]
        return out

    def located(self, rows: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """An array that holds the rows of the given numbers, and where: without a copy where one block has them all."""
        if len(self._blocks) == 1:
            return self._blocks[0], rows
        return self.gather(rows), np.arange(len(rows))
