"""Float networks to binary ones, and the settings of all binary layers of a network at once."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Iterator
from typing import Any, TypeVar

import torch
from torch import nn

from ._layers import Alpha, BiPerConv2d, BiPerLayer, BiPerLinear, PerLayer
from ._surrogates import Stage

Module = TypeVar("Module", bound=nn.Module)


def binary_layers(model: nn.Module) -> Iterator[tuple[str, BiPerLayer]]:
    """Name and layer of every :class:`BiPerConv2d` and :class:`BiPerLinear` in a model, in order of definition.

    Example:
        >>> from torch import nn
        >>> from signwise.binary import BiPerLinear, binary_layers
        >>> [name for name, _ in binary_layers(nn.Sequential(nn.Linear(2, 2), BiPerLinear(2, 2)))]
        ['1']
    """
    for name, module in model.named_modules():
        if isinstance(module, BiPerLayer):
            yield name, module


def binarize(
    model: nn.Module,
    *,
    skip_first: bool = True,
    skip_last: bool = True,
    weight_surrogate: str = "biper",
    act_surrogate: str | None = "bireal",
    omega: float | PerLayer = 20.0,
    stage: Stage = 2,
    alpha: Alpha = "learned",
) -> nn.Module:
    """A copy of a model whose convolutions and linear layers are binary and whose ReLU are hardtanh.

    A ReLU in front of a binary layer would make all its inputs +1, so every ``nn.ReLU`` and ``nn.ReLU6`` becomes
    ``nn.Hardtanh``. Functional calls in a ``forward`` are not seen; replace those by modules first.

    Args:
        model: any module; it is not changed.
        skip_first: leave the first convolution or linear layer, in order of definition, in float.
        skip_last: leave the last one in float.
        weight_surrogate: and the following, as of :class:`BiPerConv2d`.
        act_surrogate: a registered surrogate, or None for float activations.
        omega: the frequency, or :class:`PerLayer`.
        stage: 1 or 2.
        alpha: ``"learned"``, ``"mean_abs"`` or ``"none"``.

    Returns:
        The copy.

    Raises:
        ValueError: no layer is left to binarize, or one has a padding mode other than zeros.

    Warns:
        UserWarning: weights of a layer lie past the second flip, ``|w| >= π/ω``, so that the signs of trained weights
            are not kept; train from scratch, or lower ``omega``.

    Example:
        >>> from torch import nn
        >>> from signwise.binary import binarize
        >>> net = nn.Sequential(nn.Linear(9, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> [type(layer).__name__ for layer in binarize(net, omega=5.0)]
        ['Linear', 'Hardtanh', 'BiPerLinear', 'Hardtanh', 'Linear']
    """
    made = copy.deepcopy(model)
    named = [name for name, m in made.named_modules() if type(m) in (nn.Conv2d, nn.Linear)]
    first, last = int(skip_first), len(named) - int(skip_last)
    chosen = named[first:last]
    if not chosen:
        raise ValueError(
            f"the model has {len(named)} convolutions and linear layers, and none is left to binarize with "
            f"skip_first={skip_first}, skip_last={skip_last}"
        )
    options: dict[str, Any] = {
        "weight_surrogate": weight_surrogate,
        "act_surrogate": act_surrogate,
        "omega": omega,
        "stage": stage,
        "alpha": alpha,
    }
    past = []
    for name in chosen:
        layer = made.get_submodule(name)
        new: BiPerConv2d | BiPerLinear
        if isinstance(layer, nn.Conv2d):
            new = BiPerConv2d.from_float(layer, **options)
        else:
            assert isinstance(layer, nn.Linear)
            new = BiPerLinear.from_float(layer, **options)
        share = float((new.weight.detach().abs() >= math.pi / new.omega.item()).float().mean())
        if weight_surrogate == "biper" and share > 0:
            past.append(f"{name or 'the layer'} {100 * share:.1f} %")
        made = _replaced(made, name, new)
    for name, module in list(made.named_modules()):
        if type(module) in (nn.ReLU, nn.ReLU6):
            made = _replaced(made, name, nn.Hardtanh())
    if past:
        warnings.warn(
            f"weights lie past the second flip (|w| >= pi/omega) and change sign: {', '.join(past)}; "
            "train from scratch, or lower omega",
            UserWarning,
            stacklevel=2,
        )
    return made


def _replaced(model: nn.Module, name: str, new: nn.Module) -> nn.Module:
    if not name:
        return new
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, new)
    return model


def set_stage(model: Module, stage: Stage) -> Module:
    """Set the stage of every binary layer: 1 for soft weights sin ωw, 2 for their signs. Latents stay as they are.

    Args:
        model: changed in place.
        stage: 1 or 2.

    Returns:
        The model.

    Example:
        >>> from torch import nn
        >>> from signwise.binary import BiPerLinear, set_stage
        >>> set_stage(nn.Sequential(BiPerLinear(2, 2)), 1)[0].stage
        tensor(1, dtype=torch.uint8)
    """
    with torch.no_grad():
        for _, layer in binary_layers(model):
            layer.put_stage(stage)
    return model


def set_omega(model: Module, omega: float | PerLayer) -> Module:
    """Set the frequency of every binary layer.

    Args:
        model: changed in place.
        omega: one frequency for all, or :class:`PerLayer`, which looks at each layer's present latents.

    Returns:
        The model.

    Example:
        >>> from torch import nn
        >>> from signwise.binary import BiPerLinear, set_omega
        >>> set_omega(nn.Sequential(BiPerLinear(2, 2)), 12.0)[0].omega
        tensor(12.)
    """
    with torch.no_grad():
        for _, layer in binary_layers(model):
            layer.put_omega(omega)
    return model
