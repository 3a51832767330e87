"""The comparison of a packed network with the module it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from .._native._binary import Operation, Stepper
from ..errors import SignwiseError
from . import _fold
from ._layers import BiPerLayer
from ._lower import Lowered
from ._packed import PackedModel
from ._trace import conv_shape, weight_of

Array = npt.NDArray[Any]
BAND = 2.0**-20
LOGITS = 1e-5


class VerificationError(SignwiseError):
    """A packed network differs from its module; the message names layer and place."""


@dataclass(frozen=True, kw_only=True)
class VerifyReport:
    """What :func:`verify` compared and found.

    Attributes:
        images: in the batch.
        weight_bits: compared.
        sums: integer sums compared.
        signs: compared.
        near_ties: signs that fell differently on values near zero, each operation given the module's own signs.
        free_ties: whether such a sign fell differently in the free run, so that logits may differ by more.
        logit_error: largest difference of logits over the largest logit, in the free run.
        logit_change: largest difference of logits.
        top1_agreement: share of images whose largest logit is the same.
    """

    images: int
    weight_bits: int
    sums: int
    signs: int
    near_ties: int
    free_ties: bool
    logit_error: float
    logit_change: float
    top1_agreement: float


class _Recorder(fx.Interpreter):
    """Runs a traced model and keeps the value of every node."""

    def record(self, example: Tensor) -> dict[str, Tensor]:
        self.values: dict[str, Tensor] = {}
        with torch.no_grad(), torch.autocast("cpu", enabled=False):
            self.values["output"] = self.run(example)
        return self.values

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if isinstance(value, Tensor):
            # A later operation may work in place.
            self.values[n.name] = value.clone()
        return value


def check_weights(lowered: Lowered) -> int:
    """Compare the weight bits of every binary layer with its own expression; how many were compared."""
    count = 0
    for number, layer in lowered.layers.items():
        op = lowered.net.operations[number]
        if not isinstance(layer, BiPerLayer):
            continue
        rows = weight_of(layer).transpose(0, 2, 3, 1).reshape(op.shape[0], -1)
        assert op.weights is not None
        wrong = np.argwhere(_fold.unpack_rows(op.weights, rows.shape[1]) != rows)
        if len(wrong):
            raise VerificationError(f"{lowered.names[number]}: weight bit {tuple(wrong[0])} differs")
        count += rows.size
    return count


def check(packed: PackedModel, lowered: Lowered, traced: fx.GraphModule, example: Tensor) -> VerifyReport:
    """See :func:`verify`."""
    _check_same_weights(packed, lowered)
    weight_bits = check_weights(lowered)
    example = example.detach().float().cpu().contiguous()
    values = _Recorder(traced).record(example)
    images = packed._images(example.numpy())
    net = packed.net
    stepper = packed.engine.begin(images)
    sums = signs = ties = 0
    for number, op in enumerate(net.operations):
        integer: Array | None = None
        if op.kind == "bit_conv":
            integer = stepper.sums(number)
            layer = lowered.layers[number]
            expected = _reference_sums(layer, stepper.read(op.input))
            wrong = np.argwhere(integer != expected)
            if len(wrong):
                place = tuple(int(i) for i in wrong[0])
                raise VerificationError(
                    f"{lowered.names[number]}: sum {place} is {integer[place]}, the module's is {expected[place]}"
                )
            sums += integer.size
        before = {v: stepper.read(v) for v in (op.input, op.finish.residual) if v >= 0}
        stepper.step(number)
        skip = number in lowered.reduced
        for value in (op.finish.out, op.finish.bits):
            if value < 0 or value not in lowered.nodes:
                continue
            reference = values[lowered.nodes[value]].numpy()
            reference = reference.reshape(*reference.shape, *(1,) * (4 - reference.ndim))
            if net.values[value][0] and not skip:
                got = stepper.read(value)
                ties += _compare_signs(lowered, number, got, reference, before, values)
                signs += got.size
            stepper.write(value, np.ascontiguousarray(reference, np.float32))
    logits = values["output"].numpy()
    free = packed(example).numpy()
    change = float(np.abs(free - logits).max())
    error = change / max(float(np.abs(logits).max()), 1e-30)
    free_ties = False
    if error > LOGITS and not lowered.reduced and not ties:
        free_ties = _first_difference_is_a_tie(packed, lowered, images, values)
        if not free_ties:
            raise VerificationError(
                f"logits differ by {error:.2g} of the largest, more than {LOGITS:g}, and no sign of a value near zero "
                "explains it"
            )
    flat = logits.reshape(len(logits), -1), free.reshape(len(free), -1)
    agreement = float((flat[0].argmax(1) == flat[1].argmax(1)).mean())
    return VerifyReport(
        images=len(images),
        weight_bits=weight_bits,
        sums=sums,
        signs=signs,
        near_ties=ties,
        free_ties=free_ties,
        logit_error=error,
        logit_change=change,
        top1_agreement=agreement,
    )


def _check_same_weights(packed: PackedModel, lowered: Lowered) -> None:
    """A packed network that was loaded, or whose module was trained on, may hold other parameters."""
    for number, (mine, other) in enumerate(zip(packed.net.operations, lowered.net.operations, strict=True)):
        pairs = [
            ("weights", mine.weights, other.weights),
            ("sign", mine.sign, other.sign),
            ("any", mine.any, other.any),
        ]
        for field in ("a", "b", "slope", "threshold", "flip"):
            pairs.append((field, getattr(mine.finish, field), getattr(other.finish, field)))
        for field, x, y in pairs:
            same = x is y if x is None or y is None else x.dtype == y.dtype and np.array_equal(x, y)
            if not same:
                where = ""
                if x is not None and y is not None and x.shape == y.shape:
                    where = f" at {tuple(int(i) for i in np.argwhere(x != y)[0])}"
                raise VerificationError(f"{lowered.names[number]}: {field} differs from the module's{where}")


def _reference_sums(layer: nn.Module, signs: Array) -> Array:
    """The convolution of ±1 by torch, in float64 where float32 does not give whole numbers."""
    shape = conv_shape(layer)
    weight, x = torch.from_numpy(weight_of(layer)), torch.from_numpy(signs)
    for dtype in (torch.float32, torch.float64):
        y = F.conv2d(x.to(dtype), weight.to(dtype), None, shape[4:6], shape[6:8], shape[8:10], shape[10])
        if bool((y == y.round()).all()):
            break
    return y.to(torch.int32).numpy()


def _compare_signs(
    lowered: Lowered, number: int, got: Array, reference: Array, before: dict[int, Array], values: dict[str, Tensor]
) -> int:
    """Differences of signs that are near ties; any other raises."""
    wrong = (got >= 0) != (reference >= 0)
    if not wrong.any():
        return 0
    far = wrong & (np.abs(reference) > BAND * _magnitude(lowered, number, before))
    if far.any():
        place = tuple(int(i) for i in np.argwhere(far)[0])
        raise VerificationError(
            f"{lowered.names[number]}: sign {place} is {got[place]:+.0f}, the module's value is {reference[place]:g}"
        )
    return int(wrong.sum())


def _magnitude(lowered: Lowered, number: int, before: dict[int, Array]) -> Array:
    """|A·s| + |B| + |r| at every place of an operation's result."""
    op = lowered.net.operations[number]
    x = before[op.input]
    residual = np.abs(before[op.finish.residual]) if op.finish.residual >= 0 else 0.0

    def channel(values: Array | None, other: float) -> Array:
        if values is None:
            return np.full((1, 1, 1), other)
        magnitudes: Array = np.abs(values.astype(np.float64)).reshape(-1, 1, 1)
        return magnitudes

    if op.kind == "pool_bits":
        # The pooled sum is one of the window's, whose values of f bound its own.
        number -= 1
        op = lowered.net.operations[number]
        a, b = lowered.affine[number]
        largest = conv_shape(lowered.layers[number])
        k = largest[2] * largest[3] * (largest[1] // largest[10])
        return np.asarray(channel(a, 1.0) * k + channel(b, 0.0))
    if op.kind == "bit_conv":
        a, b = lowered.affine[number]
        s = np.abs(_reference_sums(lowered.layers[number], x)).astype(np.float64)
        return np.asarray(channel(a, 1.0) * s + channel(b, 0.0) + residual)
    if op.kind == "float_conv":
        s = _absolute_sums(op, x)
        return np.asarray(channel(op.finish.a, 1.0) * s + channel(op.finish.b, 0.0) + residual)
    if op.kind == "map":
        return np.asarray(channel(op.finish.a, 1.0) * np.abs(x) + channel(op.finish.b, 0.0) + residual)
    return np.asarray(channel(op.finish.a, 1.0) * np.abs(x).max((2, 3), keepdims=True) + channel(op.finish.b, 0.0))


def _absolute_sums(op: Operation, x: Array) -> Array:
    from .._native._binary_numpy import dense_weights

    s = op.shape
    rows = np.abs(dense_weights(op)).reshape(s[0], s[2], s[3], s[1] // s[10]).transpose(0, 3, 1, 2)
    y = F.conv2d(torch.from_numpy(np.abs(x)), torch.from_numpy(rows.copy()), None, s[4:6], s[6:8], s[8:10], s[10])
    sums: Array = y.double().numpy()
    return sums


def _first_difference_is_a_tie(packed: PackedModel, lowered: Lowered, images: Array, values: dict[str, Tensor]) -> bool:
    """Whether the first sign that differs in a free run differs on a value near zero."""
    stepper: Stepper = packed.engine.begin(images)
    for number, op in enumerate(packed.net.operations):
        before = {v: stepper.read(v) for v in (op.input, op.finish.residual) if v >= 0}
        stepper.step(number)
        bits = op.finish.bits
        if bits < 0 or bits not in lowered.nodes:
            continue
        reference = values[lowered.nodes[bits]].numpy()
        reference = reference.reshape(*reference.shape, *(1,) * (4 - reference.ndim))
        if ((stepper.read(bits) >= 0) != (reference >= 0)).any():
            return _compare_signs(lowered, number, stepper.read(bits), reference, before, values) > 0
    return False
