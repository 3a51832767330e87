"""Optimizers that step copies of the same weights with fixed gradients."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from lion_pytorch import Lion
from lion_pytorch.foreach import Lion as ForeachLion
from torch import Tensor
from torch.nn import Parameter

from signwise._native import _optim
from signwise._native._optim import FusedPlan
from signwise.optim import LionK

RATES = dict(lr=1e-4, beta1=0.9, beta2=0.99, weight_decay=0.1)
Step = Callable[[], list[Tensor] | None]


def values(shapes: Sequence[tuple[int, ...]], seed: int) -> list[Tensor]:
    """Normal tensors; the gradients have no zero."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in shapes]


def signwise(
    weights: Sequence[Tensor],
    gradients: Sequence[Tensor],
    momentum: torch.dtype = torch.float32,
    *,
    cached: bool = True,
    **options: Any,
) -> Step:
    """The fused step; `cached` keeps the gradients' addresses from the first step on."""
    xs = [x.clone() for x in weights]
    ms = [torch.zeros_like(x, dtype=momentum) for x in xs]
    scales = [torch.zeros(-(-x.numel() // 256)) for x in xs] if momentum == torch.int8 else None
    plan = FusedPlan(xs, ms, scales)
    pointers = plan.gradients(gradients)

    def step() -> list[Tensor] | None:
        plan.step(pointers if cached else plan.gradients(gradients), **RATES, **options)
        return xs if momentum == weights[0].dtype == torch.float32 else None

    return step


def certifying(weights: Sequence[Tensor], gradients: Sequence[Tensor]) -> dict[str, Step]:
    """The fused step without and with certificate sums, of one plan: on other memory its time differs by a tenth."""
    xs = [x.clone() for x in weights]
    plan = FusedPlan(xs, [torch.zeros_like(x) for x in xs])
    pointers = plan.gradients(gradients)

    def with_(certify: Literal["gap", "step"] | None) -> Step:
        def step() -> None:
            plan.step(pointers, **RATES, certify=certify)

        return step

    return {"signwise": with_(None), "sums of gap and distance": with_("gap"), "all certificate sums": with_("step")}


def certifying_each(
    weights: Sequence[Tensor], gradients: Sequence[Tensor], kappa: str, every: int, *args: float
) -> dict[str, Step]:
    """As many steps as a period has, without sums and with those of the last one."""
    xs = [x.clone() for x in weights]
    plan = FusedPlan(xs, [torch.zeros_like(x) for x in xs])
    pointers = plan.gradients(gradients)

    def with_(last: Literal["gap"] | None) -> Step:
        def steps() -> None:
            for number in range(1, every + 1):
                certify = last if number == every else None
                plan.step(pointers, **RATES, kappa=kappa, kappa_args=args, certify=certify)

        return steps

    return {kappa: with_(None), f"{kappa}, certify={every}": with_("gap")}


def _torch(make: Callable[..., Any], weights: Sequence[Tensor], gradients: Sequence[Tensor], lion: bool) -> Step:
    params = [Parameter(x.clone()) for x in weights]
    for p, g in zip(params, gradients, strict=True):
        p.grad = g
    optimizer = make(params)

    def step() -> list[Tensor] | None:
        optimizer.step()
        return [p.detach() for p in params] if lion else None

    return step


def lion_k(weights: Sequence[Tensor], gradients: Sequence[Tensor], **options: Any) -> Step:
    """The whole optimizer, which looks at every tensor again in each step."""
    make = lambda p: LionK(p, 1e-4, (0.9, 0.99), 0.1, **options)  # noqa: E731
    return _torch(make, weights, gradients, True)


def lion_pytorch(weights: Sequence[Tensor], gradients: Sequence[Tensor]) -> Step:
    return _torch(lambda p: Lion(p, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.1), weights, gradients, True)


def lion_pytorch_foreach(weights: Sequence[Tensor], gradients: Sequence[Tensor]) -> Step:
    """Its results differ by roundings and by the signs of sums near 0, so they are not compared."""
    return _torch(lambda p: ForeachLion(p, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.1), weights, gradients, False)


def adamw(weights: Sequence[Tensor], gradients: Sequence[Tensor], **how: bool) -> Step:
    return _torch(lambda p: torch.optim.AdamW(p, lr=1e-4, weight_decay=0.1, **how), weights, gradients, False)


def sgd(weights: Sequence[Tensor], gradients: Sequence[Tensor], **how: bool) -> Step:
    make = lambda p: torch.optim.SGD(p, lr=1e-4, momentum=0.9, weight_decay=0.1, **how)  # noqa: E731
    return _torch(make, weights, gradients, False)


def stream(weights: Sequence[Tensor], gradients: Sequence[Tensor]) -> Step:
    """A loop that reads weights, gradients and momentum, writes the first and last, and does next to nothing."""
    rows = [
        (x.clone().view(-1).numpy(), g.view(-1).numpy(), torch.zeros(x.numel()).numpy())
        for x, g in zip(weights, gradients, strict=True)
    ]

    def step() -> None:
        for x, g, m in rows:
            _optim.stream(x, g, m)

    return step


def same(left: list[Tensor] | None, right: list[Tensor] | None) -> bool:
    """Bit for bit; contenders of another arithmetic give None."""
    if left is None or right is None:
        return True
    return all(torch.equal(a.view(torch.int32), b.view(torch.int32)) for a, b in zip(left, right, strict=True))


def all_optimizers(weights: Sequence[Tensor], gradients: Sequence[Tensor]) -> dict[str, Step]:
    """Ours, Lion's, and torch's AdamW and SGD with momentum."""
    contenders = {
        "signwise": signwise(weights, gradients),
        "signwise, gradients looked up": signwise(weights, gradients, cached=False),
        "LionK": lion_k(weights, gradients),
        "LionK, certify": lion_k(weights, gradients, certify=True),
        "lion_pytorch": lion_pytorch(weights, gradients),
        "lion_pytorch foreach": lion_pytorch_foreach(weights, gradients),
    }
    for name, how in (("", {"foreach": False}), (" foreach", {"foreach": True}), (" fused", {"fused": True})):
        contenders[f"torch AdamW{name}"] = adamw(weights, gradients, **how)
        contenders[f"torch SGD{name}"] = sgd(weights, gradients, **how)
    return contenders
