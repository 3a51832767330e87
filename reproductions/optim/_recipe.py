"""What a recipe says, and where its pictures or tokens come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from signwise import data
from signwise.optim import Lion, split_parameters

from ._contenders import muon
from ._gpt2 import GPT2
from ._resnet import resnet18_small, resnet50

Part = Literal["train", "validation"]
Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training.

    Args:
        title: what is trained on what.
        model: a name in MODELS.
        source: a name in SOURCES.
        data: the folder of the data; not read by sources that signwise loads.
        optimizer: a name in OPTIMIZERS.
        lr: the highest learning rate.
        weight_decay: λ.
        steps: optimizer steps.
        warmup: of these, with a rising learning rate; then half a cosine to 0.
        batch: examples (sequences) a step.
        micro_batch: of these, at a time on the device.
        smoothing: of labels.
        clip: the greatest norm of the gradient; inf for none. Sign steps do not depend on it, their momentum does.
        precision: of the forward pass on CUDA.
        evaluate_every: steps between scores and checkpoints.
        evaluate_batches: micro batches of the validation part to score; 0 for all.
    """

    title: str
    model: str
    source: str
    data: str = ""
    optimizer: str
    lr: float
    weight_decay: float
    steps: int
    warmup: int
    batch: int
    micro_batch: int
    smoothing: float = 0.0
    clip: float = float("inf")
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    evaluate_every: int
    evaluate_batches: int = 0


MODELS: dict[str, Callable[[], nn.Module]] = {
    "resnet18-small": lambda: resnet18_small(10),
    "resnet50": lambda: resnet50(1000),
    "gpt2-small": GPT2,
}


def _adamw(model: nn.Module, lr: float, decay: float) -> Optimizer:
    return torch.optim.AdamW(split_parameters(model), lr=lr, weight_decay=decay, betas=(0.9, 0.95))


OPTIMIZERS: dict[str, Callable[[nn.Module, float, float], Optimizer]] = {
    "lion": lambda model, lr, decay: Lion(split_parameters(model), lr=lr, weight_decay=decay),
    "muon": muon,
    "adamw": _adamw,
}


class Synthetic:
    """Random inputs of the right form, as small as the model admits."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe

    def train(self, count: int, generator: torch.Generator) -> Batch:
        if self.recipe.source == "tokens":
            tokens = torch.randint(50257, (count, 17), generator=generator)
            return tokens[:, :-1], tokens[:, 1:]
        classes, side = (10, 32) if self.recipe.source == "cifar-10" else (1000, 64)
        images = torch.randn(count, 3, side, side, generator=generator)
        return images, torch.randint(classes, (count,), generator=generator)

    def validation(self, count: int) -> list[Batch]:
        return [self.train(count, torch.Generator().manual_seed(0))]


class Cifar10:
    """CIFAR-10, shifted by up to four pixels and mirrored."""

    MEAN, DEVIATION = (0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)

    def __init__(self, recipe: Recipe) -> None:
        records = data.load("cifar-10", recipe.data or None)
        mean, deviation = (torch.tensor(v).view(3, 1, 1) for v in (self.MEAN, self.DEVIATION))
        self.images, self.tests = (
            (torch.from_numpy(np.array(x)).float() / 255 - mean) / deviation
            for x in (records.train_images, records.test_images)
        )
        self.labels, self.answers = (torch.from_numpy(np.array(y)) for y in (records.train_labels, records.test_labels))

    def train(self, count: int, generator: torch.Generator) -> Batch:
        chosen = torch.randint(len(self.labels), (count,), generator=generator)
        shifts = torch.randint(9, (count, 2), generator=generator)
        mirrored = torch.rand(count, 1, generator=generator) < 0.5
        return shifted(self.images[chosen], shifts, mirrored), self.labels[chosen]

    def validation(self, count: int) -> list[Batch]:
        return list(zip(self.tests.split(count), self.answers.split(count), strict=True))


def shifted(images: Tensor, shifts: Tensor, mirrored: Tensor) -> Tensor:
    """Pictures of 32 x 32 cut out of a border of four zeros.

    Args:
        images: shape ``(n, 3, 32, 32)``.
        shifts: row and column of each cut, 0 to 8; shape ``(n, 2)``.
        mirrored: whether each is turned left to right; shape ``(n, 1)``.
    """
    padded = functional.pad(images, (4, 4, 4, 4)).permute(0, 2, 3, 1)
    rows = shifts[:, :1] + torch.arange(32)
    columns = shifts[:, 1:] + torch.arange(32)
    columns = torch.where(mirrored, columns.flip(1), columns)
    which = torch.arange(len(images))[:, None, None]
    return padded[which, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


class ImageFolders:
    """ImageNet as folders ``train`` and ``val`` with a folder a class; torchvision decodes the JPEG files."""

    MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

    def __init__(self, recipe: Recipe) -> None:
        try:
            from torchvision import datasets, transforms
        except ImportError as error:
            raise SystemExit("ImageNet needs torchvision to read JPEG files: pip install torchvision") from error
        end = [transforms.ToTensor(), transforms.Normalize(self.MEAN, self.DEVIATION)]
        vary = [transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip()]
        fix = [transforms.Resize(256), transforms.CenterCrop(224)]
        folder = Path(recipe.data)
        self.images = datasets.ImageFolder(folder / "train", transforms.Compose([*vary, *end]))
        self.tests = datasets.ImageFolder(folder / "val", transforms.Compose([*fix, *end]))
        self.batches = None

    def train(self, count: int, generator: torch.Generator) -> Batch:
        if self.batches is None:
            sampler = torch.utils.data.RandomSampler(
                self.images, replacement=True, num_samples=2**40, generator=generator
            )
            self.batches = iter(
                torch.utils.data.DataLoader(
                    self.images, count, sampler=sampler, num_workers=8, drop_last=True, generator=generator
                )
            )
        return tuple(next(self.batches))

    def validation(self, count: int) -> torch.utils.data.DataLoader:
        return torch.utils.data.DataLoader(self.tests, count, num_workers=8)


class Tokens:
    """``train.bin`` and ``val.bin``: uint16 GPT-2 tokens one after the other, as nanoGPT's preparation writes them."""

    CONTEXT = 1024

    def __init__(self, recipe: Recipe) -> None:
        folder = Path(recipe.data)
        self.texts = {part: np.memmap(folder / f"{part}.bin", np.uint16, "r") for part in ("train", "val")}

    def cut(self, part: str, starts: Tensor) -> Batch:
        windows = [self.texts[part][start : start + self.CONTEXT + 1].astype(np.int64) for start in starts.tolist()]
        tokens = torch.from_numpy(np.stack(windows))
        return tokens[:, :-1], tokens[:, 1:]

    def train(self, count: int, generator: torch.Generator) -> Batch:
        return self.cut("train", torch.randint(len(self.texts["train"]) - self.CONTEXT, (count,), generator=generator))

    def validation(self, count: int):
        starts = torch.arange(0, len(self.texts["val"]) - self.CONTEXT, self.CONTEXT)
        return (self.cut("val", some) for some in starts.split(count))


SOURCES = {"cifar-10": Cifar10, "image-folders": ImageFolders, "tokens": Tokens}
