"""Packed networks in numpy, for an installation without the extension: the same bits, slower."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ._binary import Finish, Net, Operation

Array = npt.NDArray[Any]


class Reference:
    """A network and the present content of its values, ``(n, c, h, w)``, signs as booleans."""

    def __init__(self, net: Net) -> None:
        self.net = net
        self.values: dict[int, Array] = {}

    def run(self, x: Array) -> Array:
        """Do all operations."""
        self.begin(x)
        for operation in range(len(self.net.operations)):
            self.step(operation)
        return self.read(self.net.output)

    def begin(self, x: Array) -> Any:
        """Take an input."""
        self.values = {0: x}
        return self

    def step(self, operation: int) -> None:
        """Do one operation."""
        op = self.net.operations[operation]
        x, f = self.values[op.input], op.finish
        match op.kind:
            case "bit_conv" | "byte_conv":
                self._finish(f, self.sums(operation))
            case "float_conv":
                self._finish(f, _fused_sums(op, x))
            case "map":
                self._finish(f, x)
            case "pool":
                self._finish(f, _pool(op, x))
            case "pool_bits":
                assert op.any is not None
                parts = [x[..., ys, xs] for ys, xs in _places(op.shape, x.shape[2:])]
                windows = [(part.any((2, 3)), part.all((2, 3))) for part in parts]
                found = [np.where(op.any.astype(bool), some, every) for some, every in windows]
                self.values[f.bits] = np.stack(found, -1).reshape(*x.shape[:2], *_pooled(op.shape, x.shape[2:]))
            case "pad_channels":
                before, total = op.shape[0], self.net.values[f.out][1]
                self.values[f.out] = np.zeros((len(x), total, *x.shape[2:]), np.float32)
                self.values[f.out][:, before : before + x.shape[1]] = x
            case "flatten":
                channels = self.net.values[f.out][1]
                if x[0].size != channels:
                    raise ValueError("the image has another size than the linear layer behind flatten was made for")
                self.values[f.out] = x.reshape(len(x), channels, 1, 1)

    def read(self, value: int) -> Array:
        """The content of a value, signs as +1 and -1."""
        x = self.values[value]
        return np.where(x, np.float32(1), np.float32(-1)) if x.dtype == bool else x.copy()

    def write(self, value: int, x: Array) -> None:
        """Replace the content of a value."""
        self.values[value] = x >= 0 if self.net.values[value][0] else x.astype(np.float32)

    def sums(self, operation: int) -> Array:
        """Integer sums of a convolution of signs or bytes."""
        op = self.net.operations[operation]
        x = self.values[op.input]
        assert op.weights is not None
        if op.kind == "bit_conv":
            k = op.shape[2] * op.shape[3] * (op.shape[1] // op.shape[10])
            bits = np.unpackbits(op.weights, axis=1, count=k, bitorder="little")
            weights, signs = bits.astype(np.float64) * 2 - 1, np.where(x, 1.0, -1.0)
        else:
            scaled = (x * (np.float32(1) / np.float32(op.scale))).astype(np.float32)
            scaled = np.where(scaled > -127, scaled, np.float32(-127))
            signs = np.rint(np.where(scaled < 127, scaled, np.float32(127))).astype(np.float64)
            weights = op.weights.astype(np.float64)
        out = []
        for columns, rows in _columns(op, signs, weights):
            taps = columns.reshape(*columns.shape[:3], -1)
            out.append(np.moveaxis(taps @ rows.T, -1, 1))
        return np.concatenate(out, 1).astype(np.int32)

    def _finish(self, f: Finish, s: Array) -> None:
        def channel(values: Array) -> Array:
            return values.reshape(-1, 1, 1)

        if f.threshold is not None:
            assert f.flip is not None
            self.values[f.bits] = (s >= channel(f.threshold)) ^ channel(f.flip.astype(bool))
            return
        v = s.astype(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            if f.a is not None:
                v = v * channel(f.a)
            if f.b is not None:
                v = v + channel(f.b)
            if f.residual >= 0:
                v = v + self.values[f.residual]
            if f.slope is not None:
                v = np.where(v > 0, v, v * channel(f.slope))
        lo, hi = np.float32(f.lo), np.float32(f.hi)
        v = np.where(v < lo, lo, v)
        v = np.where(hi < v, hi, v)
        if f.out >= 0:
            self.values[f.out] = v
        if f.bits >= 0:
            self.values[f.bits] = v >= 0


def dense_weights(op: Operation) -> Array:
    """The float32 rows of a ``float_conv``, whose weights may also be bits (uint8) or bfloat16 patterns (uint16)."""
    weights = op.weights
    assert weights is not None
    if weights.dtype == np.uint8:
        k = op.shape[2] * op.shape[3] * (op.shape[1] // op.shape[10])
        return np.unpackbits(weights, axis=1, count=k, bitorder="little").astype(np.float32) * 2 - 1
    if weights.dtype == np.uint16:
        return (weights.astype(np.uint32) << 16).view(np.float32)
    return weights


def fused(a: Array, b: Array, c: Array) -> Array:
    """a·b + c in float32 with one rounding.

    The product is exact in float64. The sum there is rounded to odd, which the rounding to float32 then does not see.
    """
    p, c64 = a.astype(np.float64) * b.astype(np.float64), c.astype(np.float64)
    s = p + c64
    part = s - p
    error = (p - (s - part)) + (c64 - part)
    bits = s.view(np.int64)
    step = np.where((error > 0) == (s > 0), 1, -1)
    odd = np.where((error != 0) & (bits & 1 == 0), bits + step, bits)
    return odd.view(np.float64).astype(np.float32)


def _columns(op: Operation, x: Array, weights: Array) -> list[tuple[Array, Array]]:
    """For each group the windows ``(n, h, w, ky, kx, c)`` of the zero-padded input, and its rows of weights."""
    outputs, inputs, ky, kx, sy, sx, py, px, dy, dx, groups = op.shape
    padded = np.pad(x, ((0, 0), (0, 0), (py, py), (px, px)))
    extent = (dy * (ky - 1) + 1, dx * (kx - 1) + 1)
    if padded.shape[2] < extent[0] or padded.shape[3] < extent[1]:
        raise ValueError("the image is smaller than a window of the network")
    windows = np.lib.stride_tricks.sliding_window_view(padded, extent, (2, 3))[:, :, ::sy, ::sx, ::dy, ::dx]
    windows = windows.transpose(0, 2, 3, 4, 5, 1)
    per, rows = inputs // groups, outputs // groups
    return [(windows[..., g * per : (g + 1) * per], weights[g * rows : (g + 1) * rows]) for g in range(groups)]


def _fused_sums(op: Operation, x: Array) -> Array:
    out = []
    for columns, rows in _columns(op, x, dense_weights(op)):
        taps = columns.reshape(*columns.shape[:3], -1)
        total = np.zeros((*columns.shape[:3], len(rows)), np.float32)
        for k in range(taps.shape[-1]):
            total = fused(taps[..., k : k + 1], rows[:, k], total)
        out.append(np.moveaxis(total, -1, 1))
    return np.concatenate(out, 1)


def _pooled(shape: tuple[int, ...], size: tuple[int, ...]) -> tuple[int, int]:
    _, ky, kx, sy, sx, py, px, ceil_mode, _, _ = shape
    if ky == 0:
        return 1, 1
    sizes = []
    for length, kernel, stride, pad in ((size[0], ky, sy, py), (size[1], kx, sx, px)):
        room = length + 2 * pad - kernel + (stride - 1 if ceil_mode else 0)
        if room < 0:
            raise ValueError("the image is smaller than a window of the network")
        count = room // stride + 1
        if ceil_mode and (count - 1) * stride >= length + pad:
            count -= 1
        sizes.append(count)
    return sizes[0], sizes[1]


def _places(shape: tuple[int, ...], size: tuple[int, ...]) -> list[tuple[slice, slice]]:
    """The clipped window of every result pixel, row by row."""
    _, ky, kx, sy, sx, py, px, _, _, _ = shape
    height, width = _pooled(shape, size)
    if ky == 0:
        ky, kx = size
    return [
        (slice(max(y * sy - py, 0), y * sy - py + ky), slice(max(x * sx - px, 0), x * sx - px + kx))
        for y in range(height)
        for x in range(width)
    ]


def _pool(op: Operation, x: Array) -> Array:
    kind, ky, kx, sy, sx, py, px, _, count_padding, divisor = op.shape
    height, width = _pooled(op.shape, x.shape[2:])
    sign = np.float32(1) if op.sign is None else op.sign.reshape(-1, 1, 1)
    out = np.empty((*x.shape[:2], height * width), np.float32)
    for i, (ys, xs) in enumerate(_places(op.shape, x.shape[2:])):
        part = x[..., ys, xs]
        if kind == 0:
            out[..., i] = ((part * sign).max((2, 3), keepdims=True) * sign)[..., 0, 0]
            continue
        total = np.zeros(x.shape[:2], np.float32)
        for row in range(part.shape[2]):
            for column in range(part.shape[3]):
                total = total + part[..., row, column]
        count = divisor or part.shape[2] * part.shape[3]
        if not divisor and count_padding:
            top, left = i // width * sy - py, i % width * sx - px
            count = (min(top + ky, x.shape[2] + py) - top) * (min(left + kx, x.shape[3] + px) - left)
        out[..., i] = total / np.float32(count)
    return out.reshape(*x.shape[:2], height, width)
