"""The packed array of signs."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._native import _bits as _native
from ._files import reading, write_planes
from ._kinds import describe, is_tensor, whole


@dataclass(frozen=True, eq=False, repr=False)
class PackedBits:
    """An array of signs, 64 to a word along its last axis.

    Value ``i`` of a row is bit ``i % 64`` of word ``i // 64``; bit 1 is +1 and bit 0 is -1. The bits past
    ``length`` in the last word are 0. As bytes, words are little-endian, so value ``i`` is bit ``i % 8`` of byte
    ``i // 8``.

    Args:
        words: numpy uint64, or a torch int64 tensor of the same bits, shape ``(..., ceil(length / 64))``.
            Padding bits must be 0; this is not checked here, :meth:`from_words` checks it.
        length: values of a row, 0 <= K < 2^31, so that a distance fits in int32.

    Raises:
        TypeError: words of another kind or dtype, or a length that is not a whole number.
        ValueError: a length out of range, or one that does not fit the last axis.

    Example:
        >>> import numpy as np
        >>> from signwise.bits import pack
        >>> p = pack(np.array([[0.5, -1.0, 0.0], [-2.0, 3.0, -4.0]]))
        >>> p
        PackedBits(shape=(2, 3), device='numpy')
        >>> p.words
        array([[5],
               [2]], dtype=uint64)
        >>> p[1].unpack("int8")
        array([-1,  1, -1], dtype=int8)
    """

    words: Any
    length: int

    def __post_init__(self) -> None:
        words = self.words
        if isinstance(words, np.ndarray):
            good = words.dtype == np.uint64
        elif is_tensor(words):
            import torch

            good = words.dtype == torch.int64
        else:
            raise TypeError(f"words must be a numpy array or a torch tensor, got {describe(words)}")
        if not good:
            raise TypeError(f"words must be uint64 (numpy) or int64 (torch), got {words.dtype}")
        object.__setattr__(self, "length", whole(self.length, "length", 0, 2**31 - 1))
        if words.ndim < 1 or words.shape[-1] != (self.length + 63) // 64:
            raise ValueError(
                f"words of shape {tuple(words.shape)} cannot hold rows of length {self.length}: "
                f"the last axis must be {(self.length + 63) // 64}"
            )

    @classmethod
    def from_words(cls, words: Any, length: int) -> PackedBits:
        """Take words from elsewhere, after a check that their padding bits are 0.

        Raises:
            ValueError: a padding bit is set.
        """
        packed = cls(words, length)
        if packed.length % 64:
            last = packed.words[..., -1]
            if bool(((last >> (packed.length % 64)) != 0).any()):
                raise ValueError(f"words have bits set past length {length}; padding bits must be 0")
        return packed

    @classmethod
    def from_bytes(cls, data: bytes, shape: tuple[int, ...]) -> PackedBits:
        """Read what :meth:`tobytes` gives.

        Args:
            data: little-endian words, ``prod(shape[:-1]) * ceil(shape[-1] / 64) * 8`` bytes.
            shape: shape of the signs, the last axis included.

        Raises:
            ValueError: the number of bytes does not fit the shape, or a padding bit is set.
        """
        if not shape:
            raise ValueError("shape is empty; the last axis is the packed one and must be there")
        full = (*shape[:-1], (shape[-1] + 63) // 64)
        if len(data) != 8 * math.prod(full):
            raise ValueError(f"shape {tuple(shape)} takes {8 * math.prod(full)} bytes, got {len(data)}")
        words = np.frombuffer(data, "<u8").astype(np.uint64).reshape(full)
        return cls.from_words(words, shape[-1])

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the signs: ``(..., length)``."""
        return (*self.words.shape[:-1], self.length)

    @property
    def ndim(self) -> int:
        """Number of axes, the packed one included."""
        return int(self.words.ndim)

    @property
    def nbytes(self) -> int:
        """Bytes of the words."""
        return int(self.words.nbytes)

    @property
    def device(self) -> str:
        """``"numpy"``, or the torch device of the words as a string."""
        return "numpy" if isinstance(self.words, np.ndarray) else str(self.words.device)

    def unpack(self, dtype: Any = "float32") -> Any:
        """The signs as an array or tensor of +1 and -1 (or True and False), shape :attr:`shape`.

        Args:
            dtype: a dtype, or its name, of the same library as the words; signed, floating or bool.

        Raises:
            TypeError: the dtype is unsigned, so that it has no -1.
        """
        if not isinstance(self.words, np.ndarray):
            from . import _torch

            return _torch.unpack(self.words, self.length, dtype)
        dtype = np.dtype(dtype)
        bits = _native.unpack(self.words, self.length)
        if dtype == np.bool_:
            return bits.view(np.bool_)
        if dtype.kind not in "if":
            raise TypeError(f"dtype {dtype} cannot hold -1; give a floating or signed dtype, or bool")
        signs = bits.astype(dtype)
        signs *= 2
        signs -= 1
        return signs

    def to(self, device: Any) -> PackedBits:
        """The same signs elsewhere: ``"numpy"``, ``"torch"`` (a CPU tensor) or any torch device.

        Memory is shared where the words are on the CPU already.
        """
        if isinstance(device, str) and device == "numpy":
            return self.numpy()
        if isinstance(device, str) and device == "torch":
            return self.torch()
        from . import _torch

        return PackedBits(_torch.from_numpy(self.words).to(device), self.length)

    def numpy(self) -> PackedBits:
        """The signs with numpy words."""
        if isinstance(self.words, np.ndarray):
            return self
        return PackedBits(self.words.numpy(force=True).view(np.uint64), self.length)

    def torch(self) -> PackedBits:
        """The signs with torch words, on the device where they are (numpy words: the CPU)."""
        if not isinstance(self.words, np.ndarray):
            return self
        from . import _torch

        return PackedBits(_torch.from_numpy(self.words), self.length)

    def tobytes(self) -> bytes:
        """The words as little-endian bytes, row after row, padding included."""
        return np.asarray(self.numpy().words, dtype="<u8").tobytes()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a safetensors file: the uint64 tensor ``words``, the length and a SHA-256."""
        write_planes(path, "PackedBits", self.length, {"words": self.numpy().words})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PackedBits:
        """Read a file of :meth:`save`, as numpy words.

        Raises:
            ArtifactError: the file is missing or damaged, or holds something else.
        """
        with reading(path, "PackedBits", ("words",)) as (length, (words,)):
            return cls.from_words(words, length)

    def reshape(self, *shape: int) -> PackedBits:
        """The signs with other leading axes; the last axis stays, and one leading axis may be -1."""
        if not shape or shape[-1] != self.length:
            raise ValueError(f"the last axis is packed and must stay {self.length}; got shape {shape}")
        return PackedBits(self.words.reshape((*shape[:-1], self.words.shape[-1])), self.length)

    def __getitem__(self, index: Any) -> PackedBits:
        """Index the leading axes as numpy or torch would; the packed axis can only be taken whole."""
        # A list is the array it writes down; libraries read nested lists and lists of booleans in different ways.
        items = tuple(
            np.array(item, None if item else np.intp) if isinstance(item, list) else item
            for item in (index if isinstance(index, tuple) else (index,))
        )
        taken = 0
        for item in items:
            if item is None or item is Ellipsis:
                continue
            mask = str(getattr(item, "dtype", "")).removeprefix("torch.") == "bool"
            taken += item.ndim if mask else 1
        whole = len(items) > 0 and isinstance(items[-1], slice) and items[-1] == slice(None)
        after = Ellipsis in [i for i in items[:-1] if i is Ellipsis]
        if (taken >= self.ndim or after) and not (whole and taken <= self.ndim):
            raise IndexError(f"shape {self.shape}: the last axis is packed and cannot be indexed; unpack() first")
        return PackedBits(self.words[items], self.length)

    def __len__(self) -> int:
        if self.ndim == 1:
            raise TypeError("a single packed row has no length to iterate over; its number of values is .length")
        return int(self.words.shape[0])

    def __iter__(self) -> Iterator[PackedBits]:
        return (self[i] for i in range(len(self)))

    def __eq__(self, other: object) -> bool:
        """Whether shapes and signs agree; arrays and tensors compare by their bits."""
        if not isinstance(other, PackedBits):
            return NotImplemented
        return self.shape == other.shape and bool(np.array_equal(self.numpy().words, other.numpy().words))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"PackedBits(shape={self.shape}, device={self.device!r})"
