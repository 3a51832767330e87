"""Configurations of training, and the recipes that ship as TOML files."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .. import config
from ..errors import ConfigError
from ._models import ModelConfig

RECIPES = Path(__file__).parent / "recipes"
WARMUP_EPOCHS = 5


@dataclass(frozen=True, kw_only=True)
class StageConfig:
    """One stage of training.

    Attributes:
        epochs: passes over the training images.
        lr: learning rate at the start of the cosine schedule; see :func:`learning_rate`.
        weight_decay: decay of the parameters that ``decay`` names.
        decay: ``"all"`` parameters, or all but those of normalization layers (``"no_norm"``).
        binary_lr_factor: learning rate of the latents over ``lr``.
        binary_weight_decay: decay of the latents, or None for ``weight_decay``.
        batch_size: images a step.
        warmup: whether the first five epochs rise to ``lr``.
        tau: factor of :func:`periodic_penalty`.
        pull: its direction.
        momentum: of SGD, where no other optimizer is given.
    """

    epochs: int = 10
    lr: float = 0.1
    weight_decay: float = 0.0
    decay: Literal["all", "no_norm"] = "all"
    binary_lr_factor: float = 1.0
    binary_weight_decay: float | None = None
    batch_size: int = 256
    warmup: bool = False
    tau: float = 0.0
    pull: Literal["zero", "peak"] = "zero"
    momentum: float = 0.9

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1:
            raise ValueError(f"epochs and batch_size must be at least 1, got {self.epochs}, {self.batch_size}")
        if not self.lr > 0:
            raise ValueError(f"lr must be positive, got {self.lr}")
        if self.warmup and self.epochs <= WARMUP_EPOCHS - 1:
            raise ValueError(f"a warm-up takes {WARMUP_EPOCHS} epochs, and the stage has {self.epochs}")


@dataclass(frozen=True, kw_only=True)
class TwoStageConfig:
    """Training with soft weights first and binary weights afterwards.

    Attributes:
        stage1: soft weights sin ωw; None leaves the stage out.
        stage2: binary weights; None leaves the stage out.
        select: what a stage ends with: the ``"last"`` epoch, or the best on the validation images (``"val"``).
        patience: epochs without a better validation accuracy after which a stage ends; None never ends one early.
        seed: of the order of images and of their augmentation.
    """

    stage1: StageConfig | None = None
    stage2: StageConfig | None = StageConfig()
    select: Literal["last", "val"] = "last"
    patience: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.stage1 is None and self.stage2 is None:
            raise ValueError("one of stage1 and stage2 must be given")
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"patience must be at least 1, got {self.patience}")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A network and its training on a data set.

    Attributes:
        title: what it reproduces.
        dataset: name in ``signwise.data``, or ``"digits"`` for those of scikit-learn.
        model: the network.
        training: its training.
        augment: ``"none"``, or ``"crop_flip"`` (crop of the image padded by 4, and horizontal flip).
        validation: training images that are held out.
    """

    title: str
    dataset: str
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TwoStageConfig = TwoStageConfig()
    augment: Literal["none", "crop_flip"] = "none"
    validation: int = 0


def learning_rate(stage: StageConfig, epoch: int) -> float:
    """The learning rate of an epoch, counted from 0.

    Without warm-up lr·½(1 + cos(πe/E)). With it lr·(e + 1)/5 for e < 5, then lr·½(1 + cos(π(e - 4)/(E - 4))).

    Example:
        >>> from signwise.binary import StageConfig, learning_rate
        >>> stage = StageConfig(epochs=8, lr=1.0, warmup=True)
        >>> [round(learning_rate(stage, e), 3) for e in range(8)]
        [0.2, 0.4, 0.6, 0.8, 1.0, 0.854, 0.5, 0.146]
    """
    if not stage.warmup:
        return stage.lr * 0.5 * (1 + math.cos(math.pi * epoch / stage.epochs))
    if epoch < WARMUP_EPOCHS:
        return stage.lr * (epoch + 1) / WARMUP_EPOCHS
    done = (epoch - WARMUP_EPOCHS + 1) / (stage.epochs - WARMUP_EPOCHS + 1)
    return stage.lr * 0.5 * (1 + math.cos(math.pi * done))


def recipe_names() -> tuple[str, ...]:
    """Names of the recipes that ship, sorted.

    Example:
        >>> from signwise.binary import recipe_names
        >>> "cifar10-resnet18" in recipe_names()
        True
    """
    return tuple(sorted(path.stem for path in RECIPES.glob("*.toml")))


def recipe(name: str | Path) -> Recipe:
    """A recipe by name, or from a TOML file of the same form.

    Args:
        name: one of :func:`recipe_names`, or a path that ends in ``.toml``.

    Raises:
        ConfigError: no such recipe, or a file with an unknown key or a wrong value.

    Example:
        >>> from signwise.binary import recipe
        >>> recipe("cifar10-resnet18").training.stage1.lr
        0.021
    """
    path = Path(name)
    if path.suffix != ".toml":
        if str(name) not in recipe_names():
            raise ConfigError(f"no recipe {str(name)!r}; there are: {', '.join(recipe_names())}")
        path = RECIPES / f"{name}.toml"
    return config.load(Recipe, path)
