"""Product of two matrices of signs, packed beforehand, against fp32 matrix products of the same +1 and -1."""

from functools import partial
from typing import Any

import torch

from benchmarks._runner import Bench, Target
from benchmarks.bits._tiers import on_each, tiers
from signwise.bits import pack, xnor_matmul

SIDE = 512


def same(left: Any, right: Any) -> bool:
    """Every value equal; bf16 rounds its result to 8 bits, so the other is rounded alike."""
    left, right = torch.as_tensor(left), torch.as_tensor(right)
    return bool((left.to(right.dtype) == right).all())


def pack_and_multiply(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return xnor_matmul(pack(a), pack(b))


def run(bench: Bench) -> None:
    generator = torch.Generator().manual_seed(0)
    for k in (64, 128, 256, 512, 1000, 1024, 2048, 4096, 16384):
        a, b = (torch.randn((SIDE, k), generator=generator).sign() for _ in range(2))
        columns = b.T.contiguous()
        baseline = {
            "torch fp32 a @ b.T": partial(torch.matmul, a, b.T),
            "torch fp32 a @ c, c = b.T in memory": partial(torch.matmul, a, columns),
        }
        contenders = baseline | on_each(partial(xnor_matmul, pack(a).numpy(), pack(b).numpy()))
        if k == 1024:
            contenders["torch bf16"] = partial(torch.matmul, a.bfloat16(), columns.bfloat16())
            contenders |= on_each(partial(pack_and_multiply, a, b), "packing both, signwise")
        long = k >= 1024
        least = {"avx512": 15 if long else 1, "avx2": 7 if long else 1, "portable": 1}
        bench.group(
            f"{SIDE} x {SIDE} x {k}",
            contenders,
            baseline=tuple(baseline),
            equal=same,
            targets=[Target(contender=f"signwise {tier}", ratio=least[tier]) for tier in tiers() if k >= 128],
        )
