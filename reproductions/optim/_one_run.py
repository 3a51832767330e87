"""One training run: a task, an optimizer, a learning rate, a weight decay and a seed."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from signwise.optim import LionK

from ._contenders import CONTENDERS
from ._tasks import TASKS, Task, evaluate, loss_of

# A change of what a run does makes the runs of earlier protocols void.
PROTOCOL = 1
WARMUP = 0.05
POINTS = 12


@dataclass(frozen=True, kw_only=True)
class Run:
    """The settings of one run; `final` runs are scored on the test part, the others choose the settings."""

    task: str
    contender: str
    lr: float
    decay: float
    seed: int
    final: bool
    smoke: bool = False

    @property
    def name(self) -> str:
        """The file under which the run is kept."""
        kind = "final" if self.final else "tuning"
        return f"{self.task}-{self.contender}-lr{self.lr:g}-decay{self.decay:g}-seed{self.seed}-{kind}"


def cosine_with_warmup(step: int, steps: int, warmup: int) -> float:
    """Factor on the learning rate: a straight line up, then half a cosine to 0."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


def train(run: Run) -> dict[str, Any]:
    """Train and score.

    Returns:
        The settings, the validation losses along the way, final scores, the certificate of a LionK, and processor time.
    """
    task = TASKS[run.task](smoke=run.smoke)
    torch.manual_seed(run.seed)
    model = task.model()
    with warnings.catch_warnings():
        # Weights may start outside the set; the certificate's bound says how fast they come in.
        warnings.filterwarnings("ignore", message=".*start outside", category=UserWarning)
        begin = time.process_time()
        optimizer, curve = _descend(model, task, run)
        seconds = time.process_time() - begin
    validation = evaluate(model, task, "validation")
    return {
        "protocol": PROTOCOL,
        "run": asdict(run),
        "steps": task.steps,
        "batch": task.batch,
        "parameters": sum(p.numel() for p in model.parameters()),
        "curve": curve,
        "validation": asdict(validation),
        "test": asdict(evaluate(model, task, "test")) if run.final else None,
        "constraint": constraint(optimizer) if isinstance(optimizer, LionK) else None,
        "cpu_seconds": round(seconds, 2),
    }


def _descend(model: nn.Module, task: Task, run: Run) -> tuple[Optimizer, list[tuple[int, float]]]:
    optimizer = CONTENDERS[run.contender].make(model, run.lr, run.decay)
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: cosine_with_warmup(step, task.steps, max(1, round(WARMUP * task.steps)))
    )
    batches = torch.Generator().manual_seed(run.seed)
    curve = []
    for step in range(1, task.steps + 1):
        loss = loss_of(model, *task.sample(batches))
        if not math.isfinite(loss.item()):
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
        if step * POINTS // task.steps > (step - 1) * POINTS // task.steps:
            curve.append((step, evaluate(model, task, "validation", share=0.1).loss))
    return optimizer, curve


def constraint(optimizer: LionK) -> dict[str, Any]:
    """What the certificate says at the end, and how much of the set the weights fill: the largest gauge of λx."""
    certificate = optimizer.certificate()
    gauges = [
        group["kappa"].gauge(group["weight_decay"] * p.detach().double()).item()
        for group in optimizer.param_groups
        for p in group["params"]
        if group["weight_decay"]
    ]
    # The certificate of all groups is as weak as that of the norms and biases, which have no constraint.
    held = [part for part in certificate.groups if math.isfinite(part.radius)]
    return {
        "guarantee": held[0].guarantee,
        "distance": math.hypot(*(part.distance or 0.0 for part in held)),
        "bound": math.hypot(*(part.feasibility_bound or 0.0 for part in held)),
        "largest_gauge": max(gauges),
    }
