"""Walsh-Hadamard transforms between random sign flips."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Self

import numpy as np

from signwise._native import _ortho as _kernels

from ._hash import atom, dimension, hash_key, mix64, word
from ._kept import kept
from ._operator import Array, OrthogonalOperator, readonly

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

_SIGMA = 0xA5A5A5A5A5A5A5A5


class HadamardSigns(OrthogonalOperator):
    """Rounds of sign flips and the fast Walsh-Hadamard transform: v <- FWHT(s_q * v) / sqrt(d), q = 0, 1, ...

    FWHT multiplies by Sylvester's matrix, H[i, j] = (-1)^(one bits of i AND j), in d log2 d additions. With h
    the hash of the key and sigma = mix(h ^ 0xA5A5A5A5A5A5A5A5), s_q = atom(mix(sigma + q)). Products and
    inverses stay in the family as chains of masks and transforms in which two transforms that meet cancel.

    The parameters have equal bits everywhere. On the CPU so have the results, on every instruction tier and
    number of threads; on other devices they agree up to rounding.

    Args:
        d: number of components, a power of two.
        key: str, bytes or a whole number; see :func:`signwise.ortho.hash_key`.
        seed: ``0 <= seed < 2**64``.
        rounds: at least 1.

    Raises:
        TypeError: a key of another type.
        ValueError: d is not a power of two, or rounds below 1.

    References:
        Ailon and Chazelle, The fast Johnson-Lindenstrauss transform, SIAM J. Computing 39(1), 2009.

    Examples:
        >>> import numpy as np
        >>> from signwise.ortho import HadamardSigns
        >>> HadamardSigns(4, "a").apply(np.array([1.0, 0.0, 0.0, 0.0]))
        array([-0.5, -0.5, -0.5, -0.5])
    """

    exact = False

    def __init__(self, d: int, key: str | bytes | int, *, seed: int = 0, rounds: int = 1) -> None:
        self._draw(d, hash_key(key, seed), rounds)

    @classmethod
    def from_hash(cls, d: int, h: int, *, rounds: int = 1) -> Self:
        """The operator of a hash, ``0 <= h < 2**64``; other arguments and errors as in the class."""
        self = cls.__new__(cls)
        self._draw(d, word(h, "h"), rounds)
        return self

    def _draw(self, d: int, h: int, rounds: int) -> None:
        d = dimension(d)
        if d & (d - 1):
            raise ValueError(f"HadamardSigns needs d to be a power of two, got d={d}")
        if operator.index(rounds) < 1:
            raise ValueError(f"rounds must be at least 1, got {rounds}")
        self._begin(d)
        self._masks = _draw_masks(d, h, operator.index(rounds))

    @property
    def masks(self) -> NDArray[np.int8]:
        """Signs before the first transform and after each, int8, shape ``(rounds + 1, d)``, read-only."""
        return readonly(self._masks)

    @property
    def rounds(self) -> int:
        """Number of transforms in the chain."""
        return len(self._masks) - 1

    def _parameters(self) -> dict[str, Array]:
        return {"masks": self._masks}

    def _apply_array(self, x: Array) -> Array:
        if x.dtype.kind == "i":
            x = x.astype(np.float64)
        if x.dtype.itemsize == 2:
            return _kernels.hadamard_signs(x.astype(np.float32), self._masks).astype(x.dtype)
        return _kernels.hadamard_signs(x, self._masks)

    def _apply_tensor(self, x: torch.Tensor) -> torch.Tensor:
        from . import _tensors

        masks = _tensors.constant(self._tensors, "masks", self._masks, x.device)
        wide = _tensors.as_floating(x)
        out: torch.Tensor = _tensors.hadamard_signs(wide, masks)
        return out.to(x.dtype) if x.is_floating_point() else out

    @classmethod
    def _make(cls, masks: NDArray[np.int8]) -> Self:
        self = cls.__new__(cls)
        self._begin(masks.shape[1])
        self._masks = masks
        return self

    def _inverted(self) -> Self:
        return self._make(np.ascontiguousarray(self._masks[::-1]))

    def _composed(self, other: Self) -> Self:
        before, after = list(other._masks), list(self._masks)
        middle = before.pop() * after.pop(0)
        # The transform is its own inverse: two with no sign flip between them are the identity.
        while before and after and bool((middle > 0).all()):
            middle = before.pop() * after.pop(0)
        return self._make(np.stack([*before, middle, *after]))

    def __repr__(self) -> str:
        """Family, dimension and rounds."""
        return f"HadamardSigns(d={self.d}, rounds={self.rounds})"


@kept
def _draw_masks(d: int, h: int, rounds: int) -> NDArray[np.int8]:
    sigma = mix64(h ^ _SIGMA)
    signs = [atom(mix64(sigma + q), d) for q in range(rounds)]
    return np.stack([*signs, np.ones(d, np.int8)])
