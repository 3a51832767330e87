"""One Lion-K step, its rounding and its certificate sums, as the specification reads.

Tensors are whole and everything is a torch expression on them; torch evaluates ``a.add(b, alpha=s)`` as fma(b, s, a)
on a processor that has fused multiply-add.
"""

import torch

from signwise.convex import AsymmetricBox

BLOCK = 256


def mix(h):
    """The 32-bit mixing function on int64 tensors or Python ints."""
    h = h ^ (h >> 16)
    h = h * 0x7FEB352D & 0xFFFFFFFF
    h = h ^ (h >> 15)
    h = h * 0x846CA68B & 0xFFFFFFFF
    return h ^ (h >> 16)


def noise(n, step, seed):
    """16 bits for each index."""
    return mix(torch.arange(n) ^ mix(step ^ mix(seed))) & 0xFFFF


def round_bf16(x, step, seed, stochastic):
    if not stochastic:
        return x.bfloat16()
    pattern = x.view(torch.int32).long() + noise(x.numel(), step, seed).view(x.shape)
    rounded = (pattern & 0xFFFF0000).to(torch.int32).view(torch.float32)
    return torch.where(torch.isfinite(x), rounded, x).bfloat16()


def quantize(m, step, seed, stochastic):
    """int8 codes and the scale of each block of 256."""
    codes, scales = torch.empty_like(m, dtype=torch.int8), []
    random = noise(m.numel(), step, seed) * 2.0**-16
    for begin in range(0, m.numel(), BLOCK):
        block = m[begin : begin + BLOCK]
        scale = block.abs().max() / 127
        scales.append(scale)
        if not torch.isfinite(scale):
            codes[begin : begin + BLOCK] = 0
            continue
        ratio = block / (scale if scale > 0 else 1)
        ratio = torch.floor(ratio + random[begin : begin + BLOCK]) if stochastic else torch.round(ratio)
        codes[begin : begin + BLOCK] = ratio.clamp(-127, 127).to(torch.int8)
    return codes, torch.tensor(scales)


def dequantize(codes, scales):
    return codes.float() * scales.repeat_interleave(BLOCK)[: codes.numel()]


def lion_step(x, g, m, K, *, lr, beta1, beta2, weight_decay, maximize=False, cautious=None, decay="plain"):
    """(x₊, m₊, c) in the dtype of the arguments, which stay as they are."""
    g = -g if maximize else g
    c = m.mul(beta1).add(g, alpha=1 - beta1)
    u = -K.subgradient(c) if K.even else K.subgradient(-c)
    if cautious == "mask":
        u = u * (torch.sign(c) * g > 0)
    shrunk = x.mul(1 - lr * weight_decay)
    if decay == "cautious":
        shrunk = torch.where(torch.sign(u) * x <= 0, shrunk, x)
    # -u times -lr, as torch's own optimizers write it: a zero step then keeps the sign of a zero weight.
    x_after = shrunk.add(-u, alpha=-lr) if K.even else shrunk.add(u, alpha=lr)
    return x_after, m.mul(beta2).add(g, alpha=1 - beta2), c


def step_sums(x, g, m, c, x_after, m_after, K, *, weight_decay, cautious=None):
    """The certificate sums by name, in float64."""
    x, g, m, c, x_after, m_after = (t.double() for t in (x, g, m, c, x_after, m_after))
    y, y_after = weight_decay * x, weight_decay * x_after
    u = K.subgradient(-c)
    if cautious == "mask":
        u = u * (c * g > 0)
    inside, inside_after = K.project(y), K.project(y_after)
    w = K.conjugate_subgradient(inside_after)
    result = {
        "k_gradient": K.value(-g),
        "conjugate_before": K.conjugate(inside),
        "x_gradient": (x * g).sum(),
        "distance_squared": K.distance(y_after) ** 2,
        "k_momentum_before": K.value(-m),
        "x_momentum_before": (x * m).sum(),
        "conjugate_after": K.conjugate(inside_after),
        "k_momentum_after": K.value(-m_after),
        "x_momentum_after": (x_after * m_after).sum(),
        "delta_weights": ((-c - w) * (u - y_after)).sum(),
        "delta_momentum": ((m_after - c) * (u - K.subgradient(-m_after))).sum(),
        "step_squared": (x_after - x).square().sum(),
        "gauge_before": gauge(y, K),
        "gauge_after": gauge(y_after, K),
    }
    return {name: float(value) for name, value in result.items()}


def gauge(y, K):
    """Of a box whose ends differ: what is outside, relative to the larger end, from 1 on."""
    if not isinstance(K, AsymmetricBox):
        return K.gauge(y)
    outside = (y - K.project(y)).abs().max()
    return 1 + outside / max(abs(K.low), abs(K.high)) if outside > 0 else outside
