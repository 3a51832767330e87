"""From the steps of a traced model to the operations of a packed network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from torch import nn

from .._native._binary import Finish, Net, Operation, to_bfloat16
from . import _fold
from ._layers import BiPerLayer
from ._trace import Step, conv_shape, weight_of

Array = npt.NDArray[Any]
Stem = Literal["float32", "bfloat16", "int8"]
INFINITY = float("inf")


@dataclass(eq=False)
class Lowered:
    """A packed network and where its parts come from.

    Attributes:
        net: the network.
        names: of each operation, the module or node whose work it ends with.
        nodes: for a value, the node of the trace that has the same content; values between have none.
        layers: for an operation, its convolution or linear layer.
        affine: for an operation on integers, its folded float32 scale and shift, also where only thresholds are kept.
        flat: whether the result is ``(n, channels)``.
        input_flat: whether the input is.
        reduced: operations whose arithmetic is narrower than that of the model.
    """

    net: Net
    names: list[str]
    nodes: dict[int, str]
    layers: dict[int, nn.Module]
    affine: dict[int, tuple[Array, Array]]
    flat: bool
    input_flat: bool
    reduced: set[int]


@dataclass(eq=False)
class _Chain:
    """An operation that is not emitted yet, because what follows may still become part of its finish."""

    step: Step  # the last one it holds
    head: Step | None  # convolution or float pool; None for an elementwise operation
    source: Step  # what it reads
    channels: int
    scale: Array
    shift: Array
    has_affine: bool = False
    pool: tuple[int, ...] | None = None  # a maximum that follows the sums of signs
    pool_is_max: Array | None = None
    residual: Step | None = None
    slope: Array | None = None
    lo: float = -INFINITY
    hi: float = INFINITY

    @property
    def of_signs(self) -> bool:
        return self.head is not None and self.head.binary_input

    @property
    def bare(self) -> bool:
        """Whether nothing but scale and shift has been done to the sums."""
        acted = self.slope is not None or self.lo > -INFINITY or self.hi < INFINITY
        return self.residual is None and not acted


@dataclass(eq=False)
class _Value:
    channels: int
    out: int = -1
    bits: int = -1


@dataclass(eq=False)
class Lowering:
    """The state of lowering one model.

    Args:
        stem: arithmetic of float convolutions; linear layers stay float32.
        ranges: for ``"int8"``, largest absolute input of each float convolution by the name of its step.
    """

    stem: Stem = "float32"
    ranges: Mapping[str, float] = field(default_factory=dict)
    values: list[tuple[bool, int]] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    nodes: dict[int, str] = field(default_factory=dict)
    layers: dict[int, nn.Module] = field(default_factory=dict)
    affine: dict[int, tuple[Array, Array]] = field(default_factory=dict)
    reduced: set[int] = field(default_factory=set)
    chains: dict[Step, _Chain] = field(default_factory=dict)
    done: dict[Step, _Value] = field(default_factory=dict)
    small: set[Step] = field(default_factory=set)  # steps whose image is one pixel
    never_negative: set[Step] = field(default_factory=set)

    def lower(self, steps: list[Step]) -> Lowered:
        """The network of these steps.

        Raises:
            ValueError: something in the model cannot be packed; the message names the node.
        """
        flat, input_flat = False, False
        for step in steps:
            if step.kind == "input":
                input_flat = self._input(step)
            elif step.kind == "output":
                (source,) = step.inputs
                value = self._value(source)
                output = value.out
                flat = self._root(source) in self.small and self._is_flat(source)
            else:
                self._add(step)
        net = Net(values=tuple(self.values), operations=tuple(self.operations), output=output)
        return Lowered(
            net=net,
            names=self.names,
            nodes=self.nodes,
            layers=self.layers,
            affine=self.affine,
            flat=flat,
            input_flat=input_flat,
            reduced=self.reduced,
        )

    def _input(self, step: Step) -> bool:
        first = next((user for user in self._users(step) if user.kind != "same"), None)
        while first is not None and first.layer is None:
            first = next(iter(self._users(first)), None)
        if first is None or first.layer is None:
            raise ValueError("the model has no convolution or linear layer to read the number of channels from")
        shape = conv_shape(first.layer)
        linear = isinstance(first.layer, nn.Linear)
        path_flattens = any(user.kind == "flatten" for user in self._users(step))
        if linear and path_flattens:
            raise ValueError("the model flattens its input before any layer; pass flat input and drop the flatten")
        self.done[step] = _Value(channels=shape[1], out=self._new(False, shape[1], step.name))
        if linear:
            self.small.add(step)
        return linear

    # Where a step's content comes from, past steps that change nothing.
    def _root(self, step: Step) -> Step:
        while step.kind == "same" or (step.kind == "flatten" and self._root(step.inputs[0]) in self.small):
            step = step.inputs[0]
        return step

    def _users(self, step: Step) -> list[Step]:
        found: list[Step] = []
        for user in step.users:
            same = user.kind == "same" or (user.kind == "flatten" and step in self.small)
            if same and step in self.small:
                self.small.add(user)
            found += self._users(user) if same else [user]
        return found

    def _is_flat(self, step: Step) -> bool:
        """Whether a tensor of one pixel an image has lost its last axes."""
        while step.kind in ("same", "act", "affine", "add"):
            step = step.inputs[0]
        return step.kind == "flatten" or isinstance(step.layer, nn.Linear) or step.kind == "input"

    def _add(self, step: Step) -> None:
        if step.kind == "same":
            return
        sources = [self._root(source) for source in step.inputs]
        if step.kind == "flatten" and sources[0] in self.small:
            return
        if all(source in self.small for source in sources) and step.kind != "pad":
            self.small.add(step)
        if step.kind == "pool" and step.shape[1] == 0:
            self.small.add(step)
        if step.kind in ("pool", "flatten") and sources[0] in self.never_negative:
            self.never_negative.add(step)
        if step.kind == "conv":
            self._conv(step, sources[0])
        elif step.kind == "add":
            self._sum(step, sources)
        elif step.kind == "pool":
            self._pool(step, sources[0])
        elif step.kind == "pad":
            self._pad(step, sources[0])
        elif step.kind == "flatten":
            self._flatten(step, sources[0])
        else:
            self._elementwise(step, sources[0])

    def _conv(self, step: Step, source: Step) -> None:
        if step.binary_input and source in self.never_negative:
            raise ValueError(
                f"{step.module!r} binarizes the result of {source.module!r}, which is never negative, so that all its "
                "inputs are +1; use Hardtanh in its place"
            )
        channels = conv_shape(step.layer)[0] if step.layer is not None else 0
        scale = np.ones(channels) if step.scale is None else step.scale
        shift = np.zeros(channels) if step.shift is None else step.shift
        affine = step.scale is not None or step.shift is not None
        if isinstance(step.layer, nn.Linear):
            self.small.add(step)
        chain = _Chain(step, step, source, channels, np.broadcast_to(scale, channels).copy(), shift, affine)
        self.chains[step] = chain

    def _open(self, source: Step) -> _Chain | None:
        """The chain that ends with a step, if its value has no other reader than the step that asks."""
        chain = self.chains.get(source)
        return chain if chain is not None and len(self._users(source)) == 1 else None

    def _extend(self, chain: _Chain, step: Step) -> None:
        del self.chains[chain.step]
        chain.step = step
        self.chains[step] = chain

    def _elementwise(self, step: Step, source: Step) -> None:
        chain = self._open(source)
        if chain is not None and step.kind == "affine" and not chain.bare:
            chain = None
        if chain is not None and step.kind == "act" and (chain.slope is not None or chain.hi < INFINITY):
            chain = None
        if chain is not None and step.kind == "act" and chain.lo > -INFINITY:
            chain = None
        if chain is None:
            channels = self._value(source).channels
            chain = _Chain(step, None, source, channels, np.ones(channels), np.zeros(channels))
            self.chains[step] = chain
        else:
            self._extend(chain, step)
        if step.kind == "affine":
            assert step.scale is not None
            assert step.shift is not None
            chain.scale = chain.scale * step.scale
            chain.shift = chain.shift * step.scale + step.shift
            chain.has_affine = True
            return
        if step.slope is not None:
            chain.slope = np.broadcast_to(step.slope, chain.channels).copy()
        chain.lo, chain.hi = step.lo, step.hi
        if step.lo >= 0:
            self.never_negative.add(step)

    def _sum(self, step: Step, sources: list[Step]) -> None:
        ready = [(source, self._open(source)) for source in sources]
        fitting = [s for s, chain in ready if chain is not None and chain.bare and chain.pool is None]
        if sources[0] is sources[1]:
            fitting = []
        fitting.sort(key=lambda s: not self.chains[s].of_signs)
        if fitting:
            chain = self.chains[fitting[0]]
            other = sources[1] if sources[0] is fitting[0] else sources[0]
            self._value(other)
            self._extend(chain, step)
        else:
            other = sources[1]
            channels = self._value(sources[0]).channels
            self._value(other)
            chain = _Chain(step, None, sources[0], channels, np.ones(channels), np.zeros(channels))
            self.chains[step] = chain
        if self._value(other).channels != chain.channels:
            raise ValueError(f"node {step.name!r} adds tensors of different channels, which packing does not know")
        chain.residual = other

    def _pool(self, step: Step, source: Step) -> None:
        chain = self._open(source)
        if chain is not None and step.shape[0] == 0 and chain.of_signs and chain.bare and chain.pool is None:
            self._extend(chain, step)
            chain.pool, chain.pool_is_max = step.shape, chain.scale >= 0
            return
        channels = self._value(source).channels
        self.chains[step] = _Chain(step, step, source, channels, np.ones(channels), np.zeros(channels))

    def _pad(self, step: Step, source: Step) -> None:
        value = self._value(source)
        total = value.channels + sum(step.shape)
        out = self._new(False, total, step.name)
        self.done[step] = _Value(channels=total, out=out)
        self._emit(
            Operation(kind="pad_channels", input=value.out, shape=(step.shape[0],), finish=Finish(out=out)), step.module
        )

    def _flatten(self, step: Step, source: Step) -> None:
        value = self._value(source)
        reader = next((u for u in self._users(step) if isinstance(u.layer, nn.Linear)), None)
        if reader is None:
            raise ValueError(f"node {step.name!r} flattens images and no linear layer reads the result")
        features = conv_shape(reader.layer)[1]  # type: ignore[arg-type]
        out = self._new(False, features, step.name)
        self.small.add(step)
        self.done[step] = _Value(channels=features, out=out)
        self._emit(Operation(kind="flatten", input=value.out, finish=Finish(out=out)), step.module)

    def _new(self, bits: bool, channels: int, node: str | None) -> int:
        self.values.append((bits, channels))
        if node is not None:
            self.nodes[len(self.values) - 1] = node
        return len(self.values) - 1

    def _emit(self, operation: Operation, name: str) -> None:
        self.operations.append(operation)
        self.names.append(name)

    def _value(self, step: Step) -> _Value:
        """The value of a step, computed by then."""
        step = self._root(step)
        if step not in self.done:
            self._finish(self.chains.pop(step))
        return self.done[step]

    def _bits(self, step: Step) -> int:
        value = self._value(step)
        if value.bits < 0:
            value.bits = self._new(True, value.channels, self._root(step).name)
            self._emit(Operation(kind="map", input=value.out, finish=Finish(bits=value.bits)), self._root(step).module)
        return value.bits

    def _finish(self, chain: _Chain) -> None:
        users = self._users(chain.step)
        needs_bits = any(user.binary_input for user in users)
        needs_floats = any(not user.binary_input for user in users)
        value = _Value(channels=chain.channels)
        self.done[chain.step] = value
        source = self._bits(chain.source) if chain.of_signs else self._value(chain.source).out
        # Numbers of values first, so that operations can name them.
        if needs_floats:
            value.out = self._new(False, chain.channels, chain.step.name)
        if needs_bits:
            value.bits = self._new(True, chain.channels, chain.step.name)
        a, b = chain.scale.astype(np.float32), chain.shift.astype(np.float32)
        end = Finish(
            a=a if chain.has_affine else None,
            b=b if chain.has_affine else None,
            slope=None if chain.slope is None else chain.slope.astype(np.float32),
            lo=chain.lo,
            hi=chain.hi,
            residual=-1 if chain.residual is None else self._value(chain.residual).out,
            out=value.out,
            bits=value.bits,
        )
        name, head = (chain.head or chain.step).module, chain.head
        if head is None:
            self._emit(Operation(kind="map", input=source, finish=end), name)
        elif head.kind == "pool":
            self._emit(Operation(kind="pool", input=source, shape=head.shape, finish=end), name)
        elif chain.of_signs:
            self._signs(chain, head, source, end)
        else:
            self._floats(chain, head, source, end)

    def _signs(self, chain: _Chain, head: Step, source: int, end: Finish) -> None:
        assert head.layer is not None
        shape = conv_shape(head.layer)
        weights = _fold.pack_rows(weight_of(head.layer))
        a, b = chain.scale.astype(np.float32), chain.shift.astype(np.float32)
        number = len(self.operations)
        self.layers[number], self.affine[number] = head.layer, (a, b)
        k = shape[2] * shape[3] * (shape[1] // shape[10])
        sign_only = end.out < 0 and end.residual < 0 and end.slope is None and end.lo < 0 <= end.hi
        if sign_only:
            threshold, flip = _fold.thresholds(a, b, k)
            between = end.bits if chain.pool is None else self._new(True, chain.channels, None)
            finish = Finish(threshold=threshold, flip=flip, bits=between)
            self._emit(
                Operation(kind="bit_conv", input=source, shape=shape, weights=weights, finish=finish), head.module
            )
            if chain.pool is not None:
                assert chain.pool_is_max is not None
                any_ = (chain.pool_is_max ^ flip.astype(bool)).astype(np.uint8)
                self._emit(
                    Operation(
                        kind="pool_bits", input=between, shape=chain.pool, any=any_, finish=Finish(bits=end.bits)
                    ),
                    chain.step.module,
                )
            return
        if chain.pool is None:
            self._emit(Operation(kind="bit_conv", input=source, shape=shape, weights=weights, finish=end), head.module)
            return
        # The finish is monotone in the sums, so the pool of the sums is a pool of what comes of them.
        assert chain.pool_is_max is not None
        between = self._new(False, chain.channels, None)
        finish = Finish(a=end.a, b=end.b, out=between)
        self._emit(Operation(kind="bit_conv", input=source, shape=shape, weights=weights, finish=finish), head.module)
        sign = np.where(chain.pool_is_max == (a >= 0), 1, -1).astype(np.float32)
        self._emit(
            Operation(kind="pool", input=between, shape=chain.pool, sign=sign, finish=replace(end, a=None, b=None)),
            chain.step.module,
        )

    def _floats(self, chain: _Chain, head: Step, source: int, end: Finish) -> None:
        assert head.layer is not None
        shape = conv_shape(head.layer)
        weight = weight_of(head.layer)
        number = len(self.operations)
        self.layers[number] = head.layer
        if isinstance(head.layer, BiPerLayer):  # binary weights, float activations: packed in the file, run as floats
            weights = _fold.pack_rows(weight)
            self._emit(
                Operation(kind="float_conv", input=source, shape=shape, weights=weights, finish=end), head.module
            )
            return
        folded = weight.transpose(0, 2, 3, 1).reshape(len(weight), -1) * chain.scale[:, None]
        shift = chain.shift.astype(np.float32) if chain.has_affine else None
        narrow = self.stem != "float32" and isinstance(head.layer, nn.Conv2d)
        if narrow and self.stem == "int8":
            self.reduced.add(number)
            largest = self.ranges[head.name]
            scale = np.float32(max(largest, 1e-12) / 127)
            steps = np.maximum(np.abs(folded).max(1), 1e-30) / 127
            levels = np.rint(folded / steps[:, None]).astype(np.int8)
            a = (steps * float(scale)).astype(np.float32)
            b = np.zeros(len(a), np.float32) if shift is None else shift
            finish = replace(end, a=a, b=b)
            self._emit(
                Operation(
                    kind="byte_conv",
                    input=source,
                    shape=shape,
                    weights=np.ascontiguousarray(levels),
                    scale=float(scale),
                    finish=finish,
                ),
                head.module,
            )
            return
        rows = np.ascontiguousarray(folded.astype(np.float32))
        if narrow:
            self.reduced.add(number)
            rows = to_bfloat16(rows)
        self._emit(
            Operation(kind="float_conv", input=source, shape=shape, weights=rows, finish=replace(end, a=None, b=shift)),
            head.module,
        )
