"""Changing one value in a document's integer vector, as if the document had been encoded anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from .._native._vsa_walk import path_text
from ._paths import ANY, Path, parse_path
from ._terms import Step, spine

if TYPE_CHECKING:
    from ._encoder import JSONEncoder

_NOTHING: Final = object()


def add(
    encoder: JSONEncoder, y: NDArray[Any], path: Any, value: Any, lengths: Sequence[int], only: bool | None
) -> NDArray[Any]:
    """The vector of the document with a new member; see ``JSONEncoder.add``."""
    if only:
        steps, name = _object_of(encoder, path)
        return _edit(encoder, y, steps, {}, {name: value}, lengths)
    return _edit(encoder, y, path, _NOTHING, value, lengths, wary=only is None)


def remove(
    encoder: JSONEncoder, y: NDArray[Any], path: Any, value: Any, lengths: Sequence[int], only: bool | None
) -> NDArray[Any]:
    """The vector of the document without a member; see ``JSONEncoder.remove``."""
    if only:
        steps, name = _object_of(encoder, path)
        return _edit(encoder, y, steps, {name: value}, {}, lengths)
    return _edit(encoder, y, path, value, _NOTHING, lengths, wary=only is None)


def replace(
    encoder: JSONEncoder, y: NDArray[Any], path: Any, old: Any, new: Any, lengths: Sequence[int]
) -> NDArray[Any]:
    """The vector of the document with another value; see ``JSONEncoder.replace``."""
    return _edit(encoder, y, path, old, new, lengths)


def _object_of(encoder: JSONEncoder, path: Any) -> tuple[Path, str]:
    """The path of the object that a path's last step is a member of, and the member's name."""
    steps = parse_path(path)
    if not steps or not isinstance(steps[-1], str) or steps[-1] == ANY:
        raise ValueError(f"only=True is of a member of an object; the path {path_text(steps)!r} does not end in a name")
    return steps[:-1], steps[-1]


def _edit(
    encoder: JSONEncoder,
    y: NDArray[Any],
    path: Any,
    old: Any,
    new: Any,
    lengths: Sequence[int],
    *,
    wary: bool = False,
) -> NDArray[Any]:
    options, kernel = encoder._options(), encoder._kernel()
    if not isinstance(y, np.ndarray) or y.dtype not in (np.dtype(np.int32), np.dtype(np.int64)):
        what = y.dtype if isinstance(y, np.ndarray) else type(y).__name__
        raise TypeError(
            f'edits are exact on the integers of output="int32", got {what}; packed or normalised vectors have lost '
            "what they would need"
        )
    if y.shape != (options.d,):
        raise ValueError(f"y must be one vector of shape ({options.d},), got shape {y.shape}")
    steps = parse_path(path)
    _check_path(steps, old, new, options.arrays, options.conjunctions)
    spined = _spine_steps(steps, lengths)
    change = np.zeros(options.d, np.int64)
    for value, sign in ((old, -1), (new, 1)):
        if value is not _NOTHING:
            change += sign * kernel.encode([spine(spined, kernel.walk(value))], "int64")[0]
    result = y.astype(np.int64) + change
    if wary and y.any():
        if old is _NOTHING:
            empty = kernel.encode([spine(spined[:-1], kernel.walk({}))], "int64")[0]
            verb, shown = "adding the first member to", np.array_equal(y, empty)
        else:
            # Every document has a term, so nothing left means that an object has become {} on the way.
            verb, shown = "removing the last member of", not result.any()
        if shown:
            where = f"the object at {path_text(steps[:-1])}" if len(steps) > 1 else "the document"
            raise ValueError(f"{verb} {where}: {{}} has a vector of its own; give only=True")
    if y.dtype == np.int32 and (result.max() > 2**31 - 1 or result.min() < -(2**31)):
        raise OverflowError("a component of the result does not fit int32; give y as int64")
    return result.astype(y.dtype)


def _check_path(steps: Path, old: Any, new: Any, arrays: tuple[str, ...], conjunctions: bool) -> None:
    """Refuse what would change more than the value at the path, and name what must be replaced instead."""
    if ANY in steps:
        raise ValueError('an edit is of one element: give its index and lengths=, not "[*]"')
    whole = old is not _NOTHING and new is not _NOTHING
    if not whole and not steps:
        raise ValueError("the whole document can only be replaced")
    if not whole and isinstance(steps[-1], int):
        raise ValueError(
            f"the length of the array at {path_text(steps[:-1])} would change, and with it every element; replace "
            "the whole array"
        )
    first = next((i for i, step in enumerate(steps) if isinstance(step, int)), None)
    if first is not None and "adj" in arrays:
        raise ValueError(
            f'the view "adj" joins neighbours of the array at {path_text(steps[:first])}; replace the whole array'
        )
    if conjunctions and steps and isinstance(steps[-1], str):
        scalars = [
            value for value in (old, new) if value is not _NOTHING and not isinstance(value, dict | list | tuple)
        ]
        if scalars:
            raise ValueError(
                f"conjunctions join the members of the object at {path_text(steps[:-1])}; replace the whole object"
            )


def _spine_steps(steps: Path, lengths: Sequence[int]) -> list[Step]:
    indices = [step for step in steps if isinstance(step, int)]
    if len(lengths) != len(indices):
        raise ValueError(
            f"the path {path_text(steps)} has {len(indices)} indices, so lengths= must give the length of that many "
            f"arrays, outermost first; got {list(lengths)}"
        )
    rest = iter(lengths)
    out: list[Step] = []
    for step in steps:
        if isinstance(step, str):
            out.append(step)
            continue
        length = next(rest)
        if isinstance(length, bool) or not isinstance(length, int) or length <= step:
            raise ValueError(f"the index {step} needs an array longer than that, got a length of {length!r}")
        out.append((step, length))
    return out
