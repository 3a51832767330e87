"""Whole networks, batch 1, one thread, against the same network in float with its batch norms folded.

The contenders have different weights, so results are not compared here: packing verifies ours against its module.
"""

from __future__ import annotations

import dataclasses
import warnings
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.fx.experimental.optimization import fuse

from benchmarks._runner import Bench, Target
from benchmarks.binary._contenders import compiled, floats, no_grad, on_each, tiers
from signwise.binary import ModelConfig, build, pack

NETWORKS = (
    (
        "ResNet-18, ImageNet form, 224×224",
        ModelConfig(name="resnet18", form="imagenet", num_classes=1000),
        224,
        (7.5, 10),
    ),
    ("ResNet-18, CIFAR form, 32×32", ModelConfig(name="resnet18"), 32, (12, 12)),
    ("ResNet-20, 32×32", ModelConfig(name="resnet20"), 32, (1, 1)),
    ("VGG-Small, 32×32", ModelConfig(name="vgg_small"), 32, (1, 1)),
)


def settle(model: nn.Module) -> nn.Module:
    """Batch norms of a network that has seen some images: statistics of its own activations."""
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5, generator=generator)
            nn.init.uniform_(module.bias, -0.2, 0.2, generator=generator)
    model.train()
    size = 64 if sum(p.numel() for p in model.parameters()) > 11_500_000 else 32
    with torch.no_grad():
        for _ in range(5):
            model(torch.randn((8, 3, size, size), generator=generator))
    return model.eval()


def run(bench: Bench) -> None:
    for title, config, side, (plain, reduced) in NETWORKS:
        torch.manual_seed(0)
        binary = settle(build(config))
        float_ = fuse(settle(build(dataclasses.replace(config, binary=False))))
        x = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(2))
        packed, narrow = pack(binary, x), pack(binary, x, stem="int8")
        baseline = floats(float_, x)
        contenders: dict[str, Any] = dict(baseline)
        contenders |= on_each(partial(packed, x), "signwise")
        contenders |= on_each(partial(narrow, x), "signwise int8 stem")
        contenders["torch bf16"] = no_grad(
            fuse(settle(build(dataclasses.replace(config, binary=False))))
            .bfloat16()
            .to(memory_format=torch.channels_last),
            x.bfloat16().contiguous(memory_format=torch.channels_last),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            contenders["torch.compile fp32"] = compiled(float_, x)
        contenders["torch fp32, signs taken each time"] = no_grad(binary, x)
        targets = []
        if tiers()[:1] == ["avx512"] and plain > 1:
            targets = [
                Target(contender="signwise avx512", ratio=plain),
                Target(contender="signwise int8 stem avx512", ratio=reduced),
            ]
        group = bench.group(title, contenders, baseline=tuple(baseline), equal=None, targets=targets)
        memory = packed.memory()
        group["bytes"] = {
            "float32": memory.float32,
            "packed_file": memory.file,
            "packed_resident": memory.resident,
            "bits_per_binary_weight_file": round(8 * memory.file_binary / memory.binary_weights, 4),
        }
        smaller = memory.float32 / memory.file
        group["bytes"]["ratio"] = float(f"{smaller:.4g}")
        print(f"  parameters {memory.float32:,} -> {memory.file:,} bytes, {smaller:.1f}x smaller")
