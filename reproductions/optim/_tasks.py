"""The two training tasks: characters of tiny Shakespeare, and pictures of Fashion-MNIST."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from signwise.data import load

Part = Literal["train", "validation", "test"]


class Block(nn.Module):
    """Causal attention and a two-layer perceptron, each behind a layer norm and beside a residual path."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.down(functional.gelu(self.up(self.norm2(x))))


class CharacterTransformer(nn.Module):
    """A decoder of characters: logits of the next one at each position."""

    def __init__(self, symbols: int, *, context: int, width: int, heads: int = 4, depth: int = 2) -> None:
        super().__init__()
        self.embed, self.position = nn.Embedding(symbols, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*[Block(width, heads) for _ in range(depth)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, symbols)
        for table in (self.embed, self.position):
            nn.init.normal_(table.weight, std=0.02)
        for block in self.blocks:
            # Two additions to the residual path in each block: its variance stays that of one.
            for layer in (block.out, block.down):
                layer.weight.data /= math.sqrt(2 * depth)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.blocks(self.embed(x) + self.position.weight[: x.shape[1]])))


class Convnet(nn.Sequential):
    """Three times convolution, batch norm, ReLU and pooling; then one linear layer."""

    def __init__(self, widths: tuple[int, ...], classes: int = 10) -> None:
        layers: list[nn.Module] = []
        for a, b in zip((1, *widths), widths, strict=False):
            layers += [nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)]
        super().__init__()
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.head = nn.Linear(9 * widths[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))


@dataclass(frozen=True, kw_only=True)
class Score:
    """Mean cross-entropy in nats and share of right answers."""

    loss: float
    accuracy: float


class Text:
    """Predict the next character.

    The first 90 % of the text are for training, the next 5 % for validation, the last 5 % for the test.
    """

    title = "character transformer, tiny Shakespeare"
    accuracy_is_headline = False

    def __init__(self, *, smoke: bool = False) -> None:
        if smoke:
            symbols, self.steps, self.batch, self.context, self.width = 12, 3, 2, 8, 8
            codes = np.random.default_rng(0).integers(symbols, size=4000)
        else:
            corpus = load("tiny-shakespeare", progress=False)
            symbols, self.steps, self.batch, self.context, self.width = len(corpus.alphabet), 600, 16, 64, 64
            index = {character: code for code, character in enumerate(corpus.alphabet)}
            codes = np.array([index[character] for character in corpus.text])
        self.symbols = symbols
        cuts = np.split(torch.from_numpy(codes), [int(0.9 * len(codes)), int(0.95 * len(codes))])
        self.parts: dict[Part, Tensor] = dict(zip(("train", "validation", "test"), cuts, strict=True))

    def model(self) -> nn.Module:
        return CharacterTransformer(self.symbols, context=self.context, width=self.width)

    def sample(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        text = self.parts["train"]
        starts = torch.randint(len(text) - self.context, (self.batch,), generator=generator)
        windows = text[starts[:, None] + torch.arange(self.context + 1)]
        return windows[:, :-1], windows[:, 1:]

    def all(self, part: Part) -> tuple[Tensor, Tensor]:
        text = self.parts[part]
        count = (len(text) - 1) // self.context
        return tuple(text[shift : shift + count * self.context].view(count, -1) for shift in (0, 1))


class Pictures:
    """Tell ten kinds of clothing apart; the last 10,000 training pictures are for validation. No augmentation."""

    title = "convnet, Fashion-MNIST"
    accuracy_is_headline = True

    def __init__(self, *, smoke: bool = False) -> None:
        if smoke:
            self.steps, self.batch, self.widths = 3, 4, (2, 3, 4)
            generator = torch.Generator().manual_seed(0)
            images = torch.randn(60, 1, 28, 28, generator=generator)
            labels = torch.randint(10, (60,), generator=generator)
            ends = (40, 50, 60)
        else:
            self.steps, self.batch, self.widths = 500, 64, (16, 32, 64)
            data = load("fashion-mnist", progress=False)
            # Mean and deviation of the training pictures' pixels, 0 to 1.
            images = (
                torch.from_numpy(np.concatenate([data.train_images, data.test_images])).float() / 255 - 0.286
            ) / 0.353
            images = images[:, None]
            labels = torch.from_numpy(np.concatenate([data.train_labels, data.test_labels]))
            ends = (50_000, 60_000, 70_000)
        self.parts: dict[Part, tuple[Tensor, Tensor]] = {
            part: (images[a:b], labels[a:b])
            for part, a, b in zip(("train", "validation", "test"), (0, *ends), ends, strict=False)
        }

    def model(self) -> nn.Module:
        return Convnet(self.widths)

    def sample(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        images, labels = self.parts["train"]
        chosen = torch.randint(len(labels), (self.batch,), generator=generator)
        return images[chosen], labels[chosen]

    def all(self, part: Part) -> tuple[Tensor, Tensor]:
        return self.parts[part]


TASKS = {"shakespeare": Text, "fashion-mnist": Pictures}
Task = Text | Pictures


def loss_of(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Mean cross-entropy."""
    return functional.cross_entropy(model(x).flatten(0, -2), y.flatten())


@torch.no_grad()
def evaluate(model: nn.Module, task: Task, part: Part, share: float = 1.0) -> Score:
    """Score a model on an evenly spread share of a part; it is left in training mode."""
    model.eval()
    x, y = (t[:: round(1 / share)] for t in task.all(part))
    total, right = 0.0, 0
    for some, answers in zip(x.split(250), y.split(250), strict=True):
        logits, flat = model(some).flatten(0, -2), answers.flatten()
        total += functional.cross_entropy(logits, flat, reduction="sum").item()
        right += int((logits.argmax(-1) == flat).sum())
    model.train()
    return Score(loss=total / y.numel(), accuracy=right / y.numel())
