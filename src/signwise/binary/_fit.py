"""Training in two stages, with checkpoints from which a run goes on as if it had not stopped."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from .. import config as configs
from ..errors import ConfigError, SignwiseError
from ..progress import Progress
from . import _checkpoint
from ._augment import crop_flip
from ._convert import set_stage
from ._recipe import StageConfig, TwoStageConfig, learning_rate
from ._training import GroupRule, param_groups, periodic_penalty

Images = tuple[Tensor, Tensor]
MakeOptimizer = Callable[[list[dict[str, Any]]], Optimizer]
CHECKPOINT = "checkpoint"


class DivergedError(SignwiseError):
    """A training loss is not finite; the last checkpoint is from the epoch before."""


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """What one epoch gave.

    Attributes:
        stage: 1 or 2.
        epoch: in the stage, from 0.
        lr: learning rate.
        loss: mean training loss without the penalty.
        accuracy: on the training batches, as they were trained.
        val_loss: on the validation images, or None.
        val_accuracy: alike.
    """

    stage: int
    epoch: int
    lr: float
    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """A training run.

    Attributes:
        history: all epochs, those before a resume too.
        finished: False where ``max_minutes`` ended it; the same call goes on.
        stopped_early: stages that ended before their last epoch for want of improvement.
    """

    history: tuple[Epoch, ...]
    finished: bool
    stopped_early: tuple[int, ...]


def fit(
    model: nn.Module,
    train: Images,
    val: Images | None = None,
    *,
    config: TwoStageConfig | None = None,
    optimizer: MakeOptimizer | None = None,
    augment: Literal["none", "crop_flip"] = "none",
    out: str | Path | None = None,
    resume: bool = True,
    max_minutes: float = math.inf,
    progress: bool | None = None,
) -> FitResult:
    """Train a network with binary layers: soft weights first, then binary ones, as :class:`TwoStageConfig` says.

    Stage 2 keeps latents, scales and statistics, and starts a new optimizer and schedule. Choices are made on the
    validation images; test images have no place here. A float network trains too: its stages are the same.

    Args:
        model: changed in place; on any device.
        train: images, float ``(n, c, h, w)``, and labels, int64 ``(n,)``.
        val: validation images and labels.
        config: the stages.
        optimizer: makes an optimizer of parameter groups, each with ``lr`` and ``weight_decay``; called once a stage.
            None is SGD with the stage's momentum.
        augment: random changes of each batch.
        out: directory for a checkpoint after each epoch.
        resume: go on from the checkpoint in ``out``, if there is one; the run then gives the weights that it would
            have given without the interruption.
        max_minutes: begin no epoch after so long.
        progress: show it or not; None follows ``signwise.progress``.

    Returns:
        The history. The model is left in evaluation mode.

    Raises:
        ValueError: ``select="val"`` or ``patience`` without validation images, or images and labels of other lengths.
        ConfigError: the checkpoint in ``out`` is of another configuration.
        DivergedError: a loss is not finite.

    Example:
        >>> import torch
        >>> from signwise.binary import BiPerLinear, StageConfig, TwoStageConfig, fit
        >>> x = torch.randn(256, 8, generator=torch.Generator().manual_seed(0))
        >>> y = (x[:, 0] > 0).long()
        >>> net = torch.nn.Sequential(torch.nn.Linear(8, 32), BiPerLinear(32, 16), torch.nn.Linear(16, 2))
        >>> config = TwoStageConfig(stage2=StageConfig(epochs=5, batch_size=32))
        >>> result = fit(net, (x, y), config=config, progress=False)
        >>> len(result.history), result.history[-1].loss < result.history[0].loss
        (5, True)
    """
    config = config or TwoStageConfig()
    if val is None and (config.select == "val" or config.patience is not None):
        raise ValueError("select='val' and patience need validation images; give val")
    for what, pair in (("train", train), ("val", val)):
        if pair is not None and (len(pair[0]) != len(pair[1]) or not len(pair[0])):
            raise ValueError(f"{what} has {len(pair[0]):,} images and {len(pair[1]):,} labels")
    run = _Run(model, train, val, config, optimizer, augment, None if out is None else Path(out))
    return run.go(resume, max_minutes, progress)


def evaluate(model: nn.Module, images: Images, *, batch_size: int = 500) -> tuple[float, float]:
    """Mean cross-entropy and accuracy of a model in evaluation mode, in float32.

    Args:
        model: its mode is restored afterwards.
        images: images and labels.
        batch_size: images at a time.
    """
    training = model.training
    model.eval()
    loss, right = 0.0, 0
    device = next(model.parameters()).device
    try:
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            for x, y in zip(torch.split(images[0], batch_size), torch.split(images[1], batch_size), strict=True):
                logits, target = model(x.to(device)), y.to(device)
                loss += float(F.cross_entropy(logits, target, reduction="sum"))
                right += int((logits.argmax(1) == target).sum())
    finally:
        model.train(training)
    return loss / len(images[0]), right / len(images[0])


@dataclass(eq=False)
class _Run:
    model: nn.Module
    train: Images
    val: Images | None
    config: TwoStageConfig
    make: MakeOptimizer | None
    augment: str
    out: Path | None

    def go(self, resume: bool, max_minutes: float, progress: bool | None) -> FitResult:
        self.generator = torch.Generator().manual_seed(self.config.seed)
        self.history: list[Epoch] = []
        self.early: list[int] = []
        self.best: dict[str, Tensor] = {}
        end = time.monotonic() + 60 * max_minutes
        saved = self._saved() if resume else None
        stages = [(n, s) for n, s in ((1, self.config.stage1), (2, self.config.stage2)) if s is not None]
        for number, stage in stages:
            start = 0
            if saved is not None and saved.meta["stage"] > number:
                continue
            set_stage(self.model, 1 if number == 1 else 2)
            optimizer, factors = self._optimizer(stage)
            if saved is not None:
                self.best = _checkpoint.restore(saved, self.model, optimizer, self.generator)
                self.history = [Epoch(**row) for row in saved.meta["history"]]
                self.early = list(saved.meta["stopped_early"])
                start = saved.meta["epoch"] + 1
                saved = None
            if not self._stage(number, stage, start, optimizer, factors, end, progress):
                self.model.eval()
                return self._result(finished=False)
        if saved is not None:  # every stage was done
            self.history = [Epoch(**row) for row in saved.meta["history"]]
            _checkpoint.restore(saved, self.model, None, self.generator)
        self.model.eval()
        return self._result(finished=True)

    def _result(self, *, finished: bool) -> FitResult:
        return FitResult(history=tuple(self.history), finished=finished, stopped_early=tuple(self.early))

    def _optimizer(self, stage: StageConfig) -> tuple[Optimizer, list[float]]:
        decay = stage.weight_decay
        latents = decay if stage.binary_weight_decay is None else stage.binary_weight_decay
        groups = param_groups(
            self.model,
            1.0,
            binary=GroupRule(lr_factor=stage.binary_lr_factor, weight_decay=latents),
            scale=GroupRule(weight_decay=decay),
            norm=GroupRule(weight_decay=decay if stage.decay == "all" else 0.0),
            float_=GroupRule(weight_decay=decay),
        )
        factors = [group["lr"] for group in groups]
        for group in groups:
            group["lr"] *= stage.lr
        if self.make is not None:
            return self.make(groups), factors
        return torch.optim.SGD(groups, lr=stage.lr, momentum=stage.momentum), factors

    def _stage(
        self,
        number: int,
        stage: StageConfig,
        start: int,
        optimizer: Optimizer,
        factors: list[float],
        end: float,
        progress: bool | None,
    ) -> bool:
        """Train one stage; False where the time is over."""
        batches = math.ceil(len(self.train[0]) / stage.batch_size)
        if number in self.early:
            start = stage.epochs
        with Progress(f"stage {number}", total=(stage.epochs - start) * batches, enabled=progress) as task:
            for epoch in range(start, stage.epochs):
                if time.monotonic() > end:
                    return False
                lr = learning_rate(stage, epoch)
                for group, factor in zip(optimizer.param_groups, factors, strict=True):
                    group["lr"] = lr * factor
                loss, accuracy = self._epoch(stage, optimizer, task)
                val_loss, val_accuracy = (None, None) if self.val is None else evaluate(self.model, self.val)
                self.history.append(
                    Epoch(
                        stage=number,
                        epoch=epoch,
                        lr=lr,
                        loss=loss,
                        accuracy=accuracy,
                        val_loss=val_loss,
                        val_accuracy=val_accuracy,
                    )
                )
                stop = self._judge(number)
                if stop and epoch + 1 < stage.epochs:
                    self.early.append(number)
                last = stop or epoch + 1 == stage.epochs
                if last and self.config.select == "val":
                    self.model.load_state_dict(self.best)
                    self.best = {}
                self._save(number, epoch, optimizer)
                if last:
                    break
        return True

    def _epoch(self, stage: StageConfig, optimizer: Optimizer, task: Progress) -> tuple[float, float]:
        x, y = self.train
        device = next(self.model.parameters()).device
        order = torch.randperm(len(x), generator=self.generator)
        total, right = 0.0, 0
        self.model.train()
        for part in torch.split(order, stage.batch_size):
            if len(part) == 1 and len(order) > 1:
                continue  # a batch norm has no variance of one image
            images, target = x[part], y[part].to(device)
            if self.augment == "crop_flip":
                images = crop_flip(images, self.generator)
            logits = self.model(images.to(device))
            loss = F.cross_entropy(logits, target)
            optimizer.zero_grad()
            (loss + periodic_penalty(self.model, stage.tau, pull=stage.pull).to(device)).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            value = float(loss.detach())
            if not math.isfinite(value):
                raise DivergedError(f"the training loss is {value} at {optimizer.param_groups[0]['lr']:g}; lower lr")
            total += value * len(part)
            right += int((logits.detach().argmax(1) == target).sum())
            task.advance(note=f"loss {value:.3f}")
        return total / len(x), right / len(x)

    def _judge(self, number: int) -> bool:
        """Keep the best weights of this stage, and say whether patience is over."""
        accuracies = [e.val_accuracy for e in self.history if e.stage == number]
        if accuracies[-1] is None:
            return False
        best = max(range(len(accuracies)), key=lambda i: (accuracies[i] or 0.0, -i))
        if best == len(accuracies) - 1 and self.config.select == "val":
            self.best = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        patience = self.config.patience
        return patience is not None and len(accuracies) - 1 - best >= patience

    def _save(self, number: int, epoch: int, optimizer: Optimizer) -> None:
        if self.out is None:
            return
        meta = {
            "config": configs.to_dict(self.config),
            "augment": self.augment,
            "stage": number,
            "epoch": epoch,
            "stopped_early": self.early,
            "history": [dataclasses.asdict(row) for row in self.history],
        }
        _checkpoint.save(self.out / CHECKPOINT, self.model, optimizer, self.best, meta, self.generator)

    def _saved(self) -> Any:
        if self.out is None or not (self.out / CHECKPOINT).exists():
            return None
        saved = _checkpoint.read(self.out / CHECKPOINT)
        mine = json.loads(json.dumps(configs.to_dict(self.config)))
        if saved.meta["config"] != mine or saved.meta["augment"] != self.augment:
            raise ConfigError(
                f"{self.out / CHECKPOINT}: the checkpoint is of another configuration; give resume=False or another out"
            )
        return saved
