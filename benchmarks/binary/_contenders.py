"""The same work in torch: float32 in two layouts, bfloat16, int8, compiled; and ours on each tier."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks._runner import Contender
from signwise import _native
from signwise.binary import PackedModel

CHANNELS_LAST = torch.channels_last


def tiers() -> list[str]:
    best = _native.best_isa()
    return [] if best is None else list(_native.ISA_NAMES[: 1 + _native.ISA_NAMES.index(best)])[::-1]


def on_each(call: Callable[[], Any], name: str) -> dict[str, Contender]:
    return {f"{name} {tier}": Contender(call=call, around=partial(_native.force_isa, tier)) for tier in tiers()}


def no_grad(call: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    def run() -> Any:
        with torch.inference_mode():
            return call(*args)

    return run


def floats(model: nn.Module, x: Tensor) -> dict[str, Callable[[], Any]]:
    """A float module in both layouts."""
    import copy

    last = copy.deepcopy(model).to(memory_format=CHANNELS_LAST)
    return {
        "torch fp32": no_grad(model, x),
        "torch fp32 channels_last": no_grad(last, x.contiguous(memory_format=CHANNELS_LAST)),
    }


def compiled(model: nn.Module, x: Tensor) -> Callable[[], Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = torch.compile(model)
        call = no_grad(made, x)
        call()
    return call


def quantized_conv(conv: nn.Conv2d, x: Tensor, scale: float = 1.0) -> Callable[[], Any]:
    """A prepacked int8 convolution of ±1, whose result is left quantized."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weight = torch.quantize_per_tensor(conv.weight.detach(), 1.0, 0, torch.qint8)
        packed = torch.ops.quantized.conv2d_prepack(
            weight, None, list(conv.stride), list(conv.padding), list(conv.dilation), conv.groups
        )
        q = torch.quantize_per_tensor(x, 1.0, 1, torch.quint8).contiguous(memory_format=CHANNELS_LAST)
    return partial(torch.ops.quantized.conv2d.new, q, packed, scale, 128)


class Step:
    """One operation of a packed network on values that are already there."""

    def __init__(self, packed: PackedModel, x: Tensor, first: int, last: int) -> None:
        self.stepper = packed.engine.begin(x.numpy())
        for operation in range(len(packed.net.operations)):
            self.stepper.step(operation)
        self.numbers = range(first, last)
        self.value = packed.net.operations[last - 1].finish

    def __call__(self) -> Step:
        for number in self.numbers:
            self.stepper.step(number)
        return self

    def result(self) -> Tensor:
        """What the operation left."""
        out = self.value.out if self.value.out >= 0 else self.value.bits
        return torch.from_numpy(self.stepper.read(out))
