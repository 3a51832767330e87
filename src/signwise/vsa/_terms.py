"""The terms that a document's vector is the sum of, each with a token buffer of its own."""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from signwise._native import _vsa as _kernels
from signwise._native import _vsa_walk as _tokens

from ..ortho import Domain, fold, hash_bytes, mix64
from ._options import Options
from ._paths import Path

Part = Literal["value", "pairs", "conjunctions"]

# A step of a spine: a key, or the index of an element with the length of its array.
Step = str | tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Term:
    """One summand of V.

    Attributes:
        path: keys and indices to the value.
        part: ``"value"`` for a leaf with all its parts and views; ``"pairs"`` for the pairs of neighbours of the
            array at the path; ``"conjunctions"`` for the pairs of members of the object at the path.
        value: the leaf's value; None for the others.
        tokens: token buffer whose V is the term's vector.
    """

    path: Path
    part: Part
    value: Any
    tokens: bytes


def spine(steps: Sequence[Step], value: bytes) -> bytes:
    """Tokens of a document that holds nothing but one value at the end of the steps.

    Its V is what the value adds to the whole document: array lengths are those of the steps, and the elements
    beside are left out.

    Args:
        steps: keys, and (index, array length) pairs.
        value: tokens of the value.
    """
    head = bytearray()
    for step in steps:
        if isinstance(step, str):
            key = _tokens.normal_text(step, ())
            head += struct.pack("<BII", _tokens.OBJECT, 1, len(key)) + key
        else:
            index, length = step
            head += struct.pack("<BQIQ", _tokens.PART, length, 1, index)
    return bytes(head) + value


def codes(c: float, hashes: Sequence[int]) -> bytes:
    """Tokens of a sum of atoms, each of weight max(1, rint(1024 omega c))."""
    return struct.pack(f"<BdI{len(hashes)}Q", _tokens.CODES, c, len(hashes), *hashes)


def document_terms(document: Any, options: Options, kernel: _kernels.Encoder) -> list[Term]:
    """The terms of a parsed document. Their vectors add up to the document's."""
    return list(_document_terms(document, options, kernel))


def _document_terms(document: Any, options: Options, kernel: _kernels.Encoder) -> Iterator[Term]:
    kernel.walk(document)  # refuses what cannot be encoded, with its path
    open_values: list[tuple[Path, tuple[Step, ...], Any]] = [((), (), document)]
    while open_values:
        path, steps, value = open_values.pop()
        if isinstance(value, dict) and value:
            # Keys that are one in normal form C are one member: the last.
            members = {_tokens.normal_text(str(key), ()): (str(key), item) for key, item in value.items()}
            if options.conjunctions:
                yield from _conjunctions(path, steps, members, options, kernel)
            inner = [((*path, key), (*steps, key), item) for key, item in members.values()]
        elif isinstance(value, (list, tuple)) and value:
            n = len(value)
            if "adj" in options.arrays and n > 1:
                hashes = [kernel.subtree_hash(kernel.walk(item)) for item in value]
                atoms = [fold(a, b) for a, b in itertools.pairwise(hashes)]
                tokens = struct.pack(f"<BQI{n - 1}Q", _tokens.PAIRS, n, n - 1, *atoms)
                yield Term(path=path, part="pairs", value=None, tokens=spine(steps, tokens))
            inner = [((*path, i), (*steps, (i, n)), item) for i, item in enumerate(value)]
        else:
            yield Term(path=path, part="value", value=value, tokens=spine(steps, kernel.walk(value)))
            continue
        open_values.extend(reversed(inner))


def _conjunctions(
    path: Path, steps: tuple[Step, ...], members: dict[bytes, Any], options: Options, kernel: _kernels.Encoder
) -> Iterator[Term]:
    pairs = [
        fold(hash_bytes(Domain.KEY, key, options.seed), kernel.subtree_hash(kernel.walk(item)))
        for key, (_, item) in members.items()
        if not isinstance(item, (dict, list, tuple))
    ]
    m = len(pairs)
    if 2 <= m <= 64:
        atoms = [mix64(pairs[i] + pairs[j]) for i in range(m) for j in range(i)]
        tokens = codes(0.7 / math.sqrt((m - 1) / 2), atoms)
        yield Term(path=path, part="conjunctions", value=None, tokens=spine(steps, tokens))
