"""The step of a list of tensors as one graph of ``torch.compile``: what ``fused`` means off the CPU."""

from __future__ import annotations

import warnings
from dataclasses import replace
from importlib.util import find_spec
from types import FunctionType
from typing import Any

import torch
from torch import Tensor

from ._state import Slot
from ._step import Rule, foreach_step_

# Where it is used, and the backend; tests run it on the CPU.
DEVICES = {"cuda"}
BACKEND: Any = "inductor"


def compile_obstacle(rule: Rule, group: dict[str, Any]) -> str | None:
    """Why the options of a group rule out a compiled step, or None."""
    if not rule.kappa.elementwise:
        return f"only a K that is a sum over coordinates is compiled, not {rule.kappa!r}"
    if group["certify"] == 1:
        return "a compiled step keeps no certificate sums"
    if group["capturable"]:
        return "a captured step is compiled with what captures it"
    if BACKEND == "inductor" and "cuda" in DEVICES and find_spec("triton") is None:
        return "torch.compile needs triton on CUDA"
    return None


def compiled_device(x: Tensor) -> bool:
    """Whether a tensor lies where steps are compiled."""
    return x.device.type in DEVICES


class CompiledGroup:
    """The compiled steps of a group, by device and dtype.

    η and 1 − ηλ are tensors of the graph, so schedules of both compile nothing anew. The list of shapes, β₁, β₂
    and K are constants of it. The first step compiles, which takes seconds to minutes.
    """

    def __init__(self) -> None:
        self._steps: dict[Any, Any] = {}
        self._numbers: dict[torch.device, tuple[Tensor, Tensor]] = {}
        self._failed = False

    def step_(self, xs: list[Tensor], gs: list[Tensor], ms: list[Tensor], rule: Rule, group: dict[str, Any]) -> bool:
        """Step tensors of one device and dtype; False if that is not wanted or not possible, and nothing is done.

        Raises:
            RuntimeError: the group has ``fused=True`` and the graph does not compile.
        """
        if group["fused"] is False or (group["fused"] is None and group["foreach"]) or self._failed:
            return False
        if not compiled_device(xs[0]) or compile_obstacle(rule, group) is not None:
            return False
        device = xs[0].device
        if device not in self._numbers:
            eta, factor = torch.zeros(2, dtype=torch.float64, device=device)
            self._numbers[device] = eta, factor
        eta, factor = self._numbers[device]
        eta.fill_(rule.eta)
        factor.fill_(rule.factor)
        # Of λ the graph only knows whether there is one.
        fixed = replace(rule, eta=0.0, weight_decay=float(rule.weight_decay != 0))
        key = device, xs[0].dtype, fixed
        try:
            if key not in self._steps:
                self._steps[key] = compiled(fixed)
            self._steps[key](xs, gs, ms, eta, factor)
        except Exception as error:
            # Of the compiler: nothing has run yet.
            if group["fused"]:
                raise RuntimeError("fused=True is not possible: the step does not compile; use fused=None") from error
            self._failed = True
            warnings.warn(
                f"the step does not compile ({type(error).__name__}), so that foreach operations take it; "
                "fused=True shows the error",
                RuntimeWarning,
                stacklevel=6,
            )
            return False
        return True


def compiled(rule: Rule) -> Any:
    """``step(xs, gs, ms, eta, factor)`` as a graph of :func:`foreach_step_`, its η and 1 − ηλ given as tensors."""

    def step(xs: list[Tensor], gs: list[Tensor], ms: list[Tensor], eta: Tensor, factor: Tensor) -> None:
        foreach_step_(xs, gs, ms, rule, eta=eta, factor=factor)

    # Graphs are counted, and limited, by code object: this one has its own.
    alone = FunctionType(step.__code__.replace(), step.__globals__, step.__name__, None, step.__closure__)
    return torch.compile(alone, fullgraph=True, dynamic=False, backend=BACKEND)


def takes(slot: Slot, rule: Rule, group: dict[str, Any]) -> bool:
    """Whether a slot is stepped by a graph rather than by the native kernel."""
    return compiled_device(slot.x) and compile_obstacle(rule, group) is None
