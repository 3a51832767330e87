"""Tensors: the operators registered with torch, and their computation on devices without kernels.

Importing this module registers the operators ``signwise::bits_*``. Each takes and gives int64 words (the bits of
the uint64 words); on the CPU it calls the kernels on numpy views, elsewhere it computes with torch. None has a
gradient: their results are integers, which autograd treats as constants.
"""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._native import _bits as _native
from ._products import hamming_words, matmul_words

# Partial sums of signs stay whole numbers that any matrix unit adds exactly, whatever it rounds its inputs to.
_EXACT = 4096
_CHUNK = 1 << 26  # elements of a temporary tensor

# Typed as Any because torch leaves these functions without annotations.
_Library: Any = torch.library.Library
_broadcast_shapes: Any = torch.broadcast_shapes
_LIBRARY = _Library("signwise", "FRAGMENT")
_PACKABLE = {torch.float16, torch.bfloat16, torch.float32, torch.float64}
_PACKABLE |= {torch.int8, torch.int16, torch.int32, torch.int64}


def _words(t: Tensor) -> Any:
    return t.numpy().view(np.uint64)


def from_numpy(words: Any) -> Tensor:
    """The words as an int64 tensor, sharing their memory where torch can (a tensor passes through)."""
    if isinstance(words, Tensor):
        return words
    if not words.flags.writeable or min(words.strides) < 0:
        words = words.copy()
    return torch.from_numpy(words.view(np.int64))


def _define(schema: str, cpu: Any, elsewhere: Any, fake: Any) -> Any:
    name = schema.split("(")[0]
    _LIBRARY.define(schema, tags=(torch.Tag.pt2_compliant_tag,))
    _LIBRARY.impl(name, cpu, "CPU")
    _LIBRARY.impl(name, elsewhere, "CompositeExplicitAutograd")
    torch.library.register_fake(f"signwise::{name}", fake, lib=_LIBRARY)
    return getattr(torch.ops.signwise, name).default


def _check_packable(x: Tensor, ternary: bool) -> None:
    if x.dtype not in _PACKABLE and (ternary or x.dtype != torch.bool):
        hint = "float16, float32, float64, bfloat16 or a signed integer" + ("" if ternary else ", or bool")
        why = ""
        if x.dtype in (torch.uint8, torch.uint16, torch.uint32, torch.uint64):
            why = "; an unsigned value is never negative: compare first (x > 0) or convert to a signed type"
        raise TypeError(f"x has dtype {x.dtype}; expected {hint}{why}")
    if x.ndim == 0:
        raise ValueError("x has no axis to pack along; it needs at least one dimension")


def _raw(x: Tensor) -> tuple[Any, bool]:
    if x.requires_grad:
        x = x.detach()
    if x.dtype == torch.bfloat16:
        return x.view(torch.int16).numpy().view(np.uint16), True
    return x.numpy(), False


def _pack_cpu(x: Tensor) -> Tensor:
    values, bfloat16 = _raw(x)
    return torch.from_numpy(_native.pack(values, bfloat16=bfloat16).view(np.int64))


def _words_of_bits(bits: Tensor) -> Tensor:
    k = bits.shape[-1]
    words = (k + 63) // 64
    if k == 0:
        return torch.zeros((*bits.shape[:-1], 0), dtype=torch.int64, device=bits.device)
    octets = torch.zeros((*bits.shape[:-1], words * 64), dtype=torch.uint8, device=bits.device)
    octets[..., :k] = bits
    shifts = torch.arange(8, dtype=torch.uint8, device=bits.device)
    octets = (octets.view(*bits.shape[:-1], words * 8, 8) << shifts).sum(-1, dtype=torch.uint8)
    return octets.view(torch.int64)


def _bits_of_words(words: Tensor, k: int) -> Tensor:
    if k == 0:
        return torch.zeros((*words.shape[:-1], 0), dtype=torch.uint8, device=words.device)
    shifts = torch.arange(8, dtype=torch.uint8, device=words.device)
    # A view as bytes needs a last stride of 1, which a contiguous tensor of one word a row may lack; a clone has it.
    octets = words.clone(memory_format=torch.contiguous_format).view(torch.uint8)
    return ((octets[..., None] >> shifts) & 1).flatten(-2)[..., :k]


def _pack_elsewhere(x: Tensor) -> Tensor:
    return _words_of_bits(x if x.dtype == torch.bool else x >= 0)


def _pack_fake(x: Tensor) -> Tensor:
    return x.new_empty((*x.shape[:-1], (x.shape[-1] + 63) // 64), dtype=torch.int64)


def _ternary_cpu(x: Tensor) -> tuple[Tensor, Tensor]:
    values, bfloat16 = _raw(x)
    nonzero, positive = _native.pack_ternary(values, bfloat16=bfloat16)
    return torch.from_numpy(nonzero.view(np.int64)), torch.from_numpy(positive.view(np.int64))


def _ternary_elsewhere(x: Tensor) -> tuple[Tensor, Tensor]:
    positive = x > 0
    return _words_of_bits(positive | (x < 0)), _words_of_bits(positive)


_pack_op = _define("bits_pack(Tensor x) -> Tensor", _pack_cpu, _pack_elsewhere, _pack_fake)
_ternary_op = _define(
    "bits_pack_ternary(Tensor x) -> (Tensor, Tensor)",
    _ternary_cpu,
    _ternary_elsewhere,
    lambda x: (_pack_fake(x), _pack_fake(x)),
)


def pack(x: Tensor) -> Tensor:
    """Words of the signs of a tensor."""
    _check_packable(x, False)
    words: Tensor = _pack_op(x)
    return words


def pack_ternary(x: Tensor) -> tuple[Tensor, Tensor]:
    """Planes of the ternary signs of a tensor."""
    _check_packable(x, True)
    planes: tuple[Tensor, Tensor] = _ternary_op(x)
    return planes


def _unpack_cpu(words: Tensor, length: int) -> Tensor:
    return torch.from_numpy(_native.unpack(_words(words), length).view(np.bool_))


def _unpack_fake(words: Tensor, length: int) -> Tensor:
    return words.new_empty((*words.shape[:-1], length), dtype=torch.bool)


_unpack_op = _define(
    "bits_unpack(Tensor words, SymInt length) -> Tensor",
    _unpack_cpu,
    lambda words, length: _bits_of_words(words, length).to(torch.bool),
    _unpack_fake,
)


def unpack(words: Tensor, length: int, dtype: Any) -> Tensor:
    """The signs as a tensor of +1 and -1, or as booleans."""
    if isinstance(dtype, str):
        dtype = getattr(torch, dtype, None)
    if not isinstance(dtype, torch.dtype):
        raise TypeError("dtype must be a torch dtype or its name")
    bits: Tensor = _unpack_op(words, length)
    if dtype == torch.bool:
        return bits
    if not dtype.is_signed or dtype.is_complex:
        raise TypeError(f"dtype {dtype} cannot hold -1; give a floating or signed dtype, or bool")
    return bits.to(dtype) * 2 - 1


def _no_autocast(t: Tensor) -> Any:
    device = t.device.type
    if torch.amp.is_autocast_available(device):
        return torch.autocast(device, enabled=False)
    return contextlib.nullcontext()


def _matmul_elsewhere(a: Tensor, b: Tensor, length: int) -> Tensor:
    shape = (*_broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-2])
    out = torch.zeros(shape, dtype=torch.int32, device=a.device)
    step = _EXACT // 64
    with _no_autocast(a):
        for w in range(0, a.shape[-1], step):
            count = min(length - 64 * w, _EXACT)
            left, right = (_bits_of_words(t[..., w : w + step], count).to(torch.float32) * 2 - 1 for t in (a, b))
            out += (left @ right.mT).to(torch.int32)
    return out


def _matmul_fake(a: Tensor, b: Tensor, length: int) -> Tensor:
    shape = (*_broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-2])
    return a.new_empty(shape, dtype=torch.int32)


_matmul_op = _define(
    "bits_xnor_matmul(Tensor a, Tensor b, SymInt length) -> Tensor",
    lambda a, b, length: torch.from_numpy(matmul_words(_words(a), _words(b), length)),
    _matmul_elsewhere,
    _matmul_fake,
)


def xnor_matmul(a: Tensor, b: Tensor, length: int) -> Tensor:
    """Product of the signs of two tensors of words."""
    out: Tensor = _matmul_op(a, b, length)
    return out


def _popcount(words: Tensor) -> Tensor:
    """Set bits of each 32-bit half; masks after the shifts drop the copies of the sign bit."""
    x = words.contiguous().flatten().view(torch.int32).view(*words.shape[:-1], 2 * words.shape[-1])
    x = x - ((x >> 1) & 0x55555555)
    x = (x & 0x33333333) + ((x >> 2) & 0x33333333)
    x = (x + (x >> 4)) & 0x0F0F0F0F
    return (x * 0x01010101) >> 24


def _hamming_fake(a: Tensor, b: Tensor) -> Tensor:
    return a.new_empty(_broadcast_shapes(a.shape[:-1], b.shape[:-1]), dtype=torch.int32)


_hamming_op = _define(
    "bits_hamming(Tensor a, Tensor b) -> Tensor",
    lambda a, b: torch.from_numpy(hamming_words(_words(a), _words(b))),
    lambda a, b: _popcount(a ^ b).sum(-1, dtype=torch.int32),
    _hamming_fake,
)


def hamming(a: Tensor, b: Tensor) -> Tensor:
    """Distances of rows of words."""
    out: Tensor = _hamming_op(a, b)
    return out


def _topk_cpu(query: Tensor, base: Tensor, length: int, k: int) -> tuple[Tensor, Tensor]:
    distances, indices = _native.hamming_topk(_words(query), _words(base), k)
    return torch.from_numpy(distances), torch.from_numpy(indices)


def _topk_elsewhere(query: Tensor, base: Tensor, length: int, k: int) -> tuple[Tensor, Tensor]:
    n = base.shape[0]
    order = torch.arange(n, device=base.device)
    keys = []
    for rows in torch.split(query, max(1, _CHUNK // max(1, n))):
        distances = (length - _matmul_elsewhere(rows, base, length).to(torch.int64)) // 2
        keys.append(torch.topk(distances * n + order, k, largest=False, sorted=True).values)
    key = torch.cat(keys) if keys else torch.zeros((0, k), dtype=torch.int64, device=base.device)
    return (key // n).to(torch.int32), key % n


def _topk_fake(query: Tensor, base: Tensor, length: int, k: int) -> tuple[Tensor, Tensor]:
    shape = (query.shape[0], k)
    return query.new_empty(shape, dtype=torch.int32), query.new_empty(shape)


_topk_op = _define(
    "bits_hamming_topk(Tensor query, Tensor base, SymInt length, SymInt k) -> (Tensor, Tensor)",
    _topk_cpu,
    _topk_elsewhere,
    _topk_fake,
)


def hamming_topk(query: Tensor, base: Tensor, length: int, k: int) -> tuple[Tensor, Tensor]:
    """Nearest rows of words."""
    out: tuple[Tensor, Tensor] = _topk_op(query, base, length, k)
    return out


def _sums(words: Tensor, length: int) -> Tensor:
    total = torch.zeros((*words.shape[1:-1], length), dtype=torch.int32, device=words.device)
    for vote in words:
        total += _bits_of_words(vote, length)
    return total


_majority_op = _define(
    "bits_majority(Tensor votes, SymInt length, SymInt least) -> Tensor",
    lambda votes, length, least: torch.from_numpy(_native.majority(_words(votes), least).view(np.int64)),
    lambda votes, length, least: _words_of_bits(_sums(votes, length) >= least),
    lambda votes, length, least: votes.new_empty(votes.shape[1:]),
)


def majority(votes: Tensor, length: int, least: int) -> Tensor:
    """Words with bit 1 where at least ``least`` votes have it."""
    out: Tensor = _majority_op(votes, length, least)
    return out


def _ternary_votes_cpu(
    nonzero: Tensor, positive: Tensor, length: int, coin: bool, key: int, offset: int
) -> tuple[Tensor, Tensor]:
    planes = _native.majority_ternary(_words(nonzero), _words(positive), length, coin=coin, key=key, offset=offset)
    return torch.from_numpy(planes[0].view(np.int64)), torch.from_numpy(planes[1].view(np.int64))


def _times(h: Tensor, factor: int) -> Tensor:
    """h * factor mod 2^32 in int64, in two halves so that nothing overflows."""
    return (h * (factor & 0xFFFF) + ((h * (factor >> 16) & 0xFFFF) << 16)) & 0xFFFFFFFF


def _ternary_votes_elsewhere(
    nonzero: Tensor, positive: Tensor, length: int, coin: bool, key: int, offset: int
) -> tuple[Tensor, Tensor]:
    up, some = _sums(positive, length), _sums(nonzero, length)
    more, decided = 2 * up > some, 2 * up != some
    if coin:
        h = ((torch.arange(more.numel(), device=more.device) + offset) & 0xFFFFFFFF) ^ key
        h = _times(h ^ (h >> 16), 0x7FEB352D)
        h = _times(h ^ (h >> 15), 0x846CA68B)
        heads = ((h ^ (h >> 16)) & 1).to(torch.bool).view(more.shape)
        more = more | (~decided & heads & (some > 0))
        decided = decided | (some > 0)
    return _words_of_bits(decided), _words_of_bits(more)


_ternary_votes_op = _define(
    "bits_majority_ternary(Tensor nonzero, Tensor positive, SymInt length, bool coin, int key, int offset)"
    " -> (Tensor, Tensor)",
    _ternary_votes_cpu,
    _ternary_votes_elsewhere,
    lambda nonzero, positive, length, coin, key, offset: (
        nonzero.new_empty(nonzero.shape[1:]),
        positive.new_empty(positive.shape[1:]),
    ),
)


def majority_ternary(
    nonzero: Tensor, positive: Tensor, length: int, coin: bool, key: int, offset: int
) -> tuple[Tensor, Tensor]:
    """Planes of the sign of the sum of ternary votes."""
    out: tuple[Tensor, Tensor] = _ternary_votes_op(nonzero, positive, length, coin, key, offset)
    return out
