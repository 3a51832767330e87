"""GPT-2: a decoder of byte-pair tokens with pre-norm blocks and the head tied to the embedding."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional

from ._tasks import Block


class GPT2(nn.Module):
    """Logits of the next token at each position; the small model's sizes by default.

    Args:
        symbols: tokens.
        context: the longest input.
        width: of the residual path.
        heads: of attention.
        depth: blocks.
    """

    def __init__(
        self, symbols: int = 50257, *, context: int = 1024, width: int = 768, heads: int = 12, depth: int = 12
    ) -> None:
        super().__init__()
        self.embed, self.position = nn.Embedding(symbols, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*[Block(width, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(width)
        for name, p in self.named_parameters():
            if p.ndim == 2:
                last = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * depth) if last else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(p)

    def forward(self, x: Tensor) -> Tensor:
        features = self.norm(self.blocks(self.embed(x) + self.position.weight[: x.shape[1]]))
        return functional.linear(features, self.embed.weight)
