"""The options of a parameter group: their checks, and what old or foreign state dicts leave out."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, Literal, TypedDict, get_args

import torch
from torch import Tensor

from signwise.convex import L1, Convex

from ._step import Cautious, Decay
from ._vote import Ties, Vote

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

NanPolicy = Literal["count", "raise", "skip"]
Rounding = Literal["auto", "nearest"]
MOMENTUM_DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.int8)


class GroupOptions(TypedDict, total=False):
    """The keyword options that every named form hands on to LionK and that a param group holds."""

    foreach: bool | None
    fused: bool | None
    capturable: bool
    maximize: bool
    momentum_dtype: torch.dtype | None
    rounding: Rounding
    cautious: Cautious | None
    decay: Decay
    nan_policy: NanPolicy
    certify: bool | int
    seed: int


class Options(GroupOptions, total=False):
    """The keyword options that every named form hands on to LionK; those of a vote are not in a checkpoint."""

    process_group: ProcessGroup | None
    vote: Vote
    ties: Ties


# What a group gets that was saved before an option existed, or by lion_pytorch.
FALLBACKS: dict[str, Any] = {
    "weight_decay": 0.0,
    "kappa": L1(),
    "foreach": None,
    "fused": None,
    "capturable": False,
    "maximize": False,
    "momentum_dtype": None,
    "rounding": "auto",
    "cautious": None,
    "decay": "plain",
    "nan_policy": "count",
    "certify": False,
    "seed": 0,
}


def resolve_radius(options: dict[str, Any]) -> None:
    """Replace the option `radius` by weight_decay = 1/radius; both together are an error."""
    radius = options.pop("radius", None)
    if radius is None:
        return
    if options.get("weight_decay"):
        raise ValueError(
            "give weight_decay or radius (weight_decay = 1/radius), not both; "
            f"got weight_decay={options['weight_decay']!r} and radius={radius!r}"
        )
    if not _real(radius, "radius") > 0:
        raise ValueError(f"radius must be positive (inf for no constraint), got {radius!r}")
    options["weight_decay"] = 1.0 / radius


def check_group(group: dict[str, Any]) -> None:
    """Raise an error that says what to do where an option of a group is wrong."""
    lr = group["lr"]
    if isinstance(lr, Tensor):
        if lr.numel() != 1:
            raise ValueError(f"a tensor lr must hold one element, got shape {tuple(lr.shape)}")
        if not group["capturable"]:
            _at_least_zero(lr.item(), "lr")
    else:
        _at_least_zero(lr, "lr")
    _at_least_zero(group["weight_decay"], "weight_decay")
    betas = group["betas"]
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise TypeError(f"betas must be a pair (beta1, beta2), got {betas!r}")
    for name, beta in zip(("beta1", "beta2"), betas, strict=True):
        _real(beta, name)
        if not 0 <= beta < 1:
            raise ValueError(f"{name} must be in [0, 1), got {beta!r}")
    if betas[0] > betas[1]:
        warnings.warn(
            f"beta1 = {betas[0]} is above beta2 = {betas[1]}: steps stay in the constraint set, but nothing "
            "guarantees that the objective falls; use beta1 <= beta2",
            stacklevel=4,
        )
    if not isinstance(group["kappa"], Convex):
        raise TypeError(
            f"kappa must be a signwise.convex function, got {type(group['kappa']).__name__}; "
            "subclass signwise.convex.Convex to write your own"
        )
    _one_of(group["cautious"], "cautious", (None, *get_args(Cautious)))
    _one_of(group["decay"], "decay", get_args(Decay))
    _one_of(group["nan_policy"], "nan_policy", get_args(NanPolicy))
    _one_of(group["rounding"], "rounding", get_args(Rounding))
    _one_of(group["momentum_dtype"], "momentum_dtype", (None, *MOMENTUM_DTYPES))
    certify = group["certify"]
    if not isinstance(certify, int) or certify < 0:
        raise ValueError(f"certify must be True, False or every how many steps, got {certify!r}")
    if certify > 1 and group["capturable"]:
        raise ValueError(
            f"certify={certify} counts steps on the host, which a captured step does not do; use certify=True"
        )
    if not isinstance(group["seed"], int):
        raise TypeError(f"seed must be an int, got {type(group['seed']).__name__}")
    if group["foreach"] and group["fused"]:
        raise ValueError("foreach=True and fused=True exclude each other; leave one of them None")
    if group["capturable"] and group["fused"]:
        raise ValueError("fused=True runs on the CPU and cannot be captured; use foreach=True with capturable=True")
    if group["capturable"] and group["nan_policy"] != "count":
        raise ValueError(
            f"nan_policy={group['nan_policy']!r} has to look at the gradients before it steps, which a captured "
            "step cannot; use nan_policy='count' with capturable=True"
        )


def check_parameter(p: Tensor, group: dict[str, Any], name: str) -> None:
    """Raise where K cannot apply to a parameter, before any step."""
    if not (p.is_floating_point() or p.is_complex()):
        raise TypeError(f"{name} has dtype {p.dtype}; an optimizer needs floating or complex parameters")
    K: Convex = group["kappa"]
    if K.elementwise:
        return
    if any(placement.is_shard() for placement in getattr(p, "placements", ())):
        raise ValueError(
            f"{name} is sharded, and {K!r} couples all of its coordinates; "
            "use a K that is a sum over coordinates, or gather the parameter"
        )
    # A tensor without data shows whether the shape fits.
    try:
        K.subgradient(real(p).to("meta"))
    except (ValueError, TypeError) as error:
        error.add_note(f"raised for {name} of shape {tuple(p.shape)} under kappa={K!r}")
        raise
    except (NotImplementedError, RuntimeError):
        return  # K looks at values; the first step will tell


def check_product(eta: float, weight_decay: float) -> None:
    """Raise unless ηλ ≤ 1, beyond which decay overshoots zero."""
    if not eta * weight_decay <= 1:
        raise ValueError(
            f"lr * weight_decay must be at most 1, got {eta:g} * {weight_decay:g} = {eta * weight_decay:g}; "
            "lower lr, or raise the radius (1/weight_decay)"
        )


def real(x: Tensor) -> Tensor:
    """A complex tensor as pairs of real numbers in a new last dimension; others as they are."""
    return torch.view_as_real(x) if x.is_complex() else x


def _at_least_zero(value: object, name: str) -> None:
    number = _real(value, name)
    if not number >= 0 or math.isinf(number):
        raise ValueError(f"{name} must be a finite number of at least 0, got {value!r}")


def _real(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    return float(value)


def _one_of(value: object, name: str, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}; got {value!r}")
