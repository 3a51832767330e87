"""Values that documents hold by path: what a vector can be decoded to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from ._inputs import parse_text
from ._paths import ANY, Path, parse_path
from ._terms import Step, spine

if TYPE_CHECKING:
    from ._encoder import JSONEncoder

NUMBERS = 4096


class Memory:
    """Candidates for :meth:`JSONEncoder.decode`: by path, the values that may stand there.

    Args:
        values: for each path, as text such as ``"items[0].price"`` or as a tuple, its values: text, numbers,
            booleans, None, ``{}`` or ``[]``. Of more than 4096 different numbers a path keeps a grid of as many
            between the least and the greatest, even in the asinh(10 x) by which numbers are compared.
        lengths: usual lengths of arrays by path; by default the greatest index plus 1.

    Raises:
        TypeError, ValueError: a path that is none or that holds ``"[*]"``; a value that is no leaf.

    Examples:
        >>> from signwise.vsa import Memory
        >>> memory = Memory.from_documents([{"name": "ada", "born": 1815}, {"name": "alan", "born": 1912}])
        >>> memory.values[("name",)]
        ['ada', 'alan']
        >>> len(memory)
        4
    """

    def __init__(self, values: Mapping[Any, Iterable[Any]], *, lengths: Mapping[Any, int] | None = None) -> None:
        self.values: dict[Path, list[Any]] = {}
        for path, given in values.items():
            steps = parse_path(path, name="a path of a memory")
            if ANY in steps:
                raise ValueError(f'a memory needs the index of each element, got "[*]" in {path!r}')
            self.values[steps] = _distinct(given)
        self.lengths = {parse_path(path): int(length) for path, length in (lengths or {}).items()}
        for steps in self.values:
            for place, step in enumerate(steps):
                if isinstance(step, int):
                    self.lengths[steps[:place]] = max(self.lengths.get(steps[:place], 1), step + 1)
        self._vectors: tuple[str, dict[Path, NDArray[np.float32]]] | None = None

    @classmethod
    def from_documents(cls, documents: Iterable[Any]) -> Self:
        """Every path of the documents, with the values that are seen at it in any of them.

        A value seen in one element of an array is a candidate for every index of that array. The length of an
        array is taken to be the median of those seen.

        Args:
            documents: dicts, lists, or JSON text.
        """
        paths: dict[Path, Path] = {}
        seen: dict[Path, list[Any]] = {}
        lengths: dict[Path, list[int]] = {}
        for document in documents:
            text = isinstance(document, str | bytes | bytearray)
            open_values: list[tuple[Path, Path, Any]] = [((), (), parse_text(document) if text else document)]
            while open_values:
                path, template, value = open_values.pop()
                if isinstance(value, dict) and value:
                    open_values += [((*path, k), (*template, k), v) for k, v in reversed(value.items())]
                elif isinstance(value, list | tuple) and value:
                    lengths.setdefault(path, []).append(len(value))
                    inner = [((*path, i), (*template, ANY), v) for i, v in enumerate(value)]
                    open_values += reversed(inner)
                else:
                    paths[path] = template
                    seen.setdefault(template, []).append(value)
        values = {template: _distinct(found) for template, found in seen.items()}
        usual = {path: int(np.median(found)) for path, found in lengths.items()}
        return cls({path: values[template] for path, template in paths.items()}, lengths=usual)

    def __len__(self) -> int:
        """How many candidates there are, over all paths."""
        return sum(len(values) for values in self.values.values())

    def tokens(self, encoder: JSONEncoder, path: Path, value: Any) -> bytes:
        """Token buffer of a candidate's term."""
        steps: list[Step] = [
            step if isinstance(step, str) else (step, self.lengths[path[:place]]) for place, step in enumerate(path)
        ]
        return spine(steps, encoder._kernel().walk(value))

    def vectors(self, encoder: JSONEncoder) -> dict[Path, NDArray[np.float32]]:
        """By path, the candidates' terms as float32 rows of norm 1; kept for the encoder that asked last."""
        if self._vectors is None or self._vectors[0] != encoder.fingerprint:
            made = {}
            for path, values in self.values.items():
                buffers = [self.tokens(encoder, path, value) for value in values]
                made[path] = encoder._kernel().encode(buffers, "float32")
            self._vectors = encoder.fingerprint, made
        return self._vectors[1]


def _distinct(values: Iterable[Any]) -> list[Any]:
    """Different leaves in the order in which they come; of very many numbers a grid."""
    others: dict[bytes, Any] = {}
    numbers: dict[float, Any] = {}
    for value in values:
        if isinstance(value, dict | list | tuple) and value:
            raise ValueError(f"a value of a memory is a leaf of a document, got {type(value).__name__} with members")
        if isinstance(value, int | float) and not isinstance(value, bool):
            numbers.setdefault(value, value)
        else:
            others.setdefault(orjson.dumps(value), value)
    if len(numbers) <= NUMBERS:
        return [*others.values(), *sorted(numbers.values())]
    low, high = math.asinh(10 * min(numbers)), math.asinh(10 * max(numbers))
    return [*others.values(), *(np.sinh(np.linspace(low, high, NUMBERS)) / 10).tolist()]
