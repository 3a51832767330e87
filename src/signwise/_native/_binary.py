"""Packed networks: their description, the C++ graph that runs them, and the numpy form of the same.

A network is a list of operations on values; a value is a float image or an image of signs, and value 0 is the input.
Both forms give the same bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ._binary_numpy import Reference, dense_weights
from ._runtime import core, num_threads

Array = npt.NDArray[Any]
Kind = Literal["bit_conv", "float_conv", "byte_conv", "map", "pool", "pool_bits", "pad_channels", "flatten"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Finish:
    """What becomes of an accumulator s.

    v = a·s + b, then + residual, times slope where v <= 0, clamped; v goes to ``out`` and v >= 0 to ``bits``. With
    ``threshold``, bits are (s >= threshold) XOR flip and nothing else is done. Arrays have an entry a channel.

    Attributes:
        a: float32 or None.
        b: float32 or None.
        slope: float32 or None.
        threshold: int32 or None.
        flip: uint8 or None.
        lo: lower bound.
        hi: upper bound.
        residual: number of a float value to add, or -1.
        out: number of the float result, or -1.
        bits: number of the result's signs, or -1.
    """

    a: Array | None = None
    b: Array | None = None
    slope: Array | None = None
    threshold: Array | None = None
    flip: Array | None = None
    lo: float = -math.inf
    hi: float = math.inf
    residual: int = -1
    out: int = -1
    bits: int = -1


@dataclass(frozen=True, kw_only=True, eq=False)
class Operation:
    """One operation.

    Attributes:
        kind: what it does.
        input: number of the value it reads.
        finish: what becomes of its results.
        shape: of a convolution (outputs, inputs, kernel y, x, stride y, x, padding y, x, dilation y, x, groups); of a
            pool (0 for maximum or 1 for average, kernel y, x or 0, 0 for the whole image, stride y, x, padding y, x,
            ceil mode, count padding, divisor or 0); of ``pad_channels`` (channels before,).
        weights: a row an output, index (ky·kw + kx)·(inputs/groups) + c: bits as uint8, float32 or int8; of a
            ``float_conv`` also bits, for +1 and -1, and bfloat16 patterns as uint16.
        scale: of the input of a ``byte_conv``.
        sign: of a ``pool``, float32 1 or -1 a channel, -1 for minima; or None.
        any: of a ``pool_bits``, uint8 a channel, 1 for OR and 0 for AND.
    """

    kind: Kind
    input: int
    finish: Finish
    shape: tuple[int, ...] = ()
    weights: Array | None = None
    scale: float = 1.0
    sign: Array | None = None
    any: Array | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Net:
    """Values as (is it bits, channels), operations in order, and the number of the float value that is the result."""

    values: tuple[tuple[bool, int], ...]
    operations: tuple[Operation, ...]
    output: int


@dataclass(kw_only=True)
class Engine:
    """A network ready to run: the C++ graph, or numpy where the extension is absent or switched off.

    Raises:
        ValueError: the network is inconsistent.
    """

    net: Net
    _graph: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._native()

    def run(self, x: Array, seconds: Array | None = None) -> Array:
        """Result of float32 images ``(n, c, h, w)``; ``seconds`` (operations + 2) receives times if it is given."""
        graph = self._native()
        x = self._checked(x)
        if graph is None:
            return Reference(self.net).run(x)
        out = np.empty((len(x), *graph.shape(self.net.output, *x.shape[2:])), np.float32)
        graph.run(x, out, num_threads(), seconds)
        return out

    def shape(self, value: int, height: int, width: int) -> tuple[int, int, int]:
        """Channels, height and width of a value for an input of this size; needs the extension."""
        channels, rows, columns = self._native().shape(value, height, width)
        return channels, rows, columns

    def memory(self, n: int, height: int, width: int) -> tuple[int, ...] | None:
        """Bytes of parameters, of binary weights among them, of floats, bits and scratch; None without kernels."""
        graph = self._native()
        return None if graph is None else tuple(graph.memory(n, height, width))

    def begin(self, x: Array) -> Stepper:
        """The network one operation at a time."""
        graph = self._native()
        x = self._checked(x)
        if graph is None:
            stepper: Stepper = Reference(self.net).begin(x)
            return stepper
        return _NativeStepper(graph, x)

    def _checked(self, x: Array) -> Array:
        channels = self.net.values[0][1]
        if x.dtype != np.float32 or x.ndim != 4 or x.shape[1] != channels:
            raise ValueError(f"expected float32 images (n, {channels}, h, w), got {x.dtype} {x.shape}")
        return np.ascontiguousarray(x)

    def _native(self) -> Any:
        module = core()
        if module is None:
            return None
        if self._graph is None:
            self._graph = build(module, self.net)
        return self._graph


class Stepper:
    """A network one operation at a time, with values read as float32 ``(n, c, h, w)``, signs as +1 and -1."""

    def step(self, operation: int) -> None:
        """Do one operation."""
        raise NotImplementedError

    def read(self, value: int) -> Array:
        """The present content of a value."""
        raise NotImplementedError

    def write(self, value: int, x: Array) -> None:
        """Replace the content of a value."""
        raise NotImplementedError

    def sums(self, operation: int) -> Array:
        """The int32 sums of a ``bit_conv`` or ``byte_conv`` for the present content of its input."""
        raise NotImplementedError


class _NativeStepper(Stepper):
    def __init__(self, graph: Any, x: Array) -> None:
        self._graph, self._n, self._size = graph, len(x), x.shape[2:]
        graph.shape(0, *self._size)  # plans for one image now, as that may push the oldest plan out
        graph.begin(x)

    def step(self, operation: int) -> None:
        self._graph.step(operation, num_threads())

    def read(self, value: int) -> Array:
        out = np.empty(self._shape(value), np.float32)
        self._graph.read(value, out)
        return out

    def write(self, value: int, x: Array) -> None:
        if x.shape != self._shape(value):
            raise ValueError(f"value {value} has shape {self._shape(value)}, got {x.shape}")
        self._graph.write(value, np.ascontiguousarray(x, np.float32))

    def sums(self, operation: int) -> Array:
        out = np.empty(self._graph.sums_shape(operation), np.int32)
        self._graph.sums(operation, out, num_threads())
        return out

    def _shape(self, value: int) -> tuple[int, ...]:
        return (self._n, *self._graph.shape(value, *self._size))


def build(module: Any, net: Net) -> Any:
    """The C++ graph of a network.

    Raises:
        ValueError: the network is inconsistent.
    """
    graph = module.BinaryNet(net.values[0][1])
    for bits, channels in net.values[1:]:
        graph.add_value(bits, channels)
    for op in net.operations:
        f = op.finish
        end = (f.a, f.b, f.slope, f.threshold, f.flip, f.lo, f.hi, (f.residual, f.out, f.bits))
        match op.kind:
            case "bit_conv":
                graph.add_bit_conv(op.input, op.shape, op.weights, *end)
            case "float_conv":
                graph.add_float_conv(op.input, op.shape, dense_weights(op), *end)
            case "byte_conv":
                graph.add_byte_conv(op.input, op.shape, op.weights, op.scale, *end)
            case "map":
                graph.add_map(op.input, *end)
            case "pool":
                graph.add_pool(op.input, op.shape, op.sign, *end)
            case "pool_bits":
                graph.add_pool_bits(op.input, op.shape, op.any, f.bits)
            case "pad_channels":
                graph.add_pad_channels(op.input, op.shape[0], f.out)
            case "flatten":
                graph.add_flatten(op.input, f.out)
    graph.set_output(net.output)
    return graph


def busy(rounds: int) -> int:
    """Do the inner loop of the convolution on data in the first cache, for a benchmark of its peak.

    Returns:
        Bits compared.

    Raises:
        ValueError: the extension is absent.
    """
    module = core()
    if module is None:
        raise ValueError("the native kernels are not available")
    return 32 * int(module.binary_busy(rounds))


def to_bfloat16(x: Array) -> Array:
    """The patterns of the bfloat16 values nearest to float32 ones, halves to even: uint16."""
    bits = x.view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
