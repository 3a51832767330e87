"""The JSON vector encoder: checks, dispatch to the kernel, and the fallback in numpy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from . import _ortho_numpy, _vsa_numpy, _vsa_walk
from ._vsa_numpy import Collected as Collected
from ._vsa_numpy import Spec as Spec
from ._vsa_walk import path_text as path_text

Output = Literal["int32", "int64", "float32", "bits"]
Loads = Callable[[Any], Any]


@dataclass(frozen=True)
class Failure:
    """An item that could not be read: its place in the sequence and why."""

    index: int
    error: Exception


class Encoder:
    """The encoder of one specification, native where the extension is there."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.skipped = 0
        self._fallback = _vsa_numpy.Encoder(spec)

    def read(self, items: Sequence[Any], loads: Loads, *, stop: bool = False) -> tuple[Sequence[bytes], list[Failure]]:
        """Parse and walk items (dict, list, or JSON str or bytes for ``loads``) into token buffers.

        Items that fail are left out of the buffers and listed; with ``stop`` the first ends the reading.
        """
        buffers: list[bytes] = []
        failures: list[Failure] = []
        for i, item in enumerate(items):
            try:
                buffers.append(_vsa_walk.walk(_parsed(item, loads)))
            except (TypeError, ValueError) as error:
                failures.append(Failure(i, error))
                if stop:
                    break
        return buffers, failures

    def walk(self, document: Any) -> bytes:
        """Tokens of one parsed document, which may be a scalar."""
        return _vsa_walk.walk(document)

    def subtree_hash(self, tokens: bytes) -> int:
        """h of the value that the tokens state."""
        return self._fallback.subtree_hash(tokens)

    def encode(self, buffers: Sequence[bytes], output: Output) -> NDArray[Any]:
        """The vectors of token buffers, one a row.

        ``int64`` is modulo 2^64. ``int32`` raises OverflowError where a component does not fit. Adds to
        ``skipped`` the objects whose conjunctions were skipped.
        """
        acc = np.zeros((len(buffers), self.spec.d), np.int64)
        for row, tokens in zip(acc, buffers, strict=True):
            row[:] = self._fallback.encode(tokens)[0]
        self.skipped += self._fallback.skipped
        self._fallback.skipped = 0
        return finish(acc, output, self.spec)

    def collect(self, buffers: Iterable[bytes]) -> list[Collected]:
        """What each document adds to a fit."""
        return [self._fallback.collect(tokens) for tokens in buffers]


def finish(acc: NDArray[np.int64], output: Output, spec: Spec) -> NDArray[Any]:
    """Integer rows, int64, in the asked form."""
    if output == "int64":
        return acc
    if output == "int32":
        if acc.size and (acc.max() > 2**31 - 1 or acc.min() < -(2**31)):
            row = int(np.flatnonzero((acc > 2**31 - 1).any(-1) | (acc < -(2**31)).any(-1))[0])
            raise OverflowError(f"document {row}: a component does not fit int32; take float32, bits or int64")
        return acc.astype(np.int32)
    if output == "float32":
        return _vsa_numpy.float_rows(acc)
    encoder = _vsa_numpy.Encoder(spec)
    tie = _ortho_numpy.atom_words(np.array([encoder.hash(_vsa_numpy.TIE, b"")], np.uint64), spec.d)[0]
    return _vsa_numpy.bit_rows(acc, tie)


def _parsed(item: Any, loads: Loads) -> Any:
    if isinstance(item, (str, bytes, bytearray, memoryview)):
        return loads(item)
    if isinstance(item, (dict, list, tuple)):
        return item
    raise TypeError(f"expected a dict, a list, or JSON text as str or bytes, got {type(item).__name__}")
