"""From a dataclass to nested mappings and to TOML text."""

import dataclasses
import datetime
import enum
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ConfigError

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def to_dict(config: object) -> dict[str, Any]:
    """The fields of a dataclass as nested dicts of plain values: the inverse of :func:`from_dict`.

    Tuples become lists, paths strings, enum members their values; ``None`` stays.

    Args:
        config: a dataclass instance.

    Returns:
        A new dict, in the order of the fields.

    Raises:
        TypeError: ``config`` is not a dataclass instance, or a value has no plain form.
    """
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        raise TypeError(f"expected a dataclass instance, got {config!r}")
    return {
        field.name: _plain(getattr(config, field.name), field.name)
        for field in dataclasses.fields(config)
        if field.init
    }


def dumps(config: object) -> str:
    """A dataclass as TOML text, which :func:`load` reads back to an equal instance.

    TOML has no null: a field that is ``None`` is left out, which reads back as ``None`` only if that is its default.

    Args:
        config: a dataclass instance.

    Raises:
        ConfigError: a field is ``None`` although its default is another value, or a list contains ``None``.
        TypeError: ``config`` is not a dataclass instance, or a value has no plain form.

    Example:
        >>> import dataclasses
        >>> from signwise import config
        >>> @dataclasses.dataclass(frozen=True, kw_only=True)
        ... class Optimizer:
        ...     lr: float = 1e-3
        ...     betas: tuple[float, float] = (0.9, 0.99)
        >>> @dataclasses.dataclass(frozen=True, kw_only=True)
        ... class Run:
        ...     name: str = "first"
        ...     optimizer: Optimizer = Optimizer()
        >>> print(config.dumps(Run()), end="")
        name = "first"
        <BLANKLINE>
        [optimizer]
        lr = 0.001
        betas = [0.9, 0.99]
    """
    mapping = to_dict(config)
    _check_none(config, "")
    return "\n\n".join(_tables(mapping, "")) + "\n"


def _plain(value: Any, path: str) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_dict(value)
    if isinstance(value, enum.Enum):
        return _plain(value.value, path)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{path}[{position}]") for position, item in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str | datetime.date | datetime.time):
        return value
    raise TypeError(f"{path}: a configuration cannot hold {type(value).__name__} {value!r}")


def _check_none(value: Any, path: str) -> None:
    """Refuse a ``None`` that leaving the key out would not bring back."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            where = f"{path}.{field.name}" if path else field.name
            item = getattr(value, field.name)
            if field.init and item is None and field.default is not None:
                raise ConfigError(
                    f"{where}: is None, and TOML can only say so by leaving out a key whose default is None"
                )
            if item is not None:
                _check_none(item, where)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _check_none(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            _check_none(item, f"{path}[{position}]")
    elif value is None:
        raise ConfigError(f"{path}: is None, which TOML cannot write")


def _tables(mapping: Mapping[str, Any], path: str) -> list[str]:
    """The blocks of a table: its own keys first, as TOML wants, then each table inside it."""
    own = [f"{_key(k)} = {_value(v)}" for k, v in mapping.items() if v is not None and not isinstance(v, dict)]
    inner = {k: v for k, v in mapping.items() if isinstance(v, dict)}
    head = [f"[{path}]"] if path and (own or not inner) else []
    blocks = ["\n".join(head + own)] if head or own else []
    for key, table in inner.items():
        blocks += _tables(table, f"{path}.{_key(key)}" if path else _key(key))
    return blocks


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _string(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else {math.inf: "inf", -math.inf: "-inf"}.get(value, "nan")
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)


def _string(text: str) -> str:
    # A JSON string is a TOML basic string, except that TOML also wants DEL escaped and knows no surrogate pairs.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
