"""Dense orthogonal matrices, uniform over the orthogonal group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from signwise._native import _ortho as _kernels

from ._hash import dimension, hash_key, word
from ._kept import kept
from ._operator import Array, OrthogonalOperator, readonly

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray


class Haar(OrthogonalOperator):
    """A dense orthogonal matrix Q drawn from the Haar (uniform) distribution.

    G is (d, d) of standard normal numbers, row major, by Marsaglia's polar method on the words
    mix(h' + (n+1) phi), h' = fold(H(MATRIX, ""), h); G = Q' R by Householder reflectors in float64; and
    Q = Q' diag(sgn R_ii), sgn 0 = 1, which makes the decomposition unique and its distribution uniform.

    Q has equal bits on every platform: the logarithm is :func:`signwise.ortho.ln`, every sum runs over four
    lanes (row i in lane i mod 4, then (0 + 1) + (2 + 3)), and no multiply-add is fused. ``apply`` multiplies
    by Q in the platform's BLAS and repeats up to rounding. Drawing takes time of order d^3, memory of order
    d^2.

    Args:
        d: number of components, at least 1.
        key: str, bytes or a whole number; see :func:`signwise.ortho.hash_key`.
        seed: ``0 <= seed < 2**64``.

    Raises:
        TypeError: a key of another type.
        ValueError: d below 1, or a number that does not fit 64 bits.

    References:
        Mezzadri, How to generate random matrices from the classical compact groups, Notices AMS 54(5), 2007.
        Marsaglia and Bray, A convenient method for generating normal variables, SIAM Review 6(3), 1964.

    Examples:
        >>> import numpy as np
        >>> from signwise.ortho import Haar
        >>> q = Haar(3, "a").matrix
        >>> bool(np.abs(q.T @ q - np.eye(3)).max() < 1e-15)
        True
    """

    exact = False

    def __init__(self, d: int, key: str | bytes | int, *, seed: int = 0) -> None:
        self._set(_draw_matrix(dimension(d), hash_key(key, seed)))

    @classmethod
    def from_hash(cls, d: int, h: int) -> Self:
        """The operator of a hash, ``0 <= h < 2**64``; errors as in the class."""
        return cls._make(_draw_matrix(dimension(d), word(h, "h")))

    @classmethod
    def _make(cls, matrix: NDArray[np.float64]) -> Self:
        self = cls.__new__(cls)
        self._set(matrix)
        return self

    def _set(self, matrix: NDArray[np.float64]) -> None:
        self._begin(len(matrix))
        self._matrix = matrix
        self._single: NDArray[np.float32] | None = None

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Q, float64, shape ``(d, d)``, read-only."""
        return readonly(self._matrix)

    def _parameters(self) -> dict[str, Array]:
        return {"matrix": self._matrix}

    def _apply_array(self, x: Array) -> Array:
        if x.dtype.kind == "i" or x.dtype.itemsize == 8:
            return np.asarray(x, np.float64) @ self._matrix.T
        if self._single is None:
            self._single = self._matrix.astype(np.float32)
        return (np.asarray(x, np.float32) @ self._single.T).astype(x.dtype.newbyteorder("="), copy=False)

    def _apply_tensor(self, x: torch.Tensor) -> torch.Tensor:
        from . import _tensors

        wide = _tensors.as_floating(x)
        matrix = _tensors.constant(self._tensors, f"matrix {wide.dtype}", self._matrix, x.device, wide.dtype)
        out: torch.Tensor = _tensors.dense(wide, matrix)
        return out.to(x.dtype) if x.is_floating_point() else out

    def _inverted(self) -> Self:
        return self._make(np.ascontiguousarray(self._matrix.T))

    def _composed(self, other: Self) -> Self:
        return self._make(self._matrix @ other._matrix)

    def __repr__(self) -> str:
        """Family and dimension."""
        return f"Haar(d={self.d})"


@kept
def _draw_matrix(d: int, h: int) -> NDArray[np.float64]:
    return _kernels.haar(h, d)
