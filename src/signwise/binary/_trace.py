"""A module as a list of the steps that packing knows, with parameters as float64 arrays."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from ._layers import BiPerConv2d, BiPerLayer, BiPerLinear

Array = npt.NDArray[Any]
LARGEST_K = 1 << 24  # float32 holds every sum up to this exactly


@dataclass(eq=False)
class Step:
    """One node of the trace.

    Attributes:
        name: of the node, for messages and to find its value in a run of the graph.
        kind: input, conv, affine, act, add, pool, pad, flatten, same (does nothing) or output.
        inputs: steps that it reads.
        module: qualified name of the module, or the node's own.
        layer: of a convolution or linear layer.
        scale: of an affine step, float64; of a convolution, α, or None.
        shift: alike; of a convolution, its bias.
        slope: of an act step, what values below zero are multiplied by, or None.
        lo: lower bound of an act step.
        hi: upper bound.
        shape: of a pool as in the packed network's operations; channels before and after for a pad step.
        users: steps that read it, through steps that do nothing.
    """

    name: str
    kind: str
    inputs: tuple[Step, ...] = ()
    module: str = ""
    layer: nn.Module | None = None
    scale: Array | None = None
    shift: Array | None = None
    slope: Array | None = None
    lo: float = -float("inf")
    hi: float = float("inf")
    shape: tuple[int, ...] = ()
    users: list[Step] = field(default_factory=list)

    @property
    def binary_input(self) -> bool:
        """Whether it reads signs only."""
        return isinstance(self.layer, BiPerLayer) and self.layer.act_surrogate is not None


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, qualified_name: str) -> bool:
        return isinstance(m, BiPerLayer) or super().is_leaf_module(m, qualified_name)


def trace(model: nn.Module) -> tuple[list[Step], fx.GraphModule]:
    """The steps of a model in order, and the traced module for runs that keep every value.

    Raises:
        ValueError: the model is in training mode or in stage 1, has parameters that are not finite, or a node that
            packing does not know; the message names it.
    """
    if model.training:
        raise ValueError("the model is in training mode; call model.eval() before packing")
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"{name} is not finite, so the model cannot be packed")
    for name, module in model.named_modules():
        if isinstance(module, BiPerLayer) and int(module.stage) != 2:
            raise ValueError(f"{name or 'the layer'} is in stage 1; call set_stage(model, 2) before packing")
    try:
        tracer = _Tracer()
        graph = tracer.trace(model)
    except (fx.proxy.TraceError, TypeError) as error:
        raise ValueError(
            f"the model's forward cannot be traced, because its course depends on data: {error}"
        ) from error
    traced = fx.GraphModule(tracer.root, graph)
    steps: dict[fx.Node, Step] = {}
    for node in graph.nodes:
        steps[node] = _step(node, traced, steps)
    for step in steps.values():
        for source in step.inputs:
            source.users.append(step)
    return list(steps.values()), traced


def _step(node: fx.Node, traced: fx.GraphModule, steps: dict[fx.Node, Step]) -> Step:
    if node.op == "placeholder":
        if any(step.kind == "input" for step in steps.values()):
            raise ValueError(f"the model takes a second input {node.name!r}; packing knows models of one")
        return Step(name=node.name, kind="input", module="input")
    if node.op == "output":
        (result,) = node.args
        if not isinstance(result, fx.Node):
            raise ValueError("the model returns something else than one tensor")
        return Step(name=node.name, kind="output", inputs=(steps[result],))
    if node.op == "call_module":
        name = str(node.target)
        made = _of_module(node, name, traced.get_submodule(name))
        nodes = [a for a in (*node.args, *node.kwargs.values()) if isinstance(a, fx.Node)]
    elif node.op in ("call_function", "call_method"):
        made, nodes = _of_call(node)
        made.module = node.name
    else:
        raise _unknown(node, f"a {node.op} node")
    made.inputs = tuple(steps[n] for n in nodes)
    return made


def _unknown(node: fx.Node, what: str) -> ValueError:
    return ValueError(
        f"node {node.name!r} is {what}, which packing does not know; it knows Conv2d, Linear, the binary layers, "
        "BatchNorm, Hardtanh, ReLU, PReLU, addition, max and average pooling, zero-padding of channels, flatten, "
        "Identity and Dropout"
    )


def _of_module(node: fx.Node, name: str, m: nn.Module) -> Step:
    step = Step(name=node.name, kind="", module=name)
    match m:
        case nn.Conv2d() | nn.Linear():
            step.kind, step.layer = "conv", m
            _check_layer(node, m)
            step.shift = _array(m.bias)
            if isinstance(m, BiPerLayer):
                step.scale = _array(m.scale())
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            if m.running_mean is None or m.running_var is None:
                raise _unknown(node, "a BatchNorm without running statistics")
            mean, var = _array(m.running_mean), _array(m.running_var)
            gamma = _array(m.weight) if m.affine else np.ones_like(var)
            beta = _array(m.bias) if m.affine else np.zeros_like(var)
            assert gamma is not None
            assert beta is not None
            assert mean is not None
            assert var is not None
            step.kind, step.scale = "affine", gamma / np.sqrt(var + m.eps)
            step.shift = beta - mean * step.scale
        case nn.Hardtanh():  # ReLU6 too
            step.kind, step.lo, step.hi = "act", float(m.min_val), float(m.max_val)
        case nn.ReLU():
            step.kind, step.lo = "act", 0.0
        case nn.PReLU():
            step.kind, step.slope = "act", _array(m.weight)
        case nn.MaxPool2d():
            if m.dilation not in (1, (1, 1)) or m.return_indices:
                raise _unknown(node, "a MaxPool2d with dilation or indices")
            step.kind = "pool"
            step.shape = _pool(0, m.kernel_size, m.stride, m.padding, m.ceil_mode)
        case nn.AvgPool2d():
            step.kind = "pool"
            step.shape = _pool(
                1, m.kernel_size, m.stride, m.padding, m.ceil_mode, m.count_include_pad, m.divisor_override
            )
        case nn.AdaptiveAvgPool2d() | nn.AdaptiveMaxPool2d():
            step.kind, step.shape = "pool", _whole(node, m.output_size, int(isinstance(m, nn.AdaptiveAvgPool2d)))
        case nn.Flatten():
            if m.start_dim != 1 or m.end_dim != -1:
                raise _unknown(node, "a Flatten other than of all axes behind the first")
            step.kind = "flatten"
        case nn.Identity() | nn.Dropout() | nn.Dropout2d():
            step.kind = "same"
        case nn.ZeroPad2d():
            raise _unknown(node, "a ZeroPad2d (give the convolution the padding instead)")
        case _:
            raise _unknown(node, f"a {type(m).__name__}")
    return step


_POOL = ("input", "kernel_size", "stride", "padding")
_CALLS: dict[Callable[..., Any] | str, tuple[str, tuple[str, ...]]] = {
    operator.add: ("add", ("input", "other")),
    operator.iadd: ("add", ("input", "other")),
    torch.add: ("add", ("input", "other", "alpha")),
    "add": ("add", ("input", "other", "alpha")),
    "add_": ("add", ("input", "other", "alpha")),
    F.hardtanh: ("hardtanh", ("input", "min_val", "max_val", "inplace")),
    F.relu: ("relu", ("input", "inplace")),
    torch.relu: ("relu", ("input",)),
    "relu": ("relu", ("input",)),
    F.max_pool2d: ("max_pool", (*_POOL, "dilation", "ceil_mode", "return_indices")),
    F.avg_pool2d: ("avg_pool", (*_POOL, "ceil_mode", "count_include_pad", "divisor_override")),
    F.adaptive_avg_pool2d: ("adaptive", ("input", "output_size")),
    torch.flatten: ("flatten", ("input", "start_dim", "end_dim")),
    "flatten": ("flatten", ("input", "start_dim", "end_dim")),
    F.pad: ("pad", ("input", "pad", "mode", "value")),
    F.dropout: ("same", ("input", "p", "training", "inplace")),
    "contiguous": ("same", ("input",)),
}


def _of_call(node: fx.Node) -> tuple[Step, list[fx.Node]]:
    known = _CALLS.get(node.target)
    if known is None:
        target = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", node.target)
        raise _unknown(node, f"a call of {target}")
    what, names = known
    given: dict[str, Any] = dict(zip(names, node.args, strict=False)) | dict(node.kwargs)
    x = given["input"]
    step, nodes = Step(name=node.name, kind=what), [x]
    match what:
        case "add":
            other = given["other"]
            if not isinstance(x, fx.Node) or not isinstance(other, fx.Node) or given.get("alpha", 1) != 1:
                raise _unknown(node, "an addition of something else than two tensors")
            nodes = [x, other]
        case "hardtanh":
            step.kind = "act"
            step.lo, step.hi = float(given.get("min_val", -1.0)), float(given.get("max_val", 1.0))
        case "relu":
            step.kind, step.lo = "act", 0.0
        case "max_pool":
            if given.get("dilation", 1) not in (1, (1, 1)) or given.get("return_indices", False):
                raise _unknown(node, "a max_pool2d with dilation or indices")
            step.kind = "pool"
            step.shape = _pool(
                0, given["kernel_size"], given.get("stride"), given.get("padding", 0), given.get("ceil_mode", False)
            )
        case "avg_pool":
            step.kind = "pool"
            step.shape = _pool(
                1,
                given["kernel_size"],
                given.get("stride"),
                given.get("padding", 0),
                given.get("ceil_mode", False),
                given.get("count_include_pad", True),
                given.get("divisor_override"),
            )
        case "adaptive":
            step.kind, step.shape = "pool", _whole(node, given["output_size"], 1)
        case "flatten":
            if given.get("start_dim", 0) != 1 or given.get("end_dim", -1) != -1:
                raise _unknown(node, "a flatten other than of all axes behind the first")
        case "pad":
            pad = tuple(given["pad"])
            zero = given.get("mode", "constant") == "constant" and not given.get("value")
            if not zero or len(pad) != 6 or any(pad[:4]) or min(pad) < 0:
                raise _unknown(node, "a pad other than of channels with zeros")
            step.shape = (pad[4], pad[5])
    return step, nodes


def _check_layer(node: fx.Node, layer: nn.Conv2d | nn.Linear) -> None:
    if isinstance(layer, nn.Conv2d) and layer.padding_mode != "zeros":
        raise _unknown(node, f"a convolution with padding mode {layer.padding_mode!r}")
    if isinstance(layer, BiPerLayer) and layer.weight[0].numel() > LARGEST_K:
        raise ValueError(
            f"node {node.name!r} sums {layer.weight[0].numel():,} products; at most {LARGEST_K:,} are exact"
        )


def conv_shape(layer: nn.Module) -> tuple[int, ...]:
    """The shape of a convolution or linear layer as a packed network has it.

    Raises:
        ValueError: ``padding="same"`` that is not the same on both sides.
    """
    if isinstance(layer, nn.Linear):
        return (layer.out_features, layer.in_features, 1, 1, 1, 1, 0, 0, 1, 1, 1)
    assert isinstance(layer, nn.Conv2d)
    reach = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
    if layer.padding == "same":
        if any(r % 2 for r in reach):
            raise ValueError("padding='same' of an even kernel is wider on one side; give the padding in numbers")
        pads = tuple(r // 2 for r in reach)
    else:
        pads = (0, 0) if layer.padding == "valid" else _pair(layer.padding)
    places = (*layer.kernel_size, *layer.stride, *pads, *layer.dilation)
    return (layer.out_channels, layer.in_channels, *places, layer.groups)


def weight_of(layer: nn.Module) -> Array:
    """The weight ``(O, C/g, ky, kx)``: ±1 of a binary layer by its own expression, else float64."""
    with torch.no_grad():
        w = layer.binary_weight() if isinstance(layer, BiPerConv2d | BiPerLinear) else layer.weight
        assert isinstance(w, Tensor)
        array: Array = w.detach().double().cpu().numpy()
    return array if array.ndim == 4 else array[:, :, None, None]


def _pair(value: Any) -> tuple[int, int]:
    return (int(value), int(value)) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _pool(
    kind: int, kernel: Any, stride: Any, pad: Any, ceil: bool, count_padding: bool = False, divisor: int | None = None
) -> tuple[int, ...]:
    size = _pair(kernel)
    return (
        kind,
        *size,
        *(size if stride is None else _pair(stride)),
        *_pair(pad),
        int(ceil),
        int(count_padding),
        divisor or 0,
    )


def _whole(node: fx.Node, output_size: Any, kind: int) -> tuple[int, ...]:
    if output_size not in (1, (1, 1), [1, 1]):
        raise _unknown(node, f"an adaptive pool to {output_size}")
    return (kind, 0, 0, 1, 1, 0, 0, 0, 0, 0)


def _array(value: Tensor | None) -> Array | None:
    if value is None:
        return None
    array: Array = value.detach().double().cpu().numpy().reshape(-1)
    return array
