"""The interface that every orthogonal family has."""

from __future__ import annotations

import hashlib
import sys
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self, overload

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Array = NDArray[Any]


class OrthogonalOperator(ABC):
    """An orthogonal linear map M of d components, fixed by a key and a seed.

    Operators are immutable. Each acts on the last axis of arrays or tensors of shape ``(..., d)``; a tensor
    gives a tensor, and gradients pass back through the inverse, which is the transpose.

    Attributes:
        d: number of components.
        exact: whether whole numbers stay whole numbers and the inverse gives back equal bits. Families that
            are not exact turn whole numbers into float64 (tensors: torch's default dtype).
    """

    exact: ClassVar[bool]
    d: int
    _inverse: Self | None
    _tensors: dict[tuple[str, str], torch.Tensor]

    def _begin(self, d: int) -> None:
        self.d = d
        self._inverse = None
        self._tensors = {}

    @abstractmethod
    def _parameters(self) -> dict[str, Array]:
        """The arrays that define the map, by name."""

    @abstractmethod
    def _apply_array(self, x: Array) -> Array: ...

    @abstractmethod
    def _apply_tensor(self, x: torch.Tensor) -> torch.Tensor: ...

    @abstractmethod
    def _inverted(self) -> Self: ...

    @abstractmethod
    def _composed(self, other: Self) -> Self: ...

    @overload
    def apply(self, x: Array) -> Array: ...
    @overload
    def apply(self, x: torch.Tensor) -> torch.Tensor: ...
    def apply(self, x: Array | torch.Tensor) -> Array | torch.Tensor:
        """M x on the last axis.

        Args:
            x: array or tensor, shape ``(..., d)``; floating point, or signed integers of any width.

        Returns:
            The same kind and shape, contiguous; the same dtype where :attr:`exact` or x is floating point.

        Raises:
            TypeError: neither an array nor a tensor, or a dtype that has no negative numbers.
            ValueError: the last axis is not of d components.
        """
        if isinstance(x, np.ndarray):
            self._check_shape(x.shape)
            if x.dtype.kind not in "if" or x.dtype.itemsize > 8:
                raise TypeError(f"x must be of a signed integer or floating-point dtype, got {x.dtype}; convert it")
            return self._apply_array(x)
        module = sys.modules.get("torch")
        if module is not None and isinstance(x, module.Tensor):
            self._check_shape(tuple(x.shape))
            return self._apply_tensor(x)
        raise TypeError(f"x must be a numpy array or a torch tensor, got {type(x).__name__}")

    @overload
    def inverse(self, x: Array) -> Array: ...
    @overload
    def inverse(self, x: torch.Tensor) -> torch.Tensor: ...
    def inverse(self, x: Array | torch.Tensor) -> Array | torch.Tensor:
        """M^-1 x = M^T x on the last axis; arguments, result and errors as in :meth:`apply`."""
        return self.inverted().apply(x)

    def inverted(self) -> Self:
        """The operator M^-1 of the same family."""
        if self._inverse is None:
            self._inverse = self._inverted()
            self._inverse._inverse = self
        return self._inverse

    def compose(self, other: Self) -> Self:
        """The operator M N of the same family that applies ``other`` (N) first and ``self`` (M) after it.

        Args:
            other: an operator of the same family and dimension.

        Raises:
            TypeError: another family.
            ValueError: another dimension, or another kind of the family.
        """
        if type(other) is not type(self):
            raise TypeError(
                f"{type(self).__name__} composes with its own family, got {type(other).__name__}; apply one "
                "after the other, or multiply to_dense() of each"
            )
        if other.d != self.d:
            raise ValueError(f"operators to compose must have one dimension, got d={self.d} and d={other.d}")
        return self._composed(other)

    def to_dense(self) -> Array:
        """The matrix of the map: ``to_dense() @ v`` is ``apply(v)``.

        Returns:
            Shape ``(d, d)``; int8 where :attr:`exact`, else float64.
        """
        basis = np.eye(self.d, dtype=np.int8 if self.exact else np.float64)
        return np.ascontiguousarray(self.apply(basis).T)

    def digest(self) -> str:
        """SHA-256, in hexadecimal, of the family, the dimension and every bit of the parameters.

        Equal digests on two machines mean equal operators.
        """
        state = hashlib.sha256(f"{type(self).__name__} {self.d}".encode())
        for name, value in self._parameters().items():
            little = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<"))
            state.update(f" {name} {little.dtype.str} {little.shape} ".encode())
            state.update(little.tobytes())
        return state.hexdigest()

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        if not shape or shape[-1] != self.d:
            raise ValueError(f"the last axis of x must have d={self.d} components, got shape {tuple(shape)}")

    def __eq__(self, other: object) -> bool:
        """Whether the other operator is of the same family with equal parameters."""
        if type(other) is not type(self):
            return NotImplemented
        mine, theirs = self._parameters(), other._parameters()
        return mine.keys() == theirs.keys() and all(np.array_equal(mine[k], theirs[k]) for k in mine)

    def __hash__(self) -> int:
        """Hash that agrees with equality."""
        first = next(iter(self._parameters().values()))
        return hash((type(self).__name__, self.d, first.tobytes()[:256]))

    def __getstate__(self) -> dict[str, Any]:
        """The parameters, without what is kept for speed."""
        return self.__dict__ | {"_inverse": None, "_tensors": {}}


def readonly(array: Array) -> Array:
    """A view that refuses writes: parameters are shared between operators."""
    view = array.view()
    view.flags.writeable = False
    return view
