"""The specified 64-bit hash, and the sign vectors ("atoms") drawn from it."""

from __future__ import annotations

import functools
import operator
from enum import IntEnum
from typing import overload

import numpy as np
from numpy.typing import NDArray

from signwise._native import _ortho as _kernels

Words = NDArray[np.uint64]

_MASK = _kernels.MASK


class Domain(IntEnum):
    """What a hash is of: equal bytes of different domains have unrelated hashes."""

    KEY = 1
    STR = 2
    WORD = 3
    GRAM = 4
    LIT = 5
    LANE = 6
    EXACT = 7
    LINEAR = 8
    INDEX = 9
    END = 10
    VIEW = 11
    TIE = 12
    MATRIX = 13
    LANEFIT = 14
    ARRAY = 15


def word(value: int, name: str) -> int:
    """The value as an int of 64 bits, or an error that names the argument."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, got {type(value).__name__}") from None
    if not 0 <= number <= _MASK:
        raise ValueError(f"{name} must be at least 0 and below 2**64, got {number}")
    return number


def xxh64(data: bytes, seed: int = 0) -> int:
    """XXH64 of a byte string.

    Args:
        data: the bytes.
        seed: ``0 <= seed < 2**64``.

    Returns:
        The hash, ``0 <= h < 2**64``.

    Raises:
        TypeError: the data are not bytes.
        ValueError: the seed does not fit 64 bits.

    References:
        XXH64 specification, https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md.

    Examples:
        >>> f"{xxh64(b''):016X}"
        'EF46DB3751D8E999'
    """
    if not isinstance(data, bytes):
        raise TypeError(f"data must be bytes, got {type(data).__name__}; encode a str first")
    return _kernels.xxh64(data, word(seed, "seed"))


@overload
def mix64(x: int) -> int: ...
@overload
def mix64(x: Words) -> Words: ...
def mix64(x: int | Words) -> int | Words:
    """The mixing function of 64 bits, a bijection: three xor-shifts with two odd multipliers between.

    ``x ^= x >> 30; x *= 0xBF58476D1CE4E5B9; x ^= x >> 27; x *= 0x94D049BB133111EB; x ^= x >> 31``, mod 2^64.

    Args:
        x: a whole number, taken mod 2^64, or a uint64 array.

    Returns:
        An int below 2^64, or a uint64 array of the same shape.

    Raises:
        TypeError: an array that is not of uint64.

    Examples:
        >>> hex(mix64(1))
        '0x5692161d100b05e5'
    """
    if isinstance(x, np.ndarray):
        return _kernels.mix64_words(_uint64(x, "x"))
    return _kernels.mix64(operator.index(x) & _MASK)


@overload
def fold(a: int, b: int) -> int: ...
@overload
def fold(a: Words, b: int | Words) -> Words: ...
@overload
def fold(a: int, b: Words) -> Words: ...
def fold(a: int | Words, b: int | Words) -> int | Words:
    """One hash of an ordered pair of hashes: ``mix64(3 a + b)`` mod 2^64.

    Args:
        a: first hash, an int or a uint64 array.
        b: second hash, the same, broadcast against the first.

    Returns:
        An int, or a uint64 array where either is one.

    Raises:
        TypeError: an array that is not of uint64.

    Examples:
        >>> fold(1, 2) != fold(2, 1)
        True
    """
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        left = _uint64(a, "a") if isinstance(a, np.ndarray) else np.uint64(a & _MASK)
        right = _uint64(b, "b") if isinstance(b, np.ndarray) else np.uint64(b & _MASK)
        with np.errstate(over="ignore"):
            return _kernels.mix64_words(np.asarray(left * np.uint64(3) + right))
    return _kernels.mix64((3 * operator.index(a) + operator.index(b)) & _MASK)


@functools.lru_cache(maxsize=256)
def _domain_seed(domain: Domain, seed: int) -> int:
    return _kernels.mix64((seed + domain * _kernels.PHI) & _MASK)


def hash_bytes(domain: Domain, data: bytes, seed: int = 0) -> int:
    """H(domain, data) = XXH64(data, seed = mix(seed + domain phi)), phi = 0x9E3779B97F4A7C15.

    Args:
        domain: what the bytes are; whole numbers in them are little-endian.
        data: the bytes.
        seed: ``0 <= seed < 2**64``; different seeds give unrelated hashes.

    Returns:
        The hash, ``0 <= h < 2**64``.

    Raises:
        TypeError: the data are not bytes.
        ValueError: the domain is unknown, or the seed does not fit 64 bits.

    Examples:
        >>> f"{hash_bytes(Domain.KEY, b'a'):016X}"
        '679C15E14B6E40DE'
    """
    if not isinstance(data, bytes):
        raise TypeError(f"data must be bytes, got {type(data).__name__}; encode a str first")
    return _kernels.xxh64(data, _domain_seed(Domain(domain), word(seed, "seed")))


def hash_key(key: str | bytes | int, seed: int = 0) -> int:
    """Hash of an operator's key: H(KEY, UTF-8 bytes) of text, H(INDEX, 8 bytes) of a whole number.

    Args:
        key: str or bytes (equal where the bytes are), or a whole number of 64 bits.
        seed: ``0 <= seed < 2**64``.

    Returns:
        The hash, ``0 <= h < 2**64``.

    Raises:
        TypeError: another kind of key.
        ValueError: a number that does not fit 64 bits, or text that UTF-8 cannot hold (a lone surrogate).

    Examples:
        >>> hash_key("a") == hash_key(b"a") == hash_bytes(Domain.KEY, b"a")
        True
    """
    if isinstance(key, str):
        return hash_bytes(Domain.KEY, key.encode(), seed)
    if isinstance(key, bytes):
        return hash_bytes(Domain.KEY, key, seed)
    if not hasattr(key, "__index__"):
        raise TypeError(f"key must be str, bytes or a whole number, got {type(key).__name__}")
    return hash_bytes(Domain.INDEX, word(key, "key").to_bytes(8, "little"), seed)


def atom_words(h: int | Words, d: int) -> Words:
    """The packed signs of a hash: bit j, lowest first, of word i is component 64 i + j; **0 is +1, 1 is -1**.

    Word i is mix(h + (i+1) phi), so XOR of words is the product of signs. This is the complement of
    :mod:`signwise.bits`, where a bit 1 stands for a value >= 0: ``~atom_words(h, d)`` is ``pack(atom(h, d))``
    in the bits below d.

    Args:
        h: a hash, or a uint64 array of hashes.
        d: number of components, at least 1.

    Returns:
        uint64, shape ``(*h.shape, ceil(d/64))``; bits at and above d are 0.

    Raises:
        TypeError: an array that is not of uint64.
        ValueError: d below 1, or a hash that does not fit 64 bits.

    Examples:
        >>> f"{int(atom_words(hash_key('a'), 64)[0]):016X}"
        '8B6FD682B0062086'
    """
    d = dimension(d)
    hashes = _uint64(h, "h") if isinstance(h, np.ndarray) else np.array(word(h, "h"), np.uint64)
    words = _kernels.atom_words(hashes.reshape(-1), d)
    return words.reshape(*hashes.shape, words.shape[-1])


def atom(h: int | Words, d: int) -> NDArray[np.int8]:
    """The signs of a hash: +1 where the bit of :func:`atom_words` is 0, -1 where it is 1.

    Args:
        h: a hash, or a uint64 array of hashes.
        d: number of components, at least 1.

    Returns:
        int8, shape ``(*h.shape, d)``.

    Raises:
        TypeError: an array that is not of uint64.
        ValueError: d below 1, or a hash that does not fit 64 bits.

    Examples:
        >>> atom(hash_key("a"), 8)
        array([ 1, -1, -1,  1,  1,  1,  1, -1], dtype=int8)
    """
    octets = atom_words(h, d).astype("<u8", copy=False).view(np.uint8)
    bits = np.unpackbits(octets, axis=-1, count=dimension(d), bitorder="little").view(np.int8)
    bits *= -2
    bits += 1
    return bits


def dimension(d: int) -> int:
    """The checked number of components."""
    try:
        number = operator.index(d)
    except TypeError:
        raise TypeError(f"d must be a whole number, got {type(d).__name__}") from None
    if isinstance(d, bool) or not 1 <= number < 2**31:
        raise ValueError(f"d must be at least 1 and below 2**31, got {d!r}")
    return number


def _uint64(x: NDArray[np.generic], name: str) -> Words:
    if x.dtype != np.uint64:
        raise TypeError(f"{name} must be an array of uint64, got {x.dtype}")
    return np.asarray(x, np.uint64)
