"""From a mapping or a TOML file to a dataclass, with every type checked."""

import dataclasses
import datetime
import difflib
import enum
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

from ..errors import ConfigError

Config = TypeVar("Config")

_PLAIN = (bool, int, float, str, datetime.datetime, datetime.date, datetime.time)


def load(cls: type[Config], path: str | Path) -> Config:
    """Read a dataclass from a TOML file.

    Args:
        cls: the dataclass that describes the file.
        path: the TOML file.

    Returns:
        An instance of ``cls``; keys that the file leaves out take the field's default.

    Raises:
        ConfigError: no such file or one that cannot be read, not TOML, an unknown or missing key, or a value of the
            wrong type; the message starts with the file's name and gives the key's path.
    """
    try:
        mapping = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such configuration file") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    try:
        return from_dict(cls, mapping)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def from_dict(cls: type[Config], mapping: Mapping[str, Any]) -> Config:
    """Build a dataclass from nested mappings, checking every key and type.

    Fields may be bool, int, float (an int is accepted), str, ``Path`` (from str), dates and times, enums (by value),
    ``Literal``, ``tuple``, ``list``, ``dict`` with string keys, other dataclasses, ``Any``, and unions of these.
    Nothing else is converted: ``"1"`` is not an int and ``true`` is not 1.

    Args:
        cls: the dataclass to build.
        mapping: values by field name; nested dataclasses are nested mappings.

    Returns:
        An instance of ``cls``. A ``ValueError`` from its ``__post_init__`` becomes a ``ConfigError``.

    Raises:
        ConfigError: an unknown key (the nearest known key is named), a missing key, or a wrong type (expected and
            got are given), each with the key's path.
        TypeError: ``cls`` is not a dataclass, or a field's annotation is not one of the above.

    Example:
        >>> import dataclasses
        >>> from signwise import config
        >>> @dataclasses.dataclass(frozen=True, kw_only=True)
        ... class Optimizer:
        ...     lr: float = 1e-3
        >>> @dataclasses.dataclass(frozen=True, kw_only=True)
        ... class Run:
        ...     steps: int
        ...     optimizer: Optimizer = Optimizer()
        >>> config.from_dict(Run, {"steps": 10, "optimizer": {"lr": 1}})
        Run(steps=10, optimizer=Optimizer(lr=1.0))
        >>> config.from_dict(Run, {"steps": 10, "optimiser": {}})
        Traceback (most recent call last):
        ...
        signwise.errors.ConfigError: unknown key 'optimiser'; the nearest is 'optimizer'
    """
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
        raise TypeError(f"expected a dataclass, got {cls!r}")
    if not isinstance(mapping, Mapping):
        raise TypeError(f"expected a mapping, got {type(mapping).__name__}")
    return _build(cls, mapping, "", _key_paths(cls, ""))


def _build(cls: type[Config], mapping: Mapping[str, Any], path: str, known: list[str]) -> Config:
    fields = _fields(cls)
    for key in mapping:
        if key not in fields:
            raise ConfigError(_unknown(_join(path, str(key)), known))
    values = {}
    for name, (field, hint) in fields.items():
        where = _join(path, name)
        if name in mapping:
            values[name] = _convert(mapping[name], hint, where, known)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ConfigError(f"missing key {where!r} (expected {_describe(hint)})")
    try:
        return cls(**values)
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"{path}: {error}" if path else str(error)) from error


def _convert(value: Any, hint: Any, path: str, known: list[str]) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        return _convert_union(value, hint, path, known)
    if origin is Literal:
        if any(_same(value, allowed) for allowed in arguments):
            return value
    elif hint is None or hint is types.NoneType:
        if value is None:
            return None
    elif (origin or hint) is tuple:
        if isinstance(value, list | tuple):
            return _convert_tuple(value, hint, path, known)
    elif (origin or hint) is list:
        if isinstance(value, list | tuple):
            item = arguments[0] if arguments else Any
            return [_convert(v, item, f"{path}[{i}]", known) for i, v in enumerate(value)]
    elif (origin or hint) in (dict, Mapping):
        if isinstance(value, Mapping):
            item = arguments[1] if arguments else Any
            return {k: _convert(v, item, _join(path, str(k)), known) for k, v in value.items()}
    elif dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if isinstance(value, Mapping):
            return _build(hint, value, path, known)
        if isinstance(value, hint):
            return value
    elif isinstance(hint, type) and issubclass(hint, enum.Enum):
        if isinstance(value, hint):
            return value
        if any(_same(value, member.value) for member in hint):
            return hint(value)
    elif hint is float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                return float(value)
            except OverflowError as error:
                raise ConfigError(f"{path}: expected float, got a whole number that is too large for one") from error
    elif hint is Path:
        if isinstance(value, str | Path):
            return Path(value)
    elif hint in _PLAIN:
        if type(value) is hint:
            return value
    else:
        raise TypeError(f"field {path!r} has the annotation {hint!r}, which a configuration cannot hold")
    raise ConfigError(f"{path}: expected {_describe(hint)}, got {_got(value)}")


def _same(value: Any, allowed: Any) -> bool:
    """Equality of a configuration, where true, 1 and 1.0 are three values."""
    return type(value) is type(allowed) and bool(value == allowed)


def _convert_union(value: Any, hint: Any, path: str, known: list[str]) -> Any:
    members = typing.get_args(hint)
    for member in members:
        if type(value) is member:
            return value
    nested = [m for m in members if dataclasses.is_dataclass(m)]
    if isinstance(value, Mapping) and len(nested) == 1:
        return _convert(value, nested[0], path, known)  # its own error says more than the union's
    for member in members:
        try:
            return _convert(value, member, path, known)
        except ConfigError:
            continue
    raise ConfigError(f"{path}: expected {_describe(hint)}, got {_got(value)}")


def _convert_tuple(value: list[Any] | tuple[Any, ...], hint: Any, path: str, known: list[str]) -> tuple[Any, ...]:
    items = typing.get_args(hint) or (Any, ...)
    if len(items) == 2 and items[1] is Ellipsis:
        items = (items[0],) * len(value)
    if len(items) != len(value):
        raise ConfigError(f"{path}: expected {_describe(hint)}, got {len(value)} values")
    return tuple(_convert(v, item, f"{path}[{i}]", known) for i, (v, item) in enumerate(zip(value, items, strict=True)))


def _fields(cls: type) -> dict[str, tuple[dataclasses.Field[Any], Any]]:
    try:
        hints = typing.get_type_hints(cls)
    except NameError as error:
        raise TypeError(f"an annotation of {cls.__name__} cannot be resolved at module level: {error}") from error
    return {field.name: (field, hints[field.name]) for field in dataclasses.fields(cls) if field.init}


def _key_paths(cls: type, prefix: str, above: tuple[type, ...] = ()) -> list[str]:
    """Dotted paths of all keys below a dataclass; one that contains itself is listed once."""
    found = []
    for name, (_, hint) in _fields(cls).items():
        path = _join(prefix, name)
        found.append(path)
        for inner in (hint, *typing.get_args(hint)):
            if isinstance(inner, type) and dataclasses.is_dataclass(inner) and inner not in (cls, *above):
                found += _key_paths(inner, path, (cls, *above))
    return found


def _unknown(path: str, known: list[str]) -> str:
    parent, _, name = path.rpartition(".")

    def closeness(other: str) -> float:
        # A key of another table must resemble the name clearly better than one of the same table.
        other_parent, _, other_name = other.rpartition(".")
        return difflib.SequenceMatcher(None, name, other_name).ratio() + 0.25 * (other_parent == parent)

    nearest = max(known, key=closeness, default=None)
    return f"unknown key {path!r}; " + (f"the nearest is {nearest!r}" if nearest else "no key is allowed here")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _got(value: object) -> str:
    return "nothing" if value is None else f"{type(value).__name__} {value!r}"


def _describe(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(_describe(argument) for argument in arguments)
    if origin is Literal:
        return "one of " + ", ".join(repr(argument) for argument in arguments)
    if hint is types.NoneType or hint is None:
        return "nothing"
    if origin is not None:
        inner = ", ".join("..." if argument is Ellipsis else _describe(argument) for argument in arguments)
        return f"{origin.__name__}[{inner}]"
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return f"a table ({hint.__name__})"
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return "one of " + ", ".join(repr(member.value) for member in hint)
    return str(getattr(hint, "__name__", hint))
