"""One call from a trained module to a packed network, and the proof that they are the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn

from ._convert import binary_layers
from ._format import InputSpec, LayerInfo
from ._layers import BiPerLayer
from ._lower import Lowered, Lowering, Stem
from ._packed import PackedModel
from ._trace import Step, trace
from ._verify import VerifyReport, check, check_weights


def pack(
    model: nn.Module, example_inputs: Tensor | None = None, verify: bool = True, stem: Stem = "float32"
) -> PackedModel:
    """Pack a trained module: binary layers as bits, with batch norms as integer thresholds, in one C++ graph.

    Weights become bits by the layer's own float32 expression. Scale, bias and batch norm are folded in float64 and
    rounded once to f(s) = fl(fl(A·s) + B); where only the sign of the result is used, it becomes a comparison of the
    integer s. Float layers fold their batch norms likewise.

    Args:
        model: in evaluation mode and stage 2; its forward must be traceable by ``torch.fx``.
        example_inputs: a batch to verify with, and for ``"int8"`` to take the range of inputs from.
        verify: run :func:`verify` with the example; without one, only the weight bits are compared.
        stem: arithmetic of the float convolutions: ``"float32"``; ``"int8"`` (inputs and weights on 255 levels, exact
            integer sums), faster and changes the logits; or ``"bfloat16"`` (weights alone, half the bytes, no
            faster).

    Returns:
        The packed network.

    Raises:
        ValueError: training mode, stage 1, values that are not finite, or something that packing does not know; the
            message names the node.
        VerificationError: the packed network is not what the module computes.

    Example:
        >>> import torch
        >>> from signwise.binary import BiPerConv2d, pack
        >>> net = torch.nn.Sequential(
        ...     torch.nn.Conv2d(3, 32, 3), torch.nn.BatchNorm2d(32), BiPerConv2d(32, 64, 3, padding=1)
        ... ).eval()
        >>> x = torch.randn(2, 3, 12, 12)
        >>> pack(net, x)(x).shape
        torch.Size([2, 64, 10, 10])
    """
    steps, traced = trace(model)
    lowered = lower(steps, traced, example_inputs, stem)
    packed = assemble(model, lowered, example_inputs)
    if verify and example_inputs is not None:
        check(packed, lowered, traced, example_inputs)
    elif verify:
        check_weights(lowered)
    return packed


def verify(packed: PackedModel, model: nn.Module, example_inputs: Tensor, stem: Stem = "float32") -> VerifyReport:
    """Compare a packed network with the module that it came from, layer by layer.

    Every operation gets the signs of the module's own run, so that one difference does not spread:

    1. weight bits are equal;
    2. every integer sum equals the module's convolution of ±1 before its scale;
    3. signs are equal, except where the module's value is within 2⁻²⁰(\\|A·s\\| + \\|B\\| + \\|r\\|) of zero, r the
       residual; these are counted;
    4. run freely, logits agree within 1e-5 of the largest; where signs of values near zero fall differently, as
       counted in 3 or met in the free run, the difference is reported in place of this.

    With a reduced stem, signs that come out of it are not compared, and agreement of the largest logit and the largest
    change are reported in place of 4.

    Args:
        packed: the packed network.
        model: in evaluation mode.
        example_inputs: a batch.
        stem: what it was packed with.

    Returns:
        What was compared and found.

    Raises:
        VerificationError: a difference, with layer and place.
        ValueError: the two are not the same network.
    """
    steps, traced = trace(model)
    lowered = lower(steps, traced, example_inputs, stem)
    if [op.kind for op in lowered.net.operations] != [op.kind for op in packed.net.operations]:
        raise ValueError("the packed network has other operations than this model gives")
    return check(packed, lowered, traced, example_inputs)


def lower(steps: list[Step], traced: fx.GraphModule, example: Tensor | None, stem: Stem) -> Lowered:
    """The operations of a traced model."""
    if stem not in ("float32", "bfloat16", "int8"):
        raise ValueError(f"stem must be 'float32', 'bfloat16' or 'int8', got {stem!r}")
    ranges: Mapping[str, float] = {}
    if stem == "int8":
        if example is None:
            raise ValueError("stem='int8' takes the range of inputs from example_inputs; give a batch")
        ranges = _Ranges(traced).measure(example, steps)
    return Lowering(stem=stem, ranges=ranges).lower(steps)


def assemble(model: nn.Module, lowered: Lowered, example: Tensor | None) -> PackedModel:
    """The packed network of lowered operations."""
    size = None if example is None or lowered.input_flat else (int(example.shape[2]), int(example.shape[3]))
    spec = InputSpec(channels=lowered.net.values[0][1], flat=lowered.input_flat, flat_output=lowered.flat, size=size)
    layers = tuple(
        LayerInfo(
            name=name,
            omega=float(layer.omega),
            weight_surrogate=layer.weight_surrogate,
            weights=layer.weight.numel(),
        )
        for name, layer in binary_layers(model)
    )
    return PackedModel(net=lowered.net, names=tuple(lowered.names), input=spec, layers=layers)


class _Ranges(fx.Interpreter):
    """Runs a model and keeps the largest absolute input of each float convolution."""

    def measure(self, example: Tensor, steps: list[Step]) -> dict[str, float]:
        self.wanted = {
            step.name for step in steps if isinstance(step.layer, nn.Conv2d) and not isinstance(step.layer, BiPerLayer)
        }
        self.found: dict[str, float] = {}
        with torch.no_grad():
            self.run(example)
        return self.found

    def run_node(self, n: fx.Node) -> Any:
        if n.name in self.wanted:
            (x,) = (self.env[a] for a in n.args if isinstance(a, fx.Node))
            self.found[n.name] = float(x.abs().max())
        return super().run_node(n)
