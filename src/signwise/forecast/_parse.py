"""The values of one event, from whatever a file or table holds."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
from decimal import Decimal
from typing import Any

import numpy as np
import orjson

TICK_SECONDS = 1e-6
MAX_SECONDS = 2.0**62 * TICK_SECONDS
UNIT_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


class Invalid(ValueError):
    """A value is no part of an event; the message is the reason that the rejects file gives."""


def parse_event(values: tuple[Any, ...], unit_seconds: float) -> tuple[str, str, float, float]:
    """Source, target, rating and time in seconds.

    Raises:
        Invalid: a field is missing or not usable.
    """
    source, target, rating, time = values
    event = (
        parse_node(source, "source"),
        parse_node(target, "target"),
        _parse_number(rating, "rating"),
        parse_time(time, unit_seconds),
    )
    if event[2] == 0:
        raise Invalid("rating is 0, which has no sign")
    return event


def parse_node(value: Any, field: str) -> str:
    """The name of a node: a text that is not empty, or a whole number."""
    if isinstance(value, str) and value.strip():
        return value
    if is_missing(value):
        raise Invalid(f"{field} is missing")
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return str(int(value))
    # Tables turn a column of numbers with gaps into floats; beyond 2**53 those would merge nodes.
    if isinstance(value, (float, np.floating)) and float(value).is_integer() and abs(float(value)) <= 2**53:
        return str(int(value))
    raise Invalid(f"{field} is {value!r}; expected a name or a whole number")


def parse_time(value: Any, unit_seconds: float) -> float:
    """Seconds since 1970 of a number, a date, or an ISO 8601 text (UTC unless it says otherwise)."""
    moment: dt.datetime | None = None
    if type(value).__name__ == "NaTType":
        raise Invalid("time is missing")
    if isinstance(value, dt.datetime):
        moment = value
    elif isinstance(value, dt.date):
        moment = dt.datetime(value.year, value.month, value.day)
    elif isinstance(value, str) and not _is_number(value):
        try:
            moment = dt.datetime.fromisoformat(value.strip())
        except ValueError:
            raise Invalid(f"time {value!r} is neither a number nor an ISO 8601 date") from None
    if moment is None:
        seconds = _parse_number(value, "time") * unit_seconds
        if abs(seconds) > MAX_SECONDS:
            raise Invalid(f"time {value} is out of range (at most {MAX_SECONDS:.3g} s from 1970)")
        return seconds
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    # Differences are exact, where datetime.timestamp rounds through floating point.
    return float((moment - _EPOCH) // _MICROSECOND) * TICK_SECONDS


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _parse_number(value: Any, field: str) -> float:
    if is_missing(value) and not isinstance(value, float):
        raise Invalid(f"{field} is missing")
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal, np.number)):
        raise Invalid(f"{field} is {value!r}; expected a number")
    try:
        if isinstance(value, str) and "_" in value:
            raise ValueError
        number = float(value)
    except (ValueError, OverflowError):
        raise Invalid(f"{field} {str(value)[:80]!r} is not a number") from None
    if not math.isfinite(number):
        raise Invalid(f"{field} is {number}; expected a finite number")
    return number


def parse_payload(value: Any) -> bytes | None:
    """The JSON text of what an event says; None where it says nothing.

    A text that is a JSON object or array is read as one; any other text is a JSON string.

    Raises:
        Invalid: the value has no JSON.
    """
    if is_missing(value):
        return None
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        with contextlib.suppress(orjson.JSONDecodeError):
            value = orjson.loads(value)
    try:
        return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise Invalid(f"payload is no JSON: {error}") from None


def is_missing(value: Any) -> bool:
    """Whether a value stands for none: None, an empty text, NaN, or the missing values of a table."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return True
    return type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and math.isnan(value))
