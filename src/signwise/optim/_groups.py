"""Which parameters a constraint is for."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatch
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

_NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def split_parameters(model: nn.Module, *, unconstrained: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Two param groups of a model: its weights, and with weight_decay 0 its biases and norm gains.

    A radius of 1/λ caps the gains of norm layers, which start at 1, and biases, which have no scale in common with
    weights. Every parameter of at most one dimension, every parameter of a norm layer and every parameter
    named "bias" goes to the second group. Parameters that need no gradient are left out.

    Args:
        model: a module.
        unconstrained: patterns of names (as in :mod:`fnmatch`) that also go to the second group.

    Returns:
        Groups of named parameters for an optimizer; an empty one is left out.

    Raises:
        ValueError: a pattern matches no parameter.

    Example:
        >>> import torch
        >>> from signwise.optim import Lion, split_parameters
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2))
        >>> optimizer = Lion(split_parameters(model), lr=1e-3, radius=1.0)
        >>> [(group["param_names"], group["weight_decay"]) for group in optimizer.param_groups]
        [(['0.weight'], 1.0), (['0.bias', '1.weight', '1.bias'], 0.0)]
    """
    patterns = tuple(unconstrained)
    in_norms = {
        id(p) for module in model.modules() if isinstance(module, _NORMS) for p in module.parameters(recurse=False)
    }
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name, _ in named):
            raise ValueError(
                f"no trainable parameter matches {pattern!r}; their names are: {', '.join(name for name, _ in named)}"
            )
    free = [
        p.ndim < 2
        or id(p) in in_norms
        or name.rpartition(".")[2] == "bias"
        or any(fnmatch(name, pattern) for pattern in patterns)
        for name, p in named
    ]
    groups: list[dict[str, Any]] = [
        {"params": [item for item, other in zip(named, free, strict=True) if not other]},
        {"params": [item for item, other in zip(named, free, strict=True) if other], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
