"""The parameters drawn last, kept within a number of bytes."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")

LIMIT = 1 << 26  # bytes of all families together
ENTRY = 512  # bytes of an entry beside its arrays: key, array objects, place in the table


class Kept:
    """A table of what was used last; the entries that were not used for longest leave when it is over its limit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self._entries: OrderedDict[Any, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        """The entry of the key, made where it is not there."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return self._entries[key][0]
        value = make()
        parts = value if isinstance(value, tuple) else (value,)
        size = ENTRY + sum(part.nbytes for part in parts if isinstance(part, np.ndarray))
        with self._lock:
            if key not in self._entries and size <= self.limit:
                self._entries[key] = value, size
                self.size += size
                while self.size > self.limit:
                    self.size -= self._entries.popitem(last=False)[1][1]
        return value

    def clear(self) -> None:
        """Forget every entry."""
        with self._lock:
            self._entries.clear()
            self.size = 0


DRAWN = Kept(LIMIT)


def kept(draw: Callable[P, R]) -> Callable[P, R]:
    """Keep what a function of hashable arguments draws: arrays, which nobody may change."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        return cast(R, DRAWN.get((draw, args, *kwargs.items()), lambda: draw(*args, **kwargs)))

    return drawn
