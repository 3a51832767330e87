"""Signed permutations: sign flips after a cyclic rotation or after a random permutation."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal, Self, overload

import numpy as np

from signwise._native import _ortho as _kernels

from ._hash import Words, atom, dimension, hash_key, mix64, word
from ._kept import kept
from ._operator import Array, OrthogonalOperator, readonly

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

Kind = Literal["rotation", "random"]

_SIGMA = 0xA5A5A5A5A5A5A5A5
_SHIFT = 0x5A5A5A5A5A5A5A5A
_PACKED_TENSORS = ("uint64", "int64", "uint8")


class SignedPermutation(OrthogonalOperator):
    """(M v)[i] = s[i] v[p[i]]: signs s in {+1, -1} after a permutation p of the components.

    With h the hash of the key and sigma = mix(h ^ 0xA5A5A5A5A5A5A5A5), s = atom(sigma) for both kinds.

    - ``"rotation"``: M v = s * R^r v, (R^r v)[i] = v[(i - r) mod d], with the odd shift
      r = 2 (mix(sigma ^ 0x5A5A5A5A5A5A5A5A) mod d/2) + 1. d must be a multiple of 64. Products and inverses
      are again rotations, kept as signs and one shift, and the map acts on packed words too
      (:meth:`apply_packed`).
    - ``"random"``: M v = s * v[p], p by Fisher-Yates from the identity: for i = d-1, ..., 1 swap i with the
      upper 64 bits of mix(mix(sigma + 2) + (i+1) phi) (i+1). Any d.

    Whole numbers stay whole numbers, and the inverse gives back equal bits. (The most negative number of an
    integer dtype has no negative there and stays as it is.)

    Args:
        d: number of components; a multiple of 64 for ``"rotation"``, any number from 1 for ``"random"``.
        key: str, bytes or a whole number; see :func:`signwise.ortho.hash_key`.
        seed: ``0 <= seed < 2**64``.
        kind: ``"rotation"`` or ``"random"``.

    Raises:
        TypeError: a key of another type.
        ValueError: a dimension that the kind refuses, an unknown kind, or a number that does not fit 64 bits.

    References:
        Gallant and Okaywe, Representing objects, relations, and sequences, Neural Computation 25(8), 2013.

    Examples:
        >>> import numpy as np
        >>> from signwise.ortho import SignedPermutation
        >>> operator = SignedPermutation(2048, "a")
        >>> operator
        SignedPermutation(d=2048, kind='rotation', shift=1171)
        >>> v = np.arange(2048)
        >>> bool((operator.inverse(operator.apply(v)) == v).all())
        True
    """

    exact = True
    kind: Kind

    def __init__(self, d: int, key: str | bytes | int, *, seed: int = 0, kind: Kind = "rotation") -> None:
        self._draw(d, hash_key(key, seed), kind)

    @classmethod
    def from_hash(cls, d: int, h: int, *, kind: Kind = "rotation") -> Self:
        """The operator of a hash, ``0 <= h < 2**64``; other arguments and errors as in the class."""
        self = cls.__new__(cls)
        self._draw(d, word(h, "h"), kind)
        return self

    def _draw(self, d: int, h: int, kind: Kind) -> None:
        d = dimension(d)
        if kind == "rotation":
            if d % 64:
                raise ValueError(f'kind="rotation" needs d % 64 == 0, got d={d}; kind="random" takes any d')
            signs, shift = _draw_rotation(d, h)
            self._set(kind, signs, shift=shift)
        elif kind == "random":
            signs, perm = _draw_random(d, h)
            self._set(kind, signs, perm=perm)
        else:
            raise ValueError(f'kind must be "rotation" or "random", got {kind!r}')

    def _set(
        self,
        kind: Kind,
        signs: NDArray[np.int8],
        *,
        shift: int = 0,
        perm: NDArray[np.int32] | None = None,
    ) -> None:
        self._begin(len(signs))
        self.kind = kind
        self._signs, self._shift, self._perm = signs, shift, perm
        self._packed: Words | None = None

    @classmethod
    def _make(cls, kind: Kind, signs: NDArray[np.int8], **parts: Any) -> Self:
        self = cls.__new__(cls)
        self._set(kind, signs, **parts)
        return self

    @property
    def signs(self) -> NDArray[np.int8]:
        """s, int8, shape ``(d,)``, read-only."""
        return readonly(self._signs)

    @property
    def permutation(self) -> NDArray[np.int32]:
        """p of (M v)[i] = s[i] v[p[i]], int32, shape ``(d,)``, read-only."""
        if self._perm is None:
            return readonly(np.roll(np.arange(self.d, dtype=np.int32), self._shift))
        return readonly(self._perm)

    @property
    def shift(self) -> int:
        """r of a rotation, ``0 <= r < d``; a random permutation has none and raises ``ValueError``."""
        self._need_rotation("shift")
        return self._shift

    @property
    def mask(self) -> Words:
        """s of a rotation as packed words, a bit 1 for -1: uint64, shape ``(d/64,)``, read-only."""
        self._need_rotation("mask")
        if self._packed is None:
            packed = np.packbits(self._signs < 0, bitorder="little").view("<u8").astype(np.uint64)
            self._packed = readonly(packed)
        return self._packed

    def _parameters(self) -> dict[str, Array]:
        place = np.array(self._shift, np.int64) if self._perm is None else self._perm
        return {"signs": self._signs, "shift" if self._perm is None else "permutation": place}

    def _apply_array(self, x: Array) -> Array:
        floating = x.dtype.kind == "f"
        if self._perm is None:
            return _kernels.signed_rotation(x, self._signs, self._shift, floating=floating)
        return _kernels.signed_permutation(x, self._signs, self._perm, floating=floating)

    def _apply_tensor(self, x: torch.Tensor) -> torch.Tensor:
        from . import _tensors

        _tensors.check_dtype(x)
        signs = _tensors.constant(self._tensors, "signs", self._signs, x.device)
        if self._perm is None:
            out: torch.Tensor = _tensors.signed_rotation(x, signs, self._shift)
        else:
            perm = _tensors.constant(self._tensors, "perm", self._perm, x.device)
            out = _tensors.signed_permutation(x, signs, perm)
        return out

    def _inverted(self) -> Self:
        if self._perm is None:
            back = -self._shift % self.d
            return self._make("rotation", np.roll(self._signs, back), shift=back)
        perm = np.empty_like(self._perm)
        perm[self._perm] = np.arange(self.d, dtype=np.int32)
        return self._make("random", self._signs[perm], perm=perm)

    def _composed(self, other: Self) -> Self:
        if other.kind != self.kind:
            raise ValueError(f"a {self.kind} composes with its own kind, got a {other.kind} permutation")
        if self._perm is None:
            signs = self._signs * np.roll(other._signs, self._shift)
            return self._make("rotation", signs, shift=(self._shift + other._shift) % self.d)
        assert other._perm is not None  # same kind
        signs = self._signs * other._signs[self._perm]
        return self._make("random", signs, perm=other._perm[self._perm])

    def _need_rotation(self, what: str) -> None:
        if self.kind != "rotation":
            raise ValueError(f'{what} is for kind="rotation", and this operator is of kind="random"')

    @overload
    def apply_packed(self, words: Words) -> Words: ...
    @overload
    def apply_packed(self, words: torch.Tensor) -> torch.Tensor: ...
    def apply_packed(self, words: Words | torch.Tensor) -> Words | torch.Tensor:
        """M v on packed signs: a funnel shift of the words, and an XOR with the mask.

        The words are in the layout of :mod:`signwise.bits`: component 64 i + j is bit j, lowest first, of
        word i, and a bit 1 stands for a value >= 0. An XOR with a mask bit 1 negates in that convention as in
        its complement, so the mask needs no conversion. Equal to packing ``apply(v)`` for v of +1 and -1; a
        zero is packed as +1 and negated like one.

        Args:
            words: uint64, shape ``(..., d/64)``, as tensors also int64 with the same bits; or uint8, shape
                ``(..., d/8)``, the bytes of such words in little-endian order.

        Returns:
            The same kind, shape and dtype.

        Raises:
            TypeError: another type or dtype.
            ValueError: the operator is not a rotation, or the last axis does not hold d bits.

        Examples:
            >>> import numpy as np
            >>> from signwise.ortho import SignedPermutation
            >>> operator = SignedPermutation(128, "a")
            >>> words = np.array([5, 9], np.uint64)
            >>> operator.inverse_packed(operator.apply_packed(words))
            array([5, 9], dtype=uint64)
        """
        self._need_rotation("apply_packed")
        if isinstance(words, np.ndarray):
            if words.dtype not in (np.dtype(np.uint64), np.dtype(np.uint8)):
                raise TypeError(f"words must be of uint64 or uint8, got {words.dtype}")
            self._check_words(words.shape, words.dtype.itemsize)
            return self._rotate_packed(words)
        module = sys.modules.get("torch")
        if module is not None and isinstance(words, module.Tensor):
            if words.dtype not in [getattr(module, name) for name in _PACKED_TENSORS]:
                raise TypeError(f"words must be of {', '.join(_PACKED_TENSORS)}, got {words.dtype}")
            self._check_words(tuple(words.shape), words.dtype.itemsize)
            return self._rotate_tensor(words)
        raise TypeError(f"words must be a numpy array or a torch tensor, got {type(words).__name__}")

    @overload
    def inverse_packed(self, words: Words) -> Words: ...
    @overload
    def inverse_packed(self, words: torch.Tensor) -> torch.Tensor: ...
    def inverse_packed(self, words: Words | torch.Tensor) -> Words | torch.Tensor:
        """M^-1 v on packed signs; arguments, result and errors as in :meth:`apply_packed`."""
        self._need_rotation("inverse_packed")
        return self.inverted().apply_packed(words)

    def _check_words(self, shape: tuple[int, ...], itemsize: int) -> None:
        per_word = 8 * itemsize
        if not shape or shape[-1] * per_word != self.d:
            raise ValueError(
                f"the last axis of words must have {self.d // per_word} words of {per_word} bits for "
                f"d={self.d}, got shape {shape}"
            )

    def _rotate_tensor(self, words: torch.Tensor) -> torch.Tensor:
        from . import _tensors

        signs = _tensors.constant(self._tensors, "signs", self._signs, words.device)
        mask = _tensors.packed_mask(self._tensors, signs)
        out: torch.Tensor = _tensors.rotate_words(_tensors.as_int64(words), mask, self._shift)
        return out.view(words.dtype)

    def _rotate_packed(self, words: Array) -> Array:
        if words.dtype == np.uint8:
            wide = np.require(words, requirements=["C", "A"]).reshape(-1, self.d // 8).view("<u8")
            out = _kernels.rotate_words(wide.astype(np.uint64, copy=False), self.mask, self._shift)
            return out.astype("<u8", copy=False).view(np.uint8).reshape(words.shape)
        return _kernels.rotate_words(words, self.mask, self._shift)

    def __repr__(self) -> str:
        """Family, dimension, kind and shift."""
        shift = f", shift={self._shift}" if self._perm is None else ""
        return f"SignedPermutation(d={self.d}, kind={self.kind!r}{shift})"


@kept
def _draw_rotation(d: int, h: int) -> tuple[NDArray[np.int8], int]:
    sigma = mix64(h ^ _SIGMA)
    return atom(sigma, d), 2 * (mix64(sigma ^ _SHIFT) % (d // 2)) + 1


@kept
def _draw_random(d: int, h: int) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
    sigma = mix64(h ^ _SIGMA)
    return atom(sigma, d), _kernels.fisher_yates(mix64(sigma + 2), d)
