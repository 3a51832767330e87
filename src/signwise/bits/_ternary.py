"""The packed array of values -1, 0 and 1."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._files import reading, write_planes
from ._kinds import describe
from ._packed import PackedBits


@dataclass(frozen=True, eq=False, repr=False)
class TernaryBits:
    """An array of -1, 0 and 1 as two planes of bits, 2 bits a value.

    ``nonzero`` has bit 1 where the value is not 0, ``positive`` where it is 1; positive bits are a subset of the
    nonzero ones. Each plane has the layout of :class:`PackedBits`.

    Args:
        nonzero: the first plane.
        positive: the second plane, same shape and kind of words.

    Raises:
        TypeError: a plane is not packed, or one is numpy and the other torch.
        ValueError: the planes differ in shape, or a value is positive that is not nonzero.

    Example:
        >>> import numpy as np
        >>> from signwise.bits import pack_ternary
        >>> t = pack_ternary(np.array([0.5, -1.0, 0.0]))
        >>> t
        TernaryBits(shape=(3,), device='numpy')
        >>> t.nonzero.words, t.positive.words
        (array([3], dtype=uint64), array([1], dtype=uint64))
        >>> t.unpack("int8")
        array([ 1, -1,  0], dtype=int8)
    """

    nonzero: PackedBits
    positive: PackedBits

    def __post_init__(self) -> None:
        for plane in (self.nonzero, self.positive):
            if not isinstance(plane, PackedBits):
                raise TypeError(f"a plane must be PackedBits, got {describe(plane)}")
        if self.nonzero.shape != self.positive.shape:
            raise ValueError(f"the planes differ in shape: {self.nonzero.shape} and {self.positive.shape}")
        if type(self.nonzero.words) is not type(self.positive.words):
            raise TypeError("one plane is numpy and the other torch; move one with .to(...)")
        if bool((self.positive.words & ~self.nonzero.words).any()):
            raise ValueError("a bit is set in the positive plane and not in the nonzero one; it must be set in both")

    @classmethod
    def _of_planes(cls, nonzero: PackedBits, positive: PackedBits) -> TernaryBits:
        """The values of planes that are known to fit each other, without a pass over their words."""
        values = cls.__new__(cls)
        object.__setattr__(values, "nonzero", nonzero)
        object.__setattr__(values, "positive", positive)
        return values

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the values: ``(..., length)``."""
        return self.nonzero.shape

    @property
    def ndim(self) -> int:
        """Number of axes, the packed one included."""
        return self.nonzero.ndim

    @property
    def length(self) -> int:
        """Values of a row."""
        return self.nonzero.length

    @property
    def nbytes(self) -> int:
        """Bytes of both planes."""
        return self.nonzero.nbytes + self.positive.nbytes

    @property
    def device(self) -> str:
        """``"numpy"``, or the torch device of the words as a string."""
        return self.nonzero.device

    def unpack(self, dtype: Any = "float32") -> Any:
        """The values -1, 0 and 1 as an array or tensor of shape :attr:`shape`."""
        if dtype in (bool, np.bool_) or str(dtype).removeprefix("torch.") == "bool":
            raise TypeError("bool cannot hold -1, 0 and 1; unpack one plane, or give a signed dtype")
        signs, present = self.positive.unpack(dtype), self.nonzero.unpack("bool")
        if isinstance(signs, np.ndarray):
            signs[~present] = 0
            return signs
        return signs.masked_fill(~present, 0)

    def to(self, device: Any) -> TernaryBits:
        """The same values elsewhere: ``"numpy"``, ``"torch"`` (a CPU tensor) or any torch device."""
        return TernaryBits._of_planes(self.nonzero.to(device), self.positive.to(device))

    def numpy(self) -> TernaryBits:
        """The values with numpy words."""
        return TernaryBits._of_planes(self.nonzero.numpy(), self.positive.numpy())

    def torch(self) -> TernaryBits:
        """The values with torch words."""
        return TernaryBits._of_planes(self.nonzero.torch(), self.positive.torch())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a safetensors file: the uint64 tensors ``nonzero`` and ``positive``, the length and a SHA-256."""
        planes = {"nonzero": self.nonzero.numpy().words, "positive": self.positive.numpy().words}
        write_planes(path, "TernaryBits", self.length, planes)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TernaryBits:
        """Read a file of :meth:`save`, as numpy words.

        Raises:
            ArtifactError: the file is missing or damaged, or holds something else.
        """
        with reading(path, "TernaryBits", ("nonzero", "positive")) as (length, (nonzero, positive)):
            return cls(PackedBits.from_words(nonzero, length), PackedBits.from_words(positive, length))

    def reshape(self, *shape: int) -> TernaryBits:
        """The values with other leading axes; the last axis stays, and one leading axis may be -1."""
        return TernaryBits._of_planes(self.nonzero.reshape(*shape), self.positive.reshape(*shape))

    def __getitem__(self, index: Any) -> TernaryBits:
        """Index the leading axes; the packed axis can only be taken whole."""
        return TernaryBits._of_planes(self.nonzero[index], self.positive[index])

    def __len__(self) -> int:
        return len(self.nonzero)

    def __iter__(self) -> Iterator[TernaryBits]:
        return (self[i] for i in range(len(self)))

    def __eq__(self, other: object) -> bool:
        """Whether shapes and values agree; arrays and tensors compare by their bits."""
        if not isinstance(other, TernaryBits):
            return NotImplemented
        return self.nonzero == other.nonzero and self.positive == other.positive

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"TernaryBits(shape={self.shape}, device={self.device!r})"
