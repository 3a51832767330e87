"""The JSON vector encoder: checks, dispatch to the kernel, and the fallback in numpy."""

from __future__ import annotations

import atexit
import dataclasses
import unicodedata
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from . import _ortho_numpy, _runtime, _vsa_numpy, _vsa_walk
from ._vsa_numpy import Collected as Collected
from ._vsa_numpy import Spec as Spec
from ._vsa_walk import path_text as path_text

Output = Literal["int32", "int64", "float32", "bits"]
Loads = Callable[[Any], Any]

# Kernels live here and not in their encoders: what a test runner or an interpreter session still holds at exit would
# otherwise keep them beyond the extension, which nanobind reports as a leak.
_kernels: weakref.WeakKeyDictionary[Encoder, Any] = weakref.WeakKeyDictionary()
atexit.register(_kernels.clear)

_DTYPES = {"int32": np.int32, "int64": np.int64, "float32": np.float32, "bits": np.uint8}


@dataclass(frozen=True)
class Failure:
    """An item that could not be read: its place in the sequence and why."""

    index: int
    error: Exception


class Encoder:
    """The encoder of one specification, native where the extension is there.

    Token buffers come from :meth:`read` or :meth:`walk`; a list of bytes objects does too.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.skipped = 0
        self._fallback = _vsa_numpy.Encoder(spec)

    def read(self, items: Sequence[Any], loads: Loads, *, stop: bool = False) -> tuple[Sequence[bytes], list[Failure]]:
        """Parse and walk items (dict, list, or JSON str or bytes for ``loads``) into token buffers.

        Items that fail are left out of the buffers and listed; with ``stop`` the first ends the reading.
        """
        core = _runtime.core()
        listed = items if type(items) is list else list(items)
        buffers: Any = core.TokenBatch() if core else []
        failures: list[Failure] = []
        at = 0
        while at < len(listed):
            if core:
                at = buffers.read(listed, at, loads, unicodedata.normalize)
                if at == len(listed):
                    break
            # The kernel stops where it finds a fault; the walk in Python says which.
            try:
                buffers.append(_vsa_walk.walk(_parsed(listed[at], loads)))
            except (TypeError, ValueError) as error:
                failures.append(Failure(at, error))
                if stop:
                    break
            at += 1
        return buffers, failures

    def walk(self, document: Any) -> bytes:
        """Tokens of one parsed document, which may be a scalar."""
        core = _runtime.core()
        if core:
            batch = core.TokenBatch()
            if batch.walk(document, unicodedata.normalize):
                return bytes(batch[0])
        return _vsa_walk.walk(document)

    def subtree_hash(self, tokens: bytes) -> int:
        """h of the value that the tokens state."""
        core = _runtime.core()
        return int(self._native(core).subtree_hash(tokens)) if core else self._fallback.subtree_hash(tokens)

    def rows(self, count: int, output: Output) -> NDArray[Any]:
        """Uninitialised rows for vectors: ``(count, d)``, or uint8 ``(count, d/8)`` for ``bits``."""
        return np.empty((count, self.spec.d // 8 if output == "bits" else self.spec.d), _DTYPES[output])

    def encode(self, buffers: Sequence[bytes], output: Output, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """The vectors of token buffers, one a row, in new :meth:`rows` or those given.

        ``int64`` is modulo 2^64. ``int32`` raises OverflowError where a component does not fit. Adds to
        ``skipped`` the objects whose conjunctions were skipped.
        """
        core = _runtime.core()
        out = self.rows(len(buffers), output) if out is None else out
        if not core:
            acc = np.zeros((len(buffers), self.spec.d), np.int64)
            for i in range(len(buffers)):
                acc[i] = self._fallback.encode(buffers[i])[0]
            self.skipped += self._fallback.skipped
            self._fallback.skipped = 0
            out[:] = self._finished(acc, output)
            return out
        misfit, skipped = self._native(core).encode(_batch(core, buffers), output, out, _runtime.num_threads())
        self.skipped += skipped
        if misfit >= 0:
            raise _no_fit(misfit)
        return out

    def collect(self, buffers: Sequence[bytes]) -> list[Collected]:
        """What documents add to a fit, in one piece or several."""
        core = _runtime.core()
        if not core:
            return [self._fallback.collect(buffers[i]) for i in range(len(buffers))]
        parts = self._native(core).collect(_batch(core, buffers), _runtime.num_threads())
        return [Collected(len(buffers), *parts)]

    def _native(self, core: Any) -> Any:
        kernel = _kernels.get(self)
        if kernel is None:
            fields = {field.name: getattr(self.spec, field.name) for field in dataclasses.fields(self.spec)}
            kernel = _kernels[self] = core.VsaEncoder(**fields)
        return kernel

    def _finished(self, acc: NDArray[np.int64], output: Output) -> NDArray[Any]:
        if output == "int64":
            return acc
        if output == "int32":
            misfit = ((acc > 2**31 - 1) | (acc < -(2**31))).any(-1)
            if misfit.any():
                raise _no_fit(int(np.flatnonzero(misfit)[0]))
            return acc.astype(np.int32)
        if output == "float32":
            return _vsa_numpy.float_rows(acc)
        tie = np.array([self._fallback.hash(_vsa_numpy.TIE, b"")], np.uint64)
        return _vsa_numpy.bit_rows(acc, _ortho_numpy.atom_words(tie, self.spec.d)[0])


def _no_fit(row: int) -> OverflowError:
    return OverflowError(f"document {row + 1}: a component does not fit int32; take float32 or bits")


def _batch(core: Any, buffers: Sequence[bytes]) -> Any:
    if isinstance(buffers, core.TokenBatch):
        return buffers
    batch = core.TokenBatch()
    for tokens in buffers:
        batch.append(tokens)
    return batch


def _parsed(item: Any, loads: Loads) -> Any:
    if isinstance(item, (str, bytes, bytearray, memoryview)):
        return loads(item)
    if isinstance(item, (dict, list, tuple)):
        return item
    raise TypeError(f"expected a dict, a list, or JSON text as str or bytes, got {type(item).__name__}")
