"""What the training loss and the optimizer need of binary layers: the penalty and the parameter groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ._convert import binary_layers

_NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)


def periodic_penalty(model: nn.Module, tau: float, *, pull: Literal["zero", "peak"] = "zero") -> Tensor:
    """The penalty τ·Σ mean sin²(ωw) over binary layers, to be added to the training loss alone.

    The published sign, ``"zero"``, pulls sin ωw to 0, away from ±1; ``"peak"`` has cos² in place of sin² and pulls
    to ±1. For a surrogate other than ``"biper"`` φ(w) takes the place of the sine.

    Args:
        model: any module.
        tau: the factor τ >= 0; 0 costs nothing.
        pull: ``"zero"`` or ``"peak"``.

    Returns:
        A scalar with a gradient.

    Example:
        >>> import torch
        >>> from signwise.binary import BiPerLinear, periodic_penalty
        >>> layer = BiPerLinear(8, 8, omega=1.0)
        >>> _ = torch.nn.init.constant_(layer.weight, torch.pi / 2)
        >>> round(periodic_penalty(layer, 0.5).item(), 4), round(periodic_penalty(layer, 0.5, pull="peak").item(), 4)
        (0.5, 0.0)
    """
    if pull not in ("zero", "peak"):
        raise ValueError(f"pull must be 'zero' or 'peak', got {pull!r}")
    if tau < 0:
        raise ValueError(f"tau must not be negative, got {tau}; the other sign is pull='peak'")
    layers = [layer for _, layer in binary_layers(model)] if tau else []
    terms = [layer.soft_weight().square().mean() for layer in layers]
    if not terms:
        return torch.zeros(())
    if pull == "peak":
        terms = [1 - term for term in terms]
    return tau * torch.stack(terms).sum()


@dataclass(frozen=True, kw_only=True)
class GroupRule:
    """How one kind of parameter is trained.

    Attributes:
        lr_factor: learning rate over that of :func:`param_groups`.
        weight_decay: decay of the group.
    """

    lr_factor: float = 1.0
    weight_decay: float = 0.0


def param_groups(
    model: nn.Module,
    lr: float,
    *,
    binary: GroupRule | None = None,
    scale: GroupRule | None = None,
    norm: GroupRule | None = None,
    float_: GroupRule | None = None,
) -> list[dict[str, Any]]:
    """Parameter groups for an optimizer: ``binary`` (latents), ``scale`` (α), ``norm`` (normalization), ``float``.

    Decay pulls a latent to w = 0, which is a flip point, so the latents have a decay of their own.

    Args:
        model: its parameters that require gradients are taken, each once.
        lr: the learning rate that factors multiply.
        binary: rule of the latents of binary layers.
        scale: rule of their scales α.
        norm: rule of the parameters of normalization layers.
        float_: rule of all others: float layers, and biases of binary layers.

    Returns:
        Groups with the keys ``name``, ``params``, ``lr`` and ``weight_decay``; empty groups are left out.

    Example:
        >>> import torch
        >>> from signwise.binary import BiPerLinear, GroupRule, param_groups
        >>> net = torch.nn.Sequential(torch.nn.Linear(4, 4), BiPerLinear(4, 4, bias=False))
        >>> groups = param_groups(net, 0.1, binary=GroupRule(lr_factor=10))
        >>> [(g["name"], g["lr"], len(g["params"])) for g in groups]
        [('binary', 1.0, 1), ('scale', 0.1, 1), ('float', 0.1, 2)]
        >>> optimizer = torch.optim.SGD(groups, momentum=0.9)
    """
    kind: dict[int, str] = {}
    for _, layer in binary_layers(model):
        kind[id(layer.weight)] = "binary"
        if layer.alpha is not None:
            kind[id(layer.alpha)] = "scale"
    for module in model.modules():
        if isinstance(module, _NORMS):
            kind |= {id(p): "norm" for p in module.parameters(recurse=False)}
    rules = {"binary": binary, "scale": scale, "norm": norm, "float": float_}
    groups = []
    for name, given in rules.items():
        rule = given or GroupRule()
        params = [p for p in model.parameters() if p.requires_grad and kind.get(id(p), "float") == name]
        if params:
            groups.append(
                {"name": name, "params": params, "lr": lr * rule.lr_factor, "weight_decay": rule.weight_decay}
            )
    return groups
