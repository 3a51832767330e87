"""Paths into JSON documents: tuples, and their text form ``a[0].b``."""

from __future__ import annotations

import re
from typing import Any

Path = tuple[str | int, ...]

ANY = "[*]"

_STEP = re.compile(r"\.?(?P<key>[^.\[\]]+)|\[(?P<index>\d+)\]|(?P<any>\[\*\])")


def parse_path(path: str | tuple[Any, ...], *, name: str = "path") -> Path:
    """A path as a tuple of keys, indices and ``"[*]"`` for every element.

    Args:
        path: a tuple such as ``("a", 0, "b")``, or text such as ``"a[0].b"``; ``""`` and ``()`` are the whole
            document. A key that holds ``.``, ``[`` or ``]`` needs the tuple; ``"[*]"`` always means the elements.
        name: how an error names the argument.

    Raises:
        TypeError: neither a tuple of str and int nor text.
        ValueError: text that is no path, or an index below 0.

    Examples:
        >>> parse_path("items[0].price"), parse_path("items[*]")
        (('items', 0, 'price'), ('items', '[*]'))
    """
    if isinstance(path, str):
        steps: list[str | int] = []
        at = 0
        while at < len(path):
            found = _STEP.match(path, at)
            if not found or (at == 0 and path[0] == "."):
                raise ValueError(f'{name} must look like "a[0].b" or be a tuple, got {path!r}')
            at = found.end()
            if found["index"]:
                steps.append(int(found["index"]))
            else:
                steps.append(found["key"] or ANY)
        return tuple(steps)
    if not isinstance(path, (tuple, list)):
        raise TypeError(f"{name} must be a tuple or text, got {type(path).__name__}")
    for step in path:
        if isinstance(step, bool) or not isinstance(step, (str, int)):
            raise TypeError(f"{name} must hold str and int, got {step!r} in {path!r}")
        if isinstance(step, int) and step < 0:
            raise ValueError(f"{name} must have indices of at least 0, got {path!r}")
    return tuple(path)
