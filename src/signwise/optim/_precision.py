"""Narrow storage for momentum and weights: a counter-based hash, stochastic rounding, int8 blocks."""

from __future__ import annotations

from typing import overload

import torch
from torch import Tensor

BLOCK = 256
WEIGHTS, MOMENTUM = 0, 1
_WORD = 0xFFFFFFFF
# The smallest normal float16; below it the spacing of float16 no longer shrinks.
_HALF_NORMAL = 2.0**-14
_SIXTEEN_BITS = (torch.bfloat16, torch.float16)


@overload
def mix(h: int) -> int: ...


@overload
def mix(h: Tensor) -> Tensor: ...


def mix(h: int | Tensor) -> int | Tensor:
    """Scramble a 32-bit word: h ^= h>>16, h *= 0x7feb352d, h ^= h>>15, h *= 0x846ca68b, h ^= h>>16.

    Args:
        h: an int or an int64 tensor of values in [0, 2³²).

    Returns:
        The same kind, values in [0, 2³²).

    References:
        C. Wellons, "Prospecting for hash functions", 2018 (the constants of lowbias32).

    Example:
        >>> from signwise.optim._precision import mix
        >>> mix(1)
        1753845952
    """
    # The product of two 32-bit words wraps in int64, which keeps its low 32 bits.
    h = h ^ (h >> 16)
    h = (h * 0x7FEB352D) & _WORD
    h = h ^ (h >> 15)
    h = (h * 0x846CA68B) & _WORD
    return h ^ (h >> 16)


def stream(seed: int, number: int, role: int) -> int:
    """The hash seed of one tensor of an optimizer, so that no two share their bits.

    Args:
        seed: of the optimizer.
        number: of the parameter.
        role: WEIGHTS or MOMENTUM.
    """
    return mix(((2 * number + role) & _WORD) ^ mix(seed & _WORD))


def random_bits(shape: torch.Size, step: int | Tensor, seed: int, device: torch.device) -> Tensor:
    """mix(index ⊕ mix(step ⊕ mix(seed))) for every element, whose index counts in row-major order.

    Args:
        shape: of the result.
        step: an int, or an int64 tensor of no dimensions where the step must not leave the device.
        seed: any int; its low 32 bits count, as do those of the index and the step.
        device: of the result.

    Returns:
        int64, values in [0, 2³²).
    """
    index = torch.arange(shape.numel(), device=device) & _WORD
    return mix(index ^ mix((step & _WORD) ^ mix(seed & _WORD))).view(shape)


def stochastic_round(x: Tensor, dtype: torch.dtype, *, seed: int, step: int | Tensor = 0) -> Tensor:
    r"""Round float32 values to a neighbour in a 16-bit dtype with probabilities that keep the mean.

    .. math:: \operatorname{E} \operatorname{SR}(x) = x, \qquad \operatorname{SR}(x) \in \{x_\downarrow, x_\uparrow\}

    Random bits are added below the last bit that `dtype` keeps and the rest is cut off: 16 bits for
    bfloat16, 13 for float16. They are a hash of element index, step and seed, so results repeat across
    processes and devices. Infinite and NaN entries stay what they are.

    Nearest rounding loses every change below half a unit in the last place: at a learning rate of 1e-5 most
    bfloat16 weights never move.

    Args:
        x: float32, any shape.
        dtype: ``torch.bfloat16`` or ``torch.float16``.
        seed: any int.
        step: an int, or an int64 tensor of no dimensions.

    Returns:
        `dtype`, the shape of x.

    Raises:
        TypeError: x is not float32, or `dtype` is none of the two.

    Example:
        >>> import torch
        >>> from signwise.optim import stochastic_round
        >>> third = torch.full((100_000,), 1 / 3)
        >>> rounded = stochastic_round(third, torch.bfloat16, seed=0)
        >>> rounded.unique().tolist(), round(rounded.double().mean().item(), 4)
        ([0.33203125, 0.333984375], 0.3333)
    """
    if x.dtype != torch.float32:
        raise TypeError(f"x must be float32, got {x.dtype}; convert it with x.float()")
    if dtype not in _SIXTEEN_BITS:
        raise TypeError(f"dtype must be torch.bfloat16 or torch.float16, got {dtype}")
    return narrow(x, dtype, random_bits(x.shape, step, seed, x.device))


def narrow(x: Tensor, dtype: torch.dtype, bits: Tensor | None) -> Tensor:
    """`x` in `dtype`: stochastically with the low 16 bits of `bits` where `dtype` has 16, else to nearest."""
    if bits is None or dtype not in _SIXTEEN_BITS:
        return x.to(dtype)
    x = x.float()
    if dtype == torch.bfloat16:
        return _carry(x, bits, 16).to(dtype)
    # Adding 2⁻¹⁴ takes a subnormal to where float16 has the same spacing as there, and is undone after.
    shift = torch.where(x.abs() < _HALF_NORMAL, torch.copysign(x.new_tensor(_HALF_NORMAL), x), 0.0)
    return torch.copysign(_carry(x + shift, bits, 13) - shift, x).to(dtype)


def _carry(x: Tensor, bits: Tensor, width: int) -> Tensor:
    """Add `width` random bits to the float32 patterns and clear the bits below the carry."""
    low = (1 << width) - 1
    pattern = (x.view(torch.int32) + (bits & low).to(torch.int32)) & ~low
    return torch.where(torch.isfinite(x), pattern.view(torch.float32), x)


def quantize(m: Tensor, bits: Tensor | None) -> tuple[Tensor, Tensor]:
    """Store a tensor as int8 in blocks of 256 consecutive elements, each with its own scale.

    q = ⌊m/scale + r⌋ with scale = max|m|/127 over the block and r uniform in [0, 1), or q = round(m/scale).
    Nearest rounding would freeze a running mean whose changes stay below half a step of 1/127.

    Args:
        m: float32, any shape.
        bits: int64 of m's shape, whose low 16 bits give r; None rounds to nearest.

    Returns:
        (q, scale): int8 of m's shape, and float32, shape ``(⌈numel/256⌉,)``: 0 for a block of zeros. A block
        with an infinite or NaN entry holds zeros and that scale, so that it reads as NaN.
    """
    blocks = torch.nn.functional.pad(m.flatten(), (0, -m.numel() % BLOCK)).view(-1, BLOCK)
    scale = blocks.abs().amax(1) / 127
    ratio = (blocks / torch.where(scale > 0, scale, 1.0)[:, None]).flatten()[: m.numel()].view(m.shape)
    ratio = torch.round(ratio) if bits is None else torch.floor(ratio + (bits & 0xFFFF) * 2.0**-16)
    return ratio.nan_to_num(0, 0, 0).clamp(-127, 127).to(torch.int8), scale


def dequantize(q: Tensor, scale: Tensor) -> Tensor:
    """q·scale, float32, from what :func:`quantize` returned."""
    return q * scale.repeat_interleave(BLOCK)[: q.numel()].view(q.shape)
