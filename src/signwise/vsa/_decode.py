"""From a vector back to the values of its document."""

from __future__ import annotations

import dataclasses
import statistics
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._native._vsa_walk import path_text
from ._memory import Memory
from ._paths import Path
from ._signs import words_of

if TYPE_CHECKING:
    from ._encoder import JSONEncoder

ROUNDS = 20
ERROR = 0.01
FLOOR = 0.02


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decoded:
    """A value that was found in a vector.

    Attributes:
        path: keys and indices.
        value: the candidate that fits best.
        rho: how far it stands out, in standard deviations of chance.
        low: of a number, the least of the neighbouring candidates that fit as well within one such deviation.
        high: the greatest of them.
    """

    path: Path
    value: Any
    rho: float
    low: float | None = None
    high: float | None = None

    @property
    def name(self) -> str:
        """The path as text, such as ``a[0].b``."""
        return path_text(self.path)


def decode(encoder: JSONEncoder, y: NDArray[Any], memory: Memory) -> list[Decoded]:
    """The candidates of a memory that a vector holds; see ``JSONEncoder.decode``."""
    d = encoder._options().d
    vectors = memory.vectors(encoder)
    if not vectors:
        return []
    search = _Search(encoder, _residual(y, d), memory, vectors, exact=y.dtype in (np.int32, np.int64))
    threshold = statistics.NormalDist().inv_cdf(1 - ERROR / max(len(memory), 2))
    chosen: dict[Path, int] = {}
    for _ in range(ROUNDS):
        best = sorted(((search.best(path), path) for path in vectors if path not in chosen), key=lambda b: -b[0][1])
        found = False
        for (place, rho), path in best:
            # What was accepted before it in this round may have been what it stood for.
            if rho < threshold:
                break
            if search.rho(path, place) >= threshold:
                search.subtract(path, place)
                chosen[path] = place
                found = True
        if not found:
            break
    out: dict[Path, Decoded] = {}
    for path in chosen:
        # One sweep: with all others gone, is another value of this path the better one?
        search.restore(path)
        place, rho = search.best(path)
        search.subtract(path, place)
        low, high = search.interval(path, place, rho)
        out[path] = Decoded(path=path, value=memory.values[path][place], rho=rho, low=low, high=high)
    return [out[path] for path in vectors if path in out]


class _Search:
    """The residual and what was subtracted from it."""

    def __init__(
        self,
        encoder: JSONEncoder,
        residual: NDArray[np.float64],
        memory: Memory,
        vectors: dict[Path, NDArray[np.float32]],
        *,
        exact: bool,
    ) -> None:
        self.encoder, self.memory, self.vectors, self.exact = encoder, memory, vectors, exact
        self.residual = residual
        # What is left of terms whose weights were rounded for another array length is no noise to measure by.
        self.floor = FLOOR * float(np.linalg.norm(residual))
        self.gone: dict[Path, NDArray[np.float64]] = {}

    def norm(self) -> float:
        """The norm of the residual, at least 0.02 of that of y."""
        return max(float(np.linalg.norm(self.residual)), self.floor)

    def scores(self, path: Path) -> NDArray[np.float64]:
        """rho = <residual, t> sqrt(d) / (||t|| ||residual||) of every candidate of a path."""
        norm = self.norm()
        if norm == 0:
            return np.zeros(len(self.vectors[path]))
        scale = len(self.residual) ** 0.5 / norm
        products: NDArray[np.float32] = self.vectors[path] @ (self.residual * scale).astype(np.float32)
        return products.astype(np.float64)

    def best(self, path: Path) -> tuple[int, float]:
        """The candidate of the largest rho, and that."""
        scores = self.scores(path)
        place = int(np.argmax(scores))
        return place, float(scores[place])

    def rho(self, path: Path, place: int) -> float:
        """rho of one candidate as the residual is now."""
        norm = self.norm()
        unit = self.vectors[path][place].astype(np.float64)
        return float(unit @ self.residual) * len(unit) ** 0.5 / norm if norm else 0.0

    def subtract(self, path: Path, place: int) -> None:
        """Take the term away: whole where its weight is known, else as much of it as there is."""
        if self.exact and not any(isinstance(step, int) for step in path):
            tokens = self.memory.tokens(self.encoder, path, self.memory.values[path][place])
            term = self.encoder._kernel().encode([tokens], "int64")[0].astype(np.float64)
        else:
            unit = self.vectors[path][place].astype(np.float64)
            term = (unit @ self.residual) * unit
        self.residual -= term
        self.gone[path] = term

    def restore(self, path: Path) -> None:
        """Put back what was taken away."""
        self.residual += self.gone.pop(path)

    def interval(self, path: Path, place: int, rho: float) -> tuple[float | None, float | None]:
        """The numbers beside the best that fit as well within one deviation."""
        values = self.memory.values[path]
        if isinstance(values[place], bool) or not isinstance(values[place], int | float):
            return None, None
        self.restore(path)
        fits = self.scores(path) >= rho - 1
        self.subtract(path, place)
        low = high = place
        while low > 0 and fits[low - 1] and _is_number(values[low - 1]):
            low -= 1
        while high + 1 < len(values) and fits[high + 1]:
            high += 1
        return float(values[low]), float(values[high])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _residual(y: NDArray[Any], d: int) -> NDArray[np.float64]:
    if y.dtype == np.uint8 and y.shape == (d // 8,):
        from ..bits import PackedBits

        signs: NDArray[np.float64] = PackedBits(words_of(y[None]), d).unpack("float64")[0]
        return signs
    if y.shape != (d,) or y.dtype.kind not in "if":
        raise ValueError(
            f"y must be one vector of {d} integers or floats, or of {d // 8} packed bytes (uint8); got shape "
            f"{y.shape}, {y.dtype}"
        )
    return y.astype(np.float64)
