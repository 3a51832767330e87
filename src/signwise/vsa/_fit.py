"""What an encoder learns from documents: counts of terms and samples of numbers, mergeable in any order."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signwise._native import _vsa as _kernels

from ..ortho import ln

Words = NDArray[np.uint64]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SAMPLE = 1024
_FEWEST = 8
_IQR_OF_SD = 1.349
_PENDING = 1 << 20


class FitState:
    """Document counts, document frequencies of terms, and per path the numbers of lowest priority.

    One pass, and independent of order and partition: counts add, and the sample keeps the 1024 lowest
    priorities of each index-free path, mix(h(document) ^ full path hash), equal priorities once.

    Args:
        idf: whether document frequencies are kept.
    """

    def __init__(self, *, idf: bool) -> None:
        self.idf = idf
        self.documents = 0
        # After a save the terms seen once are gone, and counts can no longer be added to.
        self.finished = False
        self.terms: Words = np.zeros(0, np.uint64)
        self.counts: Ints = np.zeros(0, np.int64)
        self.paths: Words = np.zeros(0, np.uint64)
        self.priorities: Words = np.zeros(0, np.uint64)
        self.values: Floats = np.zeros(0)
        self._pending: list[_kernels.Collected] = []
        self._pending_size = 0

    def add(self, collected: Iterable[_kernels.Collected]) -> None:
        """Count documents."""
        self.check_open()
        for item in collected:
            self.documents += item.documents
            self._pending.append(item)
            self._pending_size += len(item.terms) + len(item.values)
        if self._pending_size > _PENDING:
            self.settle()

    def merge(self, other: FitState) -> None:
        """Add what another state has counted.

        Raises:
            ValueError: one of them keeps document frequencies and the other does not, or was loaded from a file
                without the terms seen once.
        """
        self.check_open()
        other.check_open()
        if self.idf != other.idf:
            raise ValueError("an encoder with idf merges with one with idf only")
        self.settle()
        other.settle()
        self.documents += other.documents
        self._add_terms(other.terms, other.counts)
        self._add_numbers(other.paths, other.priorities, other.values)

    def stats(self) -> tuple[Words, Floats, Floats]:
        """Path hashes, sorted, with the median and scale of their numbers.

        The scale is IQR/1.349, or the standard deviation where that is 0. Paths with fewer than 8 numbers, or
        without any spread, are left out.
        """
        self.settle()
        rows = []
        starts = np.flatnonzero(np.r_[True, self.paths[1:] != self.paths[:-1]][: len(self.paths)])
        for start, stop in zip(starts, np.r_[starts[1:], len(self.paths)][: len(starts)], strict=True):
            center, scale = spread(np.sort(self.values[start:stop]).tolist())
            if 0 < scale < math.inf:
                rows.append((self.paths[start], center, scale))
        paths, centers, scales = zip(*rows, strict=True) if rows else ((), (), ())
        return np.array(paths, np.uint64), np.array(centers, np.float64), np.array(scales, np.float64)

    def factors(self) -> tuple[Words, Ints, int]:
        """Terms seen in two documents or more, sorted, with their factors, and the factor of another term.

        F = rint(1024 (ln((N+1)/(df+1)) + 0.3) / (0.5 ln(N+1))), with df = 1 for other terms; 1024 where N < 2.
        """
        self.settle()
        n = self.documents
        if not self.idf or n < 2:
            return np.zeros(0, np.uint64), np.zeros(0, np.int64), 1024
        kept = self.counts >= 2
        df = np.r_[self.counts[kept], 1].astype(np.float64)
        factors = np.rint(1024 * (ln((n + 1) / (df + 1)) + 0.3) / (0.5 * ln(float(n + 1)))).astype(np.int64)
        return self.terms[kept], factors[:-1], int(factors[-1])

    def tensors(self) -> dict[str, NDArray[Any]]:
        """The finished state as arrays: without the terms seen once."""
        self.settle()
        kept = self.counts >= 2
        return {
            "terms": self.terms[kept],
            "counts": self.counts[kept],
            "paths": self.paths,
            "priorities": self.priorities,
            "values": self.values,
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]], *, documents: int, idf: bool) -> FitState:
        """The state that :meth:`tensors` gave."""
        self = cls(idf=idf)
        self.documents = documents
        self.finished = True
        for name in self.tensors():
            setattr(self, name, tensors[name])
        return self

    def digest(self) -> bytes:
        """SHA-256 of the finished state."""
        sha = hashlib.sha256(f"{self.documents} ".encode())
        for name, tensor in self.tensors().items():
            little = np.ascontiguousarray(tensor, dtype=tensor.dtype.newbyteorder("<"))
            sha.update(f"{name} {little.dtype.str} {len(little)} ".encode() + little.tobytes())
        return sha.digest()

    def __getstate__(self) -> dict[str, Any]:
        """The settled state: equal states pickle alike."""
        self.settle()
        return self.__dict__

    def check_open(self) -> None:
        if self.finished and self.idf:
            raise ValueError(
                "this state was read from a file, which holds no terms seen once: counts cannot be added to it; "
                "merge first, then save"
            )

    def settle(self) -> None:
        """Count what was only gathered; the arrays are complete then."""
        if not self._pending:
            return
        pending, self._pending, self._pending_size = self._pending, [], 0
        if self.idf:
            terms, counts = np.unique(np.concatenate([item.terms for item in pending]), return_counts=True)
            self._add_terms(terms, counts.astype(np.int64))
        self._add_numbers(
            np.concatenate([item.paths for item in pending]),
            np.concatenate([item.priorities for item in pending]),
            np.concatenate([item.values for item in pending]),
        )

    def _add_terms(self, terms: Words, counts: Ints) -> None:
        both = np.concatenate([self.terms, terms])
        self.terms, place = np.unique(both, return_inverse=True)
        total = np.zeros(len(self.terms), np.int64)
        np.add.at(total, place, np.concatenate([self.counts, counts]))
        self.counts = total

    def _add_numbers(self, paths: Words, priorities: Words, values: Floats) -> None:
        paths = np.concatenate([self.paths, paths])
        priorities = np.concatenate([self.priorities, priorities])
        values = np.concatenate([self.values, values])
        order = np.lexsort((values, priorities, paths))
        paths, priorities, values = paths[order], priorities[order], values[order]
        if not len(paths):
            return
        same_path = np.r_[False, paths[1:] == paths[:-1]]
        fresh = ~(same_path & np.r_[False, priorities[1:] == priorities[:-1]])
        paths, priorities, values = paths[fresh], priorities[fresh], values[fresh]
        starts = np.flatnonzero(np.r_[True, paths[1:] != paths[:-1]])
        rank = np.arange(len(paths)) - np.repeat(starts, np.diff(np.r_[starts, len(paths)]))
        kept = rank < SAMPLE
        self.paths, self.priorities, self.values = paths[kept], priorities[kept], values[kept]


def spread(ordered: list[float]) -> tuple[float, float]:
    """Median and scale of sorted numbers; scale 0 for fewer than 8 or without spread.

    Quantiles interpolate linearly between neighbours, x_k + (p - k)(x_{k+1} - x_k) at p = q(n - 1), k = floor(p).
    """
    n = len(ordered)
    if n < _FEWEST:
        return 0.0, 0.0

    def quantile(q: float) -> float:
        p = q * (n - 1)
        k = min(int(p), n - 2)
        return ordered[k] + (p - k) * (ordered[k + 1] - ordered[k])

    center = quantile(0.5)
    scale = (quantile(0.75) - quantile(0.25)) / _IQR_OF_SD
    if scale == 0:
        mean = math.fsum(ordered) / n if abs(ordered[0]) + abs(ordered[-1]) < 1e300 else math.inf
        scale = math.sqrt(math.fsum((x - mean) ** 2 for x in ordered) / n) if abs(mean) < 1e150 else math.inf
    return center, scale
