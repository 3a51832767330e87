"""The transforms as torch operators: kernels on the CPU, torch's own elsewhere, the inverse as gradient.

The only file here that imports torch; it is imported when a tensor first comes.
"""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import torch

from signwise._native import _ortho as _kernels

_EXACT = (
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
)


def constant(
    kept: dict[tuple[str, str], torch.Tensor],
    name: str,
    array: Any,
    device: torch.device,
    dtype: torch.dtype | None = None,
) -> torch.Tensor:
    """A parameter of an operator as a tensor on the device, made once for each device."""
    place = (name, str(device))
    if place not in kept:
        kept[place] = torch.from_numpy(array).to(device=device, dtype=dtype)
    return kept[place]


def packed_mask(kept: dict[tuple[str, str], torch.Tensor], signs: torch.Tensor) -> torch.Tensor:
    """The signs of a rotation as int64 words, a bit 1 for -1, made once for each device."""
    place = ("mask", str(signs.device))
    if place not in kept:
        bits = (signs < 0).to(torch.int64).view(-1, 64)
        kept[place] = (bits << torch.arange(64, device=signs.device)).sum(-1)
    return kept[place]


def as_int64(words: torch.Tensor) -> torch.Tensor:
    """Words or bytes as int64 words of the same bits."""
    # Bytes are copied: as words they must begin at a multiple of 8 and lie side by side.
    whole = words.clone(memory_format=torch.contiguous_format) if words.dtype == torch.uint8 else words
    return whole.view(torch.int64)


def as_floating(x: torch.Tensor) -> torch.Tensor:
    """x for a transform that is not exact: whole numbers in the default dtype, half precision in float32."""
    check_dtype(x)
    if not x.is_floating_point():
        return x.to(torch.get_default_dtype())
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def check_dtype(x: torch.Tensor) -> None:
    """Refuse a dtype that has no negative numbers or that the kernels do not know."""
    if x.dtype not in _EXACT:
        raise TypeError(f"x must be of a signed integer or floating-point dtype, got {x.dtype}; convert it")


def _as_array(x: torch.Tensor) -> tuple[Any, bool]:
    """A numpy view, numpy lacking bfloat16 by its bits, and whether the bits are floating point."""
    x = x.detach().contiguous()
    return (x.view(torch.int16) if x.dtype == torch.bfloat16 else x).numpy(), x.is_floating_point()


@torch.library.custom_op("signwise::signed_rotation", mutates_args=())
def signed_rotation(x: torch.Tensor, signs: torch.Tensor, shift: int) -> torch.Tensor:
    """signs * R^shift x on the last axis."""
    if x.device.type != "cpu":
        return torch.roll(x, shift, -1) * signs
    array, floating = _as_array(x)
    out = _kernels.signed_rotation(array, signs.numpy(), shift, floating=floating)
    return torch.from_numpy(out).view(x.dtype)


@torch.library.custom_op("signwise::signed_permutation", mutates_args=())
def signed_permutation(x: torch.Tensor, signs: torch.Tensor, perm: torch.Tensor) -> torch.Tensor:
    """signs * x[perm] on the last axis."""
    if x.device.type != "cpu":
        return x.index_select(-1, perm) * signs
    array, floating = _as_array(x)
    out = _kernels.signed_permutation(array, signs.numpy(), perm.numpy(), floating=floating)
    return torch.from_numpy(out).view(x.dtype)


@torch.library.custom_op("signwise::rotate_words", mutates_args=())
def rotate_words(x: torch.Tensor, mask: torch.Tensor, shift: int) -> torch.Tensor:
    """R^shift on the bits of int64 words of the last axis, then XOR with the mask."""
    if x.device.type != "cpu":
        return rotate_words_elsewhere(x, mask, shift)
    out = _kernels.rotate_words(x.numpy().view(np.uint64), mask.numpy().view(np.uint64), shift)
    return torch.from_numpy(out.view(np.int64))


def rotate_words_elsewhere(x: torch.Tensor, mask: torch.Tensor, shift: int) -> torch.Tensor:
    """:func:`rotate_words` in torch's own operations."""
    words, bits = divmod(shift, 64)
    out = torch.roll(x, words, -1)
    if bits:
        # A shift of int64 to the right copies its sign; the mask of the low bits drops the copies.
        carried = (torch.roll(x, words + 1, -1) >> (64 - bits)) & ((1 << bits) - 1)
        out = (out << bits) | carried
    return (out ^ mask).contiguous()


@torch.library.custom_op("signwise::hadamard_signs", mutates_args=())
def hadamard_signs(x: torch.Tensor, signs: torch.Tensor) -> torch.Tensor:
    """signs[0] * x, then v <- signs[q] * (FWHT(v) / sqrt(d)), on the last axis; float32 or float64."""
    if x.device.type == "cpu":
        return torch.from_numpy(_kernels.hadamard_signs(_as_array(x)[0], signs.numpy()))
    d = x.shape[-1]
    v = x * signs[0]
    for mask in signs[1:]:
        h = 1
        while h < d:
            pairs = v.reshape(*x.shape[:-1], d // (2 * h), 2, h)
            a, b = pairs.unbind(-2)
            v = torch.stack([a + b, a - b], dim=-2)
            h *= 2
        v = v.reshape(x.shape) * (d**-0.5) * mask
    return v


@torch.library.custom_op("signwise::dense", mutates_args=())
def dense(x: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """matrix x on the last axis, in x's precision also under autocast."""
    autocast: Any = contextlib.nullcontext()
    if torch.amp.is_autocast_available(x.device.type):
        autocast = torch.autocast(x.device.type, enabled=False)
    with autocast:
        return (x @ matrix.mT).contiguous()


@signed_rotation.register_fake
def _(x: torch.Tensor, signs: torch.Tensor, shift: int) -> torch.Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


@signed_permutation.register_fake
def _(x: torch.Tensor, signs: torch.Tensor, perm: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


@rotate_words.register_fake
def _(x: torch.Tensor, mask: torch.Tensor, shift: int) -> torch.Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


@hadamard_signs.register_fake
def _(x: torch.Tensor, signs: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


@dense.register_fake
def _(x: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _keep_rotation(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
    ctx.save_for_backward(inputs[1])
    ctx.shift = inputs[2]


def _rotation_gradient(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
    (signs,) = ctx.saved_tensors
    back = -ctx.shift % signs.shape[-1]
    return signed_rotation(gradient, signs.roll(back), back), None, None


def _keep_permutation(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
    ctx.save_for_backward(inputs[1], inputs[2])


def _permutation_gradient(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
    signs, perm = ctx.saved_tensors
    back = torch.empty_like(perm)
    back[perm.long()] = torch.arange(len(perm), dtype=perm.dtype, device=perm.device)
    return signed_permutation(gradient, signs[back.long()], back), None, None


def _keep_parameter(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
    ctx.save_for_backward(inputs[1])


def _dense_gradient(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
    (matrix,) = ctx.saved_tensors
    return dense(gradient, matrix.mT), None


def _hadamard_gradient(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
    (signs,) = ctx.saved_tensors
    return hadamard_signs(gradient, signs.flip(0)), None


signed_rotation.register_autograd(_rotation_gradient, setup_context=_keep_rotation)
signed_permutation.register_autograd(_permutation_gradient, setup_context=_keep_permutation)
hadamard_signs.register_autograd(_hadamard_gradient, setup_context=_keep_parameter)
dense.register_autograd(_dense_gradient, setup_context=_keep_parameter)


def _batched_rotation(
    info: Any, dims: tuple[int | None, ...], x: torch.Tensor, signs: torch.Tensor, shift: int
) -> tuple[torch.Tensor, int]:
    return signed_rotation(_batch_first(dims, x), signs, shift), 0


def _batched_permutation(
    info: Any, dims: tuple[int | None, ...], x: torch.Tensor, signs: torch.Tensor, perm: torch.Tensor
) -> tuple[torch.Tensor, int]:
    return signed_permutation(_batch_first(dims, x), signs, perm), 0


def _batched_words(
    info: Any, dims: tuple[int | None, ...], x: torch.Tensor, mask: torch.Tensor, shift: int
) -> tuple[torch.Tensor, int]:
    return rotate_words(_batch_first(dims, x), mask, shift), 0


def _batched_masks(
    info: Any, dims: tuple[int | None, ...], x: torch.Tensor, signs: torch.Tensor
) -> tuple[torch.Tensor, int]:
    return hadamard_signs(_batch_first(dims, x), signs), 0


def _batched_dense(
    info: Any, dims: tuple[int | None, ...], x: torch.Tensor, matrix: torch.Tensor
) -> tuple[torch.Tensor, int]:
    return dense(_batch_first(dims, x), matrix), 0


def _batch_first(dims: tuple[int | None, ...], x: torch.Tensor) -> torch.Tensor:
    # Only x is ever batched: the parameters are constants of one operator.
    assert dims[0] is not None
    return x.movedim(dims[0], 0)


signed_rotation.register_vmap(_batched_rotation)
signed_permutation.register_vmap(_batched_permutation)
rotate_words.register_vmap(_batched_words)
hadamard_signs.register_vmap(_batched_masks)
dense.register_vmap(_batched_dense)
