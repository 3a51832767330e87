"""What stands at the end of a path of a document's vector."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ortho import Domain, SignedPermutation, hash_bytes, hash_key
from ._options import Options
from ._paths import ANY, Path


def unbind(y: NDArray[Any], path: Path, options: Options) -> NDArray[Any]:
    """P^-1 y for the operators P of a path, by the encoder's options; see ``JSONEncoder.unbind``."""
    packed = y.dtype == np.uint8
    width = options.d // 8 if packed else options.d
    if y.ndim == 0 or y.shape[-1] != width or y.dtype.kind not in ("u" if packed else "if"):
        raise ValueError(
            f"y must have a last axis of {options.d} integers or floats, or of {options.d // 8} packed bytes (uint8); "
            f"got shape {y.shape}, {y.dtype}"
        )
    for step in path:
        operator = step_operator(step, options)
        y = operator.inverse_packed(y) if packed else operator.inverse(y)
    return y


def step_operator(step: str | int, options: Options) -> SignedPermutation:
    """The operator of a key, an index or ``"[*]"``.

    Raises:
        ValueError: the encoder has no view of arrays that the step could look at.
    """
    if isinstance(step, int):
        _need_view("pos", f"the index {step}", options)
        return SignedPermutation(options.d, step, seed=options.seed)
    if step == ANY:
        _need_view("set", '"[*]"', options)
        return SignedPermutation.from_hash(options.d, hash_bytes(Domain.VIEW, b"set", options.seed))
    return SignedPermutation.from_hash(options.d, hash_key(unicodedata.normalize("NFC", step), options.seed))


def _need_view(view: str, what: str, options: Options) -> None:
    if view not in options.arrays:
        raise ValueError(f"{what} needs the view {view!r} of arrays, and the encoder has {', '.join(options.arrays)}")
