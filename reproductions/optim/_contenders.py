"""The six optimizers that are compared, each with its grid of learning rates and weight decays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import torch
from torch import nn
from torch.optim import Optimizer

from signwise.convex import L1, SmoothedL1
from signwise.optim import Lion, LionK, Muon, NormalizedSGD, split_parameters

Make = Callable[[nn.Module, float, float], Optimizer]
# The scale at which a gradient's entry counts as large for the smoothed sign: about the root mean square of both
# models' gradients early in training.
SMOOTHING = 1e-3
MUON_RMS = 0.2


@dataclass(frozen=True, kw_only=True)
class Contender:
    """An optimizer and what is tried for it.

    Args:
        title: as the table shows it.
        constraint: of the weights, for weight decay λ.
        make: from a model, learning rate and weight decay.
        lrs: by task.
        decays: λ, for both tasks.
    """

    title: str
    constraint: str
    make: Make
    lrs: dict[str, tuple[float, ...]]
    decays: tuple[float, ...]

    def grid(self, task: str) -> list[tuple[float, float]]:
        """Pairs of learning rate and weight decay."""
        return list(product(self.lrs[task], self.decays))


def adamw(model: nn.Module, lr: float, decay: float) -> Optimizer:
    return torch.optim.AdamW(split_parameters(model), lr=lr, weight_decay=decay, betas=(0.9, 0.99))


def sgd(model: nn.Module, lr: float, decay: float) -> Optimizer:
    # torch's decay is part of the gradient here: the shrinkage of a step is lr·decay as for the others.
    return torch.optim.SGD(split_parameters(model), lr=lr, momentum=0.9, weight_decay=decay)


def lion(model: nn.Module, lr: float, decay: float) -> Optimizer:
    return Lion(split_parameters(model), lr=lr, weight_decay=decay)


def smoothed(model: nn.Module, lr: float, decay: float) -> Optimizer:
    return LionK(split_parameters(model), lr=lr, weight_decay=decay, kappa=SmoothedL1(SMOOTHING))


def normalized(model: nn.Module, lr: float, decay: float) -> Optimizer:
    return NormalizedSGD(split_parameters(model), lr=lr, weight_decay=decay)


def muon(model: nn.Module, lr: float, decay: float) -> Optimizer:
    """Muon for hidden matrices and filters, scaled signs for embeddings, the head and vectors.

    Both kinds of update have a root mean square of 0.2 an entry, so one learning rate serves for all.
    """
    outer = ("embed", "position", "head")
    groups = []
    for group in split_parameters(model):
        matrices, rest = [], []
        for name, p in group["params"]:
            (rest if p.ndim < 2 or name.split(".")[0] in outer else matrices).append((name, p))
        if matrices:
            groups.append({**group, "params": matrices})
        if rest:
            groups.append({**group, "params": rest, "kappa": MUON_RMS * L1()})
    return Muon(groups, lr=lr, weight_decay=decay, adjust="match_rms_adamw")


CONTENDERS = {
    "adamw": Contender(
        title="AdamW",
        constraint="none",
        make=adamw,
        lrs={"shakespeare": (0.001, 0.003, 0.01), "fashion-mnist": (0.003, 0.01, 0.03)},
        decays=(0.01, 0.1, 1.0),
    ),
    "sgd": Contender(
        title="SGD, momentum 0.9",
        constraint="none",
        make=sgd,
        lrs={"shakespeare": (0.05, 0.15, 0.5), "fashion-mnist": (0.02, 0.06, 0.2)},
        decays=(1e-4, 1e-3, 1e-2),
    ),
    "lion": Contender(
        title="Lion (K = L1)",
        constraint="every |x_i| ≤ 1/λ",
        make=lion,
        lrs={"shakespeare": (0.0003, 0.001, 0.003), "fashion-mnist": (0.001, 0.003, 0.01)},
        decays=(0.1, 1.0, 10.0),
    ),
    "smoothed": Contender(
        title=f"LionK, K = SmoothedL1({SMOOTHING:g})",
        constraint="every |x_i| ≤ 1/λ",
        make=smoothed,
        lrs={"shakespeare": (0.001, 0.003, 0.01), "fashion-mnist": (0.001, 0.003, 0.01)},
        decays=(0.1, 1.0, 10.0),
    ),
    "normalized": Contender(
        title="NormalizedSGD (K = GroupL2)",
        constraint="every tensor's norm ≤ 1/λ",
        make=normalized,
        lrs={"shakespeare": (0.01, 0.03, 0.1), "fashion-mnist": (0.03, 0.1, 0.3)},
        decays=(0.001, 0.01, 0.1),
    ),
    "muon": Contender(
        title="Muon (K = Nuclear)",
        constraint="every matrix's spectral norm ≤ s/λ",
        make=muon,
        lrs={"shakespeare": (0.01, 0.03, 0.1), "fashion-mnist": (0.003, 0.01, 0.03)},
        decays=(0.01, 0.1, 1.0),
    ),
}
