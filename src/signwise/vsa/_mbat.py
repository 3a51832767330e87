"""Matrix binding of additive terms, written to be read: the algebra, and the paper's rules for JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..ortho import Domain, Haar, HadamardSigns, OrthogonalOperator, SignedPermutation, hash_bytes, hash_key
from ._dense import RandomMatrix, normals

Family = Literal["haar", "rotation", "random", "hadamard", "gaussian", "iid-sign"]
Step = str | int
Floats = NDArray[np.float64]

_FAMILIES = ("haar", "rotation", "random", "hadamard", "gaussian", "iid-sign")
_KEPT_BYTES = 1 << 28
_MAX_DEPTH = 200
_THRESHOLDS = range(-2, 10)
_WORDS = re.compile(r"[0-9A-Za-z\u0080-\U0010FFFF]+")


class MBAT:
    """Matrix binding of additive terms (MBAT) over a family of operators, and the paper's rules for JSON.

    A key k has an operator M_k. ``bind`` multiplies by it, a bundle is a sum, ``unbind`` multiplies by M_k^T,
    and what comes out is the bound vector plus noise from the other terms, of which
    :func:`~signwise.vsa.cleanup` names the nearest. :meth:`encode` turns a document into one vector:

    - object: the sum of M_key V(value);
    - array x_1 ... x_n: the sum of M_SEQ^i V(x_i), **powers of one operator**, so that [[1, 200], [30, 4]] and
      [[1, 30], [200, 4]] get the same vector (positions add up);
    - string: the sum of the vectors of its words, with ASCII letters in lower case;
    - number x: a base vector plus one for each threshold -2, -1, ..., 9 that asinh(x) reaches;
    - true, false, null: one fixed vector each; {}, [] and "" are zero.

    Leaf vectors have independent components N(0, 1/d). This is a slow reference without a kernel.
    :class:`~signwise.vsa.JSONEncoder` is the practical one, and its rules differ: an operator for each index,
    soft numbers and strings, and whole numbers throughout.

    Args:
        d: number of components; the family may restrict it.
        family: ``"haar"``, ``"rotation"``, ``"random"`` or ``"hadamard"``, orthogonal, from
            :mod:`signwise.ortho`; or ``"gaussian"`` or ``"iid-sign"``, dense matrices of independent entries of
            variance 1/d. These last are not orthogonal: M^T M v has cosine about 1/sqrt(2) with v,
            1/sqrt(k + 1) after k levels, and norms drift.
        seed: ``0 <= seed < 2**64``.

    Raises:
        ValueError: an unknown family, or a d or seed that is refused.

    References:
        Gallant and Okaywe, Representing objects, relations, and sequences, Neural Computation 25(8), 2013.
        Gallant, Orthogonal matrices for MBAT vector symbolic architectures, arXiv 2202.04771. The rules for
        JSON are known to us from third-party accounts of it only.

    Examples:
        >>> from signwise.vsa import MBAT, cleanup
        >>> algebra = MBAT(1024, family="rotation")
        >>> names = {name: algebra.leaf(name) for name in ("ada", "turin", "rome")}
        >>> record = algebra.bind("name", names["ada"]) + algebra.bind("city", names["turin"])
        >>> cleanup(algebra.unbind("city", record), names)[0].name
        'turin'
        >>> document = algebra.encode({"name": "ada", "city": "turin"})
        >>> cleanup(algebra.unbind("name", document), names)[0].name
        'ada'
    """

    def __init__(self, d: int = 1024, *, family: Family = "haar", seed: int = 0) -> None:
        if family not in _FAMILIES:
            raise ValueError(f"family must be one of {', '.join(_FAMILIES)}, got {family!r}")
        self.d, self.family, self.seed = d, family, seed
        self._operators: dict[int, OrthogonalOperator | RandomMatrix] = {}
        self._leaves: dict[int, Floats] = {}
        self._sequence_hash = hash_bytes(Domain.VIEW, b"seq", seed)
        self._operator(self._sequence_hash)  # refuses a wrong d at once

    def __repr__(self) -> str:
        """The arguments."""
        return f"MBAT(d={self.d}, family={self.family!r}, seed={self.seed})"

    def operator(self, key: str) -> OrthogonalOperator | RandomMatrix:
        """M_key, with ``apply`` and ``inverse`` (of a matrix of independent entries, the transpose)."""
        return self._operator(hash_key(key, self.seed))

    def leaf(self, word: str) -> Floats:
        """The vector of a word: independent components N(0, 1/d), float64, shape ``(d,)``."""
        return self._leaf(Domain.WORD, word.encode())

    def bind(self, path: Step | Sequence[Step], x: NDArray[Any]) -> NDArray[Any]:
        """M_path x: the vector at the end of a path.

        Args:
            path: a key, an index, or a sequence of both, outermost first; index i, from 0, stands for
                M_SEQ^(i+1).
            x: shape ``(..., d)``.

        Returns:
            The same shape; whole numbers stay whole where the family is exact.

        Raises:
            TypeError: a step that is neither text nor a whole number.
            ValueError: a negative index, or a last axis that is not of d components.
        """
        for operator, power in reversed(self._steps(path)):
            for _ in range(power):
                x = operator.apply(x)
        return x

    def unbind(self, path: Step | Sequence[Step], y: NDArray[Any]) -> NDArray[Any]:
        """M_path^T y: what is bound at the end of a path, plus noise; arguments and errors as in :meth:`bind`."""
        for operator, power in self._steps(path):
            for _ in range(power):
                y = operator.inverse(y)
        return y

    def sequence(self, xs: Iterable[NDArray[Any]]) -> NDArray[Any]:
        """The sum of M_SEQ^i x_i over i = 1, 2, ..., by Horner's rule from the end; zero without vectors."""
        operator = self._operator(self._sequence_hash)
        total: NDArray[Any] | None = None
        for x in reversed(list(xs)):
            total = operator.apply(x if total is None else x + total)
        return np.zeros(self.d) if total is None else total

    def encode(self, document: Any) -> Floats:
        """The vector of a JSON value by the rules of the class.

        Args:
            document: dict, list, str, int, float, bool or None, nested at most 200 deep.

        Returns:
            float64, shape ``(d,)``, not normalised.

        Raises:
            TypeError: something JSON has no form for.
            ValueError: NaN or an infinity, a number beyond the range of a double, or deeper nesting.
        """
        return self._encode(document, 0)

    def _encode(self, value: Any, depth: int) -> Floats:
        if depth > _MAX_DEPTH:
            raise ValueError(f"the document is nested deeper than {_MAX_DEPTH}")
        total = np.zeros(self.d)
        if value is None or isinstance(value, bool):
            return self._leaf(Domain.LIT, {True: b"true", False: b"false", None: b"null"}[value])
        if isinstance(value, str):
            for word in _WORDS.findall(value):
                total += self._leaf(Domain.WORD, word.encode().lower())  # bytes fold ASCII letters only
        elif isinstance(value, int | float):
            for token in _thermometer(value):
                total += self._leaf(Domain.LANE, token.encode())
        elif isinstance(value, Mapping):
            for key, member in value.items():
                if not isinstance(key, str):
                    raise TypeError(f"keys of a JSON object are text, got {key!r}")
                total += self.operator(key).apply(self._encode(member, depth + 1))
        elif isinstance(value, list | tuple):
            total += self.sequence([self._encode(item, depth + 1) for item in value])
        else:
            raise TypeError(f"JSON has no form for {type(value).__name__}")
        return total

    def _leaf(self, domain: Domain, token: bytes) -> Floats:
        h = hash_bytes(domain, token, self.seed)
        vector = self._leaves.get(h)
        if vector is None:
            _make_room(self._leaves, 8 * self.d)
            vector = normals(h, self.d) * self.d**-0.5
            vector.flags.writeable = False
            self._leaves[h] = vector
        return vector

    def _operator(self, h: int) -> OrthogonalOperator | RandomMatrix:
        made = self._operators.get(h)
        if made is None:
            dense = self.family in ("haar", "gaussian", "iid-sign")
            _make_room(self._operators, 8 * self.d * (self.d if dense else 1))
            made = self._operators[h] = self._draw(h)
        return made

    def _draw(self, h: int) -> OrthogonalOperator | RandomMatrix:
        if self.family == "haar":
            return Haar.from_hash(self.d, h)
        if self.family == "hadamard":
            return HadamardSigns.from_hash(self.d, h)
        if self.family == "gaussian" or self.family == "iid-sign":
            return RandomMatrix(self.d, h, self.family)
        return SignedPermutation.from_hash(self.d, h, kind=self.family)

    def _steps(self, path: Step | Sequence[Step]) -> list[tuple[OrthogonalOperator | RandomMatrix, int]]:
        steps: list[tuple[OrthogonalOperator | RandomMatrix, int]] = []
        for step in (path,) if isinstance(path, str | int) else path:
            if isinstance(step, str):
                steps.append((self.operator(step), 1))
            elif isinstance(step, int) and not isinstance(step, bool):
                if step < 0:
                    raise ValueError(f"an index is at least 0, got {step}")
                steps.append((self._operator(self._sequence_hash), step + 1))
            else:
                raise TypeError(f"a step of a path is a key or an index, got {step!r}")
        return steps


def _thermometer(value: float) -> list[str]:
    """Tokens of a number: the base, and the thresholds that asinh of it reaches."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("a number is not finite as a double; JSON has no NaN and no infinity")
    reached = math.asinh(number)
    return ["number", *(f"number {t}" for t in _THRESHOLDS if reached >= t)]


def _make_room(kept: dict[int, Any], size: int) -> None:
    """Forget what was made first while the entries, of ``size`` bytes each, exceed their share of memory."""
    while kept and (len(kept) + 1) * size > _KEPT_BYTES:
        del kept[next(iter(kept))]
