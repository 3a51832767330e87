"""What the cosine of two documents is made of, path by path."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._native._vsa_walk import path_text
from ._inputs import parse_text
from ._paths import Path
from ._terms import Part, Term

if TYPE_CHECKING:
    from ._encoder import JSONEncoder

_TERMS = 256
_PSEUDO = {"value": "", "pairs": " (order)", "conjunctions": " (conjunctions)"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contribution:
    """What one path adds to a cosine.

    Attributes:
        path: keys and indices.
        part: ``"value"``, or of the pseudo-paths ``"pairs"`` (order of an array) and ``"conjunctions"`` (which
            members of an object stand together).
        contribution: its share; all shares add up to the cosine.
        noise: standard deviation that chance overlaps alone would give the share.
        a: the value in the first document, None for a pseudo-path or where it has no such path.
        b: the same of the second document.
    """

    path: Path
    part: Part
    contribution: float
    noise: float
    a: Any = None
    b: Any = None

    @property
    def name(self) -> str:
        """The path as text, such as ``a[0].b``, with the kind of a pseudo-path behind it."""
        return path_text(self.path) + _PSEUDO[self.part]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explanation:
    """A cosine and its parts.

    Attributes:
        cosine: of the two vectors.
        contributions: one for each path, the largest magnitude first.
    """

    cosine: float
    contributions: Sequence[Contribution]


def explain(encoder: JSONEncoder, a: Any, b: Any) -> Explanation:
    """Split the cosine of a document with another, or with a vector; see ``JSONEncoder.explain``."""
    first = _side(encoder, a)
    if isinstance(b, np.ndarray):
        d = encoder._options().d
        if b.shape != (d,) or b.dtype.kind not in "if":
            raise ValueError(f"b must be a document, or a vector of shape ({d},), int or float; got shape {b.shape}")
        sides, vector = [(first, b.astype(np.float64))], b.astype(np.float64)
    else:
        second = _side(encoder, b)
        sides, vector = [(first, second[1]), (second, first[1])], second[1]
    norms = float(np.linalg.norm(first[1]) * np.linalg.norm(vector))
    rows: dict[tuple[Path, Part], dict[str, Any]] = {}
    for name, ((terms, own), other) in zip("ab", sides, strict=False):
        own_norm = float(np.linalg.norm(own))
        for term, dot, norm in _products(encoder, terms, other):
            row = rows.setdefault((term.path, term.part), {"contribution": 0.0, "variance": 0.0})
            row[name] = term.value
            row["contribution"] += dot / norms / len(sides) if norms else 0.0
            row["variance"] += (norm / own_norm / len(sides)) ** 2 / len(own) if own_norm else 0.0
    contributions = [
        Contribution(
            path=path,
            part=part,
            contribution=row["contribution"],
            noise=float(np.sqrt(row["variance"])),
            a=row.get("a"),
            b=row.get("b"),
        )
        for (path, part), row in rows.items()
    ]
    cosine = float(first[1] @ vector) / norms if norms else 0.0
    return Explanation(cosine=cosine, contributions=sorted(contributions, key=lambda c: -abs(c.contribution)))


def _side(encoder: JSONEncoder, document: Any) -> tuple[list[Term], NDArray[np.float64]]:
    """The terms of a document and their sum."""
    if isinstance(document, str | bytes | bytearray):
        document = parse_text(document)
    terms = encoder._terms(document)
    total = np.zeros(encoder._options().d)
    for begin in range(0, len(terms), _TERMS):
        total += encoder._term_vectors(terms[begin : begin + _TERMS]).sum(0)
    return terms, total


def _products(encoder: JSONEncoder, terms: list[Term], other: NDArray[np.float64]) -> list[tuple[Term, float, float]]:
    """Each term with its product with the other side, and its norm."""
    out = []
    for begin in range(0, len(terms), _TERMS):
        part = terms[begin : begin + _TERMS]
        vectors = encoder._term_vectors(part).astype(np.float64)
        dots, norms = vectors @ other, np.linalg.norm(vectors, axis=1)
        out += [(t, float(dot), float(norm)) for t, dot, norm in zip(part, dots, norms, strict=True)]
    return out
