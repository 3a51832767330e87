"""The walk of a parsed JSON document into a flat token buffer: the Python form of the binding's walk.

One byte names what follows; whole numbers are little-endian::

    0 null   1 false   2 true   3 {}   4 []   5 ""
    6  text     u32 length, UTF-8 in normal form C
    7  number   f64
    8  number   f64, u32 length, decimal text          (whole, its magnitude above 2^53)
    9  object   u32 members, then each: u32 length, key in UTF-8 and normal form C; the value
    10 array    u32 elements, then each
    11 part of an array: u64 elements in all, u32 given, then each given: u64 index; the value
    12 codes    f64 weight, u32 count, u64 hash of each atom
    13 pairs of neighbours of an array: u64 elements in all, u32 count, u64 hash of each atom

The walk never makes 11, 12 and 13; they state a part of a document, to give it a vector of its own.
"""

from __future__ import annotations

import math
import struct
import unicodedata
from collections.abc import Iterator
from typing import Any

NULL, FALSE, TRUE, EMPTY_OBJECT, EMPTY_ARRAY, EMPTY_STRING, STRING, NUMBER, BIG, OBJECT, ARRAY = range(11)
PART, CODES, PAIRS = range(11, 14)
MAX_DEPTH = 1024

_SHOWN_STEPS = 20


def path_text(path: tuple[Any, ...]) -> str:
    """``("a", 0, "b")`` as ``a[0].b``; the whole document is ``the document``. Long paths lose their middle."""
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    if len(steps) > _SHOWN_STEPS:
        steps[_SHOWN_STEPS // 2 : -_SHOWN_STEPS // 2] = ["..."]
    text = "".join(steps).removeprefix(".").encode("utf-8", "backslashreplace").decode()
    return text or "the document"


def normal_text(text: str, path: tuple[Any, ...]) -> bytes:
    """UTF-8 of the text in normal form C."""
    try:
        return unicodedata.normalize("NFC", text).encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"at {path_text(path)}: a lone surrogate, which is not Unicode text; replace or drop it"
        ) from None


def number_token(value: int | float, path: tuple[Any, ...]) -> bytes:
    """The token of a number."""
    if isinstance(value, int):
        if -(2**63) <= value < 2**64:
            if abs(value) <= 2**53:
                return b"\x07" + struct.pack("<d", float(value))
            text = int.__repr__(value).encode()
            return b"\x08" + struct.pack("<dI", float(value), len(text)) + text
        try:
            value = float(value)
        except OverflowError:
            raise ValueError(f"at {path_text(path)}: a whole number beyond the range of float64") from None
    value = float(value)
    if not math.isfinite(value):
        raise ValueError(f"at {path_text(path)}: {value} is no JSON number; give null or leave the member out")
    return b"\x07" + struct.pack("<d", value + 0.0)


def walk(document: Any) -> bytes:
    """The tokens of a parsed document.

    Raises:
        TypeError: a value or a key of a type that JSON does not have; the message names its path.
        ValueError: NaN or infinity, a lone surrogate, or more than 1024 nested containers, with the path.
    """
    out = bytearray()
    path: list[Any] = []
    open_containers: list[Iterator[tuple[Any, Any]]] = []
    inner = _emit(document, out, path)
    if inner is not None:
        open_containers.append(inner)
    while open_containers:
        try:
            step, value = next(open_containers[-1])
        except StopIteration:
            open_containers.pop()
            if path:
                path.pop()
            continue
        path.append(step)
        inner = _emit(value, out, path)
        if inner is None:
            path.pop()
            continue
        if len(open_containers) == MAX_DEPTH:
            raise ValueError(f"at {path_text(tuple(path))}: more than {MAX_DEPTH} nested containers")
        open_containers.append(inner)
    return bytes(out)


def _emit(value: Any, out: bytearray, path: list[Any]) -> Iterator[tuple[Any, Any]] | None:
    # Writes a scalar whole, of a container its head; the caller walks what is returned.
    if value is None:
        out.append(NULL)
    elif isinstance(value, bool):
        out.append(TRUE if value else FALSE)
    elif isinstance(value, str):
        text = normal_text(value, tuple(path))
        out += b"\x05" if not text else b"\x06" + struct.pack("<I", _size(len(text), path)) + text
    elif isinstance(value, (int, float)):
        out += number_token(value, tuple(path))
    elif isinstance(value, dict):
        if value:
            members = _normal_members(value, path)
            out += b"\x09" + struct.pack("<I", _size(len(members), path))
            return _members(members, out, path)
        out.append(EMPTY_OBJECT)
    elif isinstance(value, (list, tuple)):
        if value:
            out += b"\x0a" + struct.pack("<I", _size(len(value), path))
            return iter(enumerate(value))
        out.append(EMPTY_ARRAY)
    else:
        raise TypeError(
            f"at {path_text(tuple(path))}: expected dict, list, str, int, float, bool or None, "
            f"got {type(value).__name__}"
        )
    return None


def _members(members: dict[bytes, tuple[str, Any]], out: bytearray, path: list[Any]) -> Iterator[tuple[Any, Any]]:
    for encoded, (key, value) in members.items():
        out += struct.pack("<I", _size(len(encoded), path))
        out += encoded
        yield key, value


def _normal_members(value: dict[Any, Any], path: list[Any]) -> dict[bytes, tuple[str, Any]]:
    members: dict[bytes, tuple[str, Any]] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise TypeError(f"at {path_text(tuple(path))}: keys must be str, got {type(key).__name__}")
        # Of keys that are one after normalisation the last holds, in its own place.
        encoded = normal_text(key, (*path, key))
        members.pop(encoded, None)
        members[encoded] = (key, item)
    return members


def _size(count: int, path: list[Any]) -> int:
    if count >= 2**32:
        raise ValueError(f"at {path_text(tuple(path))}: 2**32 bytes or members or more")
    return count
