"""The 3×3 convolutions of ResNet-18 on ±1, batch 1, against the same in torch; and the share of the popcount peak."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import nn

from benchmarks._runner import Bench, Contender, Target
from benchmarks.binary._contenders import Step, compiled, floats, no_grad, on_each, quantized_conv, tiers
from signwise import _native
from signwise._native import _binary
from signwise.binary import BiPerConv2d, pack

SHAPES = ((64, 56), (128, 28), (256, 14), (512, 7))


def value(result: Any) -> torch.Tensor:
    return result.result() if isinstance(result, Step) else torch.as_tensor(result)


def same(left: Any, right: Any) -> bool:
    """Equal numbers; bfloat16 is compared as it rounds, signs with signs, int8 where it does not saturate."""
    a, b = value(left), value(right)
    if b.is_quantized:
        return bool((a.clamp(-100, 100) == b.dequantize().clamp(-100, 100)).all())
    if b.dtype == torch.bfloat16:
        return bool((a.bfloat16() == b).float().mean() > 0.999)
    if bool((b.abs() == 1).all()):
        return bool(((a >= 0) == (b >= 0)).all())
    return bool((a == b.float()).all())


def peak_bits_per_s(tier: str) -> float:
    """Bits compared in a second by the inner loop alone, the best of several runs."""
    best = 0.0
    with _native.force_isa(tier):
        _binary.busy(100)
        for _ in range(9):
            start = time.thread_time()
            bits = _binary.busy(3000)
            best = max(best, bits / (time.thread_time() - start))
    return best


def run(bench: Bench) -> None:
    generator = torch.Generator().manual_seed(0)
    peaks = {tier: peak_bits_per_s(tier) for tier in tiers()}
    for channels, side in SHAPES:
        x = torch.randn((1, channels, side, side), generator=generator).sign()
        binary = BiPerConv2d(channels, channels, 3, padding=1, bias=False, alpha="none").eval()
        conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        with torch.no_grad():
            conv.weight.copy_(binary.binary_weight())
        with torch.no_grad():
            wide = conv.weight.bfloat16().contiguous(memory_format=torch.channels_last)
        half = x.bfloat16().contiguous(memory_format=torch.channels_last)
        sums = pack(nn.Sequential(binary).eval(), x)
        signs = pack(nn.Sequential(binary, BiPerConv2d(channels, 1, 1)).eval(), x)
        baseline = floats(conv, x)
        contenders: dict[str, Any] = dict(baseline)
        contenders |= on_each(Step(sums, x, 1, 2), "signwise floats")
        contenders |= on_each(Step(signs, x, 1, 2), "signwise bits")
        contenders |= on_each(Step(signs, x, 0, 2), "signwise, packing too, bits")
        contenders["torch bf16"] = no_grad(nn.functional.conv2d, half, wide, None, 1, 1)
        contenders["torch int8"] = quantized_conv(conv, x)
        contenders["torch.compile fp32"] = Contender(call=compiled(conv, x))
        contenders["torch fp32, signs taken each time"] = no_grad(binary, x)
        best = tiers()[:1]
        targets = [Target(contender=f"signwise bits {tier}", ratio=18) for tier in best if tier == "avx512"]
        targets += [Target(contender=f"signwise bits {tier}", ratio=8) for tier in tiers() if tier == "avx2"]
        group = bench.group(
            f"3×3 convolution, {channels} channels, {side}×{side}",
            contenders,
            baseline=tuple(baseline),
            equal=same,
            targets=targets,
        )
        rows = group["contenders"]
        work = side * side * 9 * channels * channels
        for tier in tiers():
            for kind in ("floats", "bits"):
                row = rows[f"signwise {kind} {tier}"]
                row["share_of_peak"] = float(f"{work / row['median_s'] / peaks[tier]:.3g}")
                row["over_int8"] = float(f"{rows['torch int8']['median_s'] / row['median_s']:.3g}")
                print(f"  {kind} {tier}: {row['share_of_peak']:.2f} of peak, {row['over_int8']:.1f}x int8")
