"""One raw record of a file or table, and where its fields stand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

FIELDS = ("source", "target", "rating", "time")


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Where each field of an event stands: a column name, or a JSON pointer such as ``/user/id``.

    Args:
        source: who rates.
        target: who is rated.
        rating: a number whose sign is the sign of the event and whose size is its weight.
        time: seconds since 1970, or an ISO 8601 date and time.
        payload: what else the event says, any JSON value; None where nothing of it is read.
    """

    source: str = "source"
    target: str = "target"
    rating: str = "rating"
    time: str = "time"
    payload: str | None = None

    def names(self) -> tuple[str, str, str, str]:
        """The four places, in the order source, target, rating, time."""
        return self.source, self.target, self.rating, self.time


@dataclass(frozen=True, slots=True)
class Row:
    """The raw fields of one record, or why it has none."""

    line: int
    values: tuple[Any, ...] = ()
    problem: str | None = None
    content: str = ""
    headerless: bool = False


def wrong_columns(where: str, missing: Iterable[str], available: list[str]) -> str:
    """The message that a column is not there, and which are."""
    shown = ", ".join(name if len(name) <= 40 else f"{name[:40]}..." for name in available[:12])
    return (
        f"{where}: no column {', '.join(repr(name) for name in missing)}; the columns are: "
        f"{shown}{', ...' if len(available) > 12 else ''}. "
        "Name the columns of your data (--source, --target, --rating, --time)"
    )
