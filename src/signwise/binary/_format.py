"""Packed networks as saved directories, and their strict reading back."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, cast, get_args

import numpy as np
import numpy.typing as npt

from .._native._binary import Finish, Kind, Net, Operation
from ..errors import ArtifactError

KIND, VERSION = "binary-model", 1
Array = npt.NDArray[Any]

_LENGTHS = {"bit_conv": 11, "float_conv": 11, "byte_conv": 11, "map": 0, "pool": 10, "pool_bits": 10, "pad_channels": 1,
            "flatten": 0}  # fmt: skip
_WEIGHTS = {"bit_conv": ("uint8",), "float_conv": ("uint8", "uint16", "float32"), "byte_conv": ("int8",)}
_FINISH = {"a": "float32", "b": "float32", "slope": "float32", "threshold": "int32", "flip": "uint8"}
_OWN = {"sign": "float32", "any": "uint8"}
_BOUND = 1 << 31


def encode(net: Net, names: tuple[str, ...]) -> tuple[list[dict[str, Any]], dict[str, Array]]:
    """Operations as JSON and tensors by name, ``<number>.<field>``."""
    rows, tensors = [], {}
    for number, op in enumerate(net.operations):
        f = op.finish
        row: dict[str, Any] = {
            "name": names[number],
            "kind": op.kind,
            "input": op.input,
            "shape": list(op.shape),
            "scale": op.scale,
            "lo": None if math.isinf(f.lo) else f.lo,
            "hi": None if math.isinf(f.hi) else f.hi,
            "residual": f.residual,
            "out": f.out,
            "bits": f.bits,
        }
        arrays = {"weights": op.weights, "sign": op.sign, "any": op.any}
        arrays |= {field: getattr(f, field) for field in _FINISH}
        row["tensors"] = {}
        for field, array in arrays.items():
            if array is not None:
                tensors[f"{number}.{field}"] = np.ascontiguousarray(array)
                row["tensors"][field] = {"dtype": str(array.dtype), "shape": list(array.shape)}
        rows.append(row)
    return rows, tensors


def decode(meta: Mapping[str, Any], tensors: Mapping[str, Array], path: str) -> tuple[Net, tuple[str, ...]]:
    """The network of a saved directory, after a check of every number, dtype and shape.

    Raises:
        ArtifactError: something is missing, of the wrong type or shape, or inconsistent; the message says what.
    """

    def fail(what: str) -> ArtifactError:
        return ArtifactError(f"{path}: damaged or not a packed network: {what}")

    def whole(value: object, what: str, least: int = -1) -> int:
        if type(value) is not int or not least <= value < _BOUND:
            raise fail(f"{what} is {value!r}")
        return value

    try:
        values = tuple((bool(bits), whole(channels, "the channels of a value", 1)) for bits, channels in meta["values"])
        rows, output = list(meta["operations"]), whole(meta["output"], "the output", 0)
    except (KeyError, TypeError, ValueError) as error:
        raise fail(f"its graph cannot be read ({error!r})") from error
    operations, names = [], []
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or row.get("kind") not in get_args(Kind):
            raise fail(f"operation {number} is of no known kind")
        kind = cast("Kind", row["kind"])
        where = f"operation {number} ({row.get('name')!r})"
        shape = tuple(whole(v, f"{where}: a number of its shape", 0) for v in row.get("shape", ()))
        if len(shape) != _LENGTHS[kind]:
            raise fail(f"{where} has a shape of {len(shape)} numbers, expected {_LENGTHS[kind]}")
        if kind.endswith("conv") and (0 in (shape[0], shape[1], shape[10]) or shape[1] % shape[10]):
            raise fail(f"{where}: its channels and groups do not fit")
        number_of = {key: whole(row.get(key), f"{where}: {key}") for key in ("input", "residual", "out", "bits")}
        if not 0 <= number_of["input"] < len(values) or max(number_of.values()) >= len(values):
            raise fail(f"{where} names a value that does not exist")
        result = max(number_of["out"], number_of["bits"])
        if result < 0:
            raise fail(f"{where} has no result")
        channels = values[result][1]
        found: dict[str, Array] = {}
        for field in row.get("tensors", {}):
            array = tensors.get(f"{number}.{field}")
            if array is None:
                raise fail(f"{where} has no tensor {field!r}")
            found[field] = array
            if field == "weights":
                expected = _row_lengths(kind, shape, str(array.dtype))
                if str(array.dtype) not in _WEIGHTS.get(kind, ()) or array.shape != expected:
                    raise fail(f"{where}: weights are {array.dtype} {array.shape}, expected {expected}")
            elif field not in _FINISH | _OWN:
                raise fail(f"{where} has an unknown tensor {field!r}")
            elif str(array.dtype) != (_FINISH | _OWN)[field] or array.shape != (channels,):
                raise fail(f"{where}: {field} is {array.dtype} {array.shape}, expected {(channels,)}")
        if (kind in _WEIGHTS) != ("weights" in found) or (kind == "pool_bits") != ("any" in found):
            raise fail(f"{where} lacks a tensor that its kind needs")
        if ("threshold" in found) != ("flip" in found):
            raise fail(f"{where} has one of threshold and flip")
        bounds = [_bound(row.get(key), infinite) for key, infinite in (("lo", -math.inf), ("hi", math.inf))]
        scale = row.get("scale")
        if None in bounds or not isinstance(scale, float | int) or not 0 < scale < math.inf:
            raise fail(f"{where}: a bound or its scale is no number")
        finish = Finish(
            **{field: found.get(field) for field in _FINISH},
            lo=cast("float", bounds[0]),
            hi=cast("float", bounds[1]),
            residual=number_of["residual"],
            out=number_of["out"],
            bits=number_of["bits"],
        )
        operations.append(
            Operation(
                kind=kind,
                input=number_of["input"],
                finish=finish,
                shape=shape,
                weights=found.get("weights"),
                scale=float(scale),
                sign=found.get("sign"),
                any=found.get("any"),
            )
        )
        names.append(str(row.get("name")))
    if output >= len(values) or not values or values[0][0]:
        raise fail("its values do not fit")
    return Net(values=values, operations=tuple(operations), output=output), tuple(names)


def _bound(value: object, infinite: float) -> float | None:
    if value is None:
        return infinite
    return float(value) if isinstance(value, float | int) else None


def _row_lengths(kind: str, shape: tuple[int, ...], dtype: str) -> tuple[int, int]:
    k = shape[2] * shape[3] * (shape[1] // shape[10])
    return shape[0], (k + 7) // 8 if dtype == "uint8" else k


@dataclasses.dataclass(frozen=True, kw_only=True)
class InputSpec:
    """What a packed network takes and gives.

    Attributes:
        channels: of the input.
        flat: whether the input is ``(n, channels)``, else ``(n, channels, h, w)``.
        flat_output: whether the result is ``(n, channels)``.
        size: height and width that it was packed with, or None; other sizes work where the layers allow them.
    """

    channels: int
    flat: bool
    flat_output: bool
    size: tuple[int, int] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerInfo:
    """A binary layer of a packed network: its name, frequency and surrogate, which evaluation no longer needs."""

    name: str
    omega: float
    weight_surrogate: str
    weights: int
