"""The options of an encoder, checked, and their form for the kernel."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from signwise._native import _vsa as _kernels

from ..ortho import Domain, fold, hash_bytes
from ._paths import ANY, Path, parse_path

VERSION = "signwise-json/1"
OUTPUTS = ("float32", "int32", "bits")

_STRINGS = {"whole": 1, "words": 2, "grams": 4}
_ARRAYS = {"pos": 1, "set": 2, "adj": 4, "end": 8}
_LARGEST_D = 2**24


@dataclass(frozen=True, kw_only=True)
class Options:
    """The checked options of an encoder. Orders that do not matter are sorted away."""

    d: int
    strings: tuple[str, ...]
    arrays: tuple[str, ...]
    array_norm: bool
    conjunctions: bool
    idf: bool
    weights: tuple[tuple[Path, float], ...]
    seed: int

    def digest(self, state: bytes = b"") -> str:
        """SHA-256, in hexadecimal, of the version, the options and the digest of a fitted state."""
        content = {name: getattr(self, name) for name in self.__dataclass_fields__}
        text = orjson.dumps([VERSION, content], option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(text + b"\n" + state).hexdigest()


def check_options(
    *,
    d: Any,
    strings: Any,
    arrays: Any,
    array_norm: Any,
    conjunctions: Any,
    idf: Any,
    weights: Any,
    seed: Any,
) -> Options:
    """The options, or an error that says what was expected."""
    if isinstance(d, (bool, np.bool_)) or not isinstance(d, (int, np.integer)):
        raise TypeError(f"d must be a whole number, got {type(d).__name__}")
    if d < 512 or d % 512 or d > _LARGEST_D:
        raise ValueError(f"d must be a multiple of 512 from 512 to {_LARGEST_D}, got {d}")
    for name, value in (("array_norm", array_norm), ("conjunctions", conjunctions), ("idf", idf)):
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError(f"{name} must be True or False, got {value!r}")
    if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f"seed must be a whole number, got {type(seed).__name__}")
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed must be at least 0 and below 2**64, got {seed}")
    return Options(
        d=int(d),
        strings=_chosen("strings", strings, _STRINGS),
        arrays=_chosen("arrays", arrays, _ARRAYS),
        array_norm=bool(array_norm),
        conjunctions=bool(conjunctions),
        idf=bool(idf),
        weights=check_weights(weights),
        seed=int(seed),
    )


def check_weights(weights: Any) -> tuple[tuple[Path, float], ...]:
    """Path weights as sorted pairs.

    Raises:
        TypeError: not a mapping of paths to numbers.
        ValueError: a path with an index, a path given twice, or a weight that is negative or not finite.
    """
    if weights is None:
        return ()
    if not isinstance(weights, Mapping):
        raise TypeError(f"weights must be a mapping of paths to numbers, got {type(weights).__name__}")
    found: dict[Path, float] = {}
    for path, weight in weights.items():
        steps = parse_path(path, name="a path of weights")
        if any(isinstance(step, int) for step in steps):
            raise ValueError(f"weights are by path without indices: write [*] for the elements, got {path!r}")
        if isinstance(weight, (bool, np.bool_)) or not isinstance(weight, (int, float, np.integer, np.floating)):
            raise TypeError(f"the weight of {path!r} must be a number, got {type(weight).__name__}")
        if not 0 <= weight < np.inf:
            raise ValueError(f"the weight of {path!r} must be finite and at least 0, got {weight}")
        steps = tuple(unicodedata.normalize("NFC", str(step)) for step in steps)
        if steps in found:
            raise ValueError(f"weights name the path {path!r} twice")
        found[steps] = float(weight)
    return tuple(sorted(found.items()))


def path_hash(path: Iterable[str | int], seed: int) -> int:
    """The index-free hash of a path: from 0 by fold with H(KEY, key), or with H(ARRAY, "") for an array step."""
    h = 0
    for step in path:
        array = step == ANY or isinstance(step, int)
        domain, data = (Domain.ARRAY, b"") if array else (Domain.KEY, str(step).encode())
        h = fold(h, hash_bytes(domain, data, seed))
    return h


def kernel_spec(
    options: Options,
    weights: tuple[tuple[Path, float], ...] = (),
    stats: tuple[Any, Any, Any] | None = None,
    idf: tuple[Any, Any, int] | None = None,
) -> _kernels.Spec:
    """The kernel's form of the options with a fitted state.

    Args:
        options: checked options.
        weights: weights that multiply those of the options.
        stats: paths, centres and scales of fitted numbers, sorted by path hash.
        idf: terms and factors, sorted by term, and the factor of an unseen term.
    """
    table: dict[int, float] = {}
    for path, weight in (*options.weights, *weights):
        h = path_hash(path, options.seed)
        table[h] = table.get(h, 1.0) * weight
    paths = sorted(table)
    stats = stats or (np.zeros(0, np.uint64), np.zeros(0), np.zeros(0))
    idf = idf or (np.zeros(0, np.uint64), np.zeros(0, np.int64), 1024)
    return _kernels.Spec(
        d=options.d,
        seed=options.seed,
        strings=sum(_STRINGS[name] for name in options.strings),
        arrays=sum(_ARRAYS[name] for name in options.arrays),
        array_norm=options.array_norm,
        conjunctions=options.conjunctions,
        idf=options.idf,
        weight_paths=np.array(paths, np.uint64),
        weight_values=np.array([table[h] for h in paths], np.float64),
        stat_paths=stats[0],
        stat_centers=stats[1],
        stat_scales=stats[2],
        idf_terms=idf[0],
        idf_factors=idf[1],
        idf_unseen=idf[2],
    )


def _chosen(name: str, value: Any, allowed: Mapping[str, int]) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, (tuple, list, set, frozenset)):
        raise TypeError(f"{name} must be a tuple of {', '.join(allowed)}, got {value!r}")
    unknown = [item for item in value if item not in allowed]
    if unknown or not value or len(set(value)) != len(value):
        raise ValueError(f"{name} must name one or more of {', '.join(allowed)}, each once; got {value!r}")
    return tuple(item for item in allowed if item in value)
