"""Narrow storage: rounding without bias, blocks, and steps that nearest rounding would lose."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from signwise.optim import LionK, stochastic_round
from signwise.optim._precision import dequantize, mix, narrow, quantize, random_bits, stream

HALVES = [torch.bfloat16, torch.float16]


def mix_in_uint32(h):
    """The definition, in a type that wraps by itself."""
    h = np.uint32(h)
    with np.errstate(over="ignore"):
        h ^= h >> np.uint32(16)
        h *= np.uint32(0x7FEB352D)
        h ^= h >> np.uint32(15)
        h *= np.uint32(0x846CA68B)
        h ^= h >> np.uint32(16)
    return int(h)


@given(st.integers(0, 2**32 - 1))
def test_the_hash_of_ints_and_tensors_is_the_definition(h):
    assert mix(h) == mix_in_uint32(h) == int(mix(torch.tensor(h)))


def test_bits_depend_on_index_step_and_seed_alone():
    bits = random_bits(torch.Size([2, 3]), 5, 7, torch.device("cpu"))
    expected = [mix(i ^ mix(5 ^ mix(7))) for i in range(6)]
    assert bits.flatten().tolist() == expected
    assert torch.equal(bits, random_bits(torch.Size([2, 3]), torch.tensor(5), 7 + 2**32, torch.device("cpu")))
    assert len({stream(0, number, role) for number in range(1000) for role in (0, 1)}) == 2000


@pytest.mark.parametrize("dtype", HALVES)
@given(value=st.floats(-60000, 60000, width=32), seed=st.integers(0, 2**32 - 1))
def test_stochastic_rounding_goes_to_a_neighbour(dtype, value, seed):
    x = torch.tensor([value])
    rounded = stochastic_round(x, dtype, seed=seed).float()
    nearest = x.to(dtype).float()
    if torch.equal(nearest, x):
        assert torch.equal(rounded, x)
    else:
        away = torch.nextafter(x.to(dtype), torch.tensor([math.inf if nearest < x else -math.inf], dtype=dtype))
        assert rounded.item() in (nearest.item(), away.float().item())


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("value", [1 / 3, -1e-3, 2.1e-6, 123.456])
def test_stochastic_rounding_keeps_the_mean(dtype, value):
    x = torch.full((200_000,), value)
    rounded = stochastic_round(x, dtype, seed=3).double()
    spacing = (rounded.max() - rounded.min()).item()
    # Five standard errors of a two-valued variable.
    assert abs(rounded.mean().item() - x[0].item()) <= 5 * 0.5 * spacing / math.sqrt(200_000)


def test_rounding_leaves_what_is_not_finite():
    x = torch.tensor([math.inf, -math.inf, math.nan, 0.0, -0.0])
    for dtype in HALVES:
        rounded = stochastic_round(x, dtype, seed=1)
        assert torch.equal(rounded.float().nan_to_num(9.0), x.nan_to_num(9.0))
        assert rounded.signbit().tolist()[3:] == [False, True]


def test_rounding_refuses_other_dtypes():
    with pytest.raises(TypeError, match=r"x must be float32, got torch.float64; convert it"):
        stochastic_round(torch.zeros(2, dtype=torch.float64), torch.bfloat16, seed=0)
    with pytest.raises(TypeError, match=r"dtype must be torch.bfloat16 or torch.float16, got torch.int8"):
        stochastic_round(torch.zeros(2), torch.int8, seed=0)


@pytest.mark.parametrize("n", [0, 1, 255, 256, 257, 1000])
@pytest.mark.parametrize("nearest", [True, False])
def test_int8_blocks_are_off_by_at_most_one_code(n, nearest):
    m = torch.randn(n) * 10 ** torch.randn(n)
    bits = None if nearest else random_bits(m.shape, 1, 2, m.device)
    q, scale = quantize(m, bits)
    assert (q.dtype, q.shape, scale.shape) == (torch.int8, m.shape, (-(-n // 256),))
    error = (dequantize(q, scale) - m).abs()
    step = scale.repeat_interleave(256)[:n]
    assert (error <= step * (0.5 if nearest else 1.0) * (1 + 1e-5)).all()


def test_int8_blocks_keep_zeros_and_mark_what_is_not_finite():
    m = torch.zeros(512)
    m[300] = math.inf
    q, scale = quantize(m, None)
    assert scale[0] == 0
    assert not q.any()
    assert dequantize(q, scale)[:256].abs().max() == 0
    assert dequantize(q, scale)[256:].isnan().all()


def test_int8_rounding_keeps_the_mean():
    m = torch.full((25_600,), 0.3)
    m[::256] = 1.0
    q, scale = quantize(m, random_bits(m.shape, 1, 2, m.device))
    rest = torch.ones(25_600, dtype=torch.bool)
    rest[::256] = False
    mean = dequantize(q, scale)[rest].double().mean().item()
    assert abs(mean - 0.3) <= 5 * 0.5 / 127 / math.sqrt(25_500)


def test_narrowing_without_bits_is_to_nearest():
    x = torch.randn(100)
    assert torch.equal(narrow(x, torch.bfloat16, None), x.bfloat16())


@pytest.mark.parametrize(("rounding", "moves"), [("auto", True), ("nearest", False)])
def test_small_steps_of_bfloat16_weights_are_lost_without_stochastic_rounding(rounding, moves):
    x = torch.nn.Parameter(torch.ones(10_000, dtype=torch.bfloat16))
    optimizer = LionK([x], 1e-4, rounding=rounding)
    for _ in range(20):
        x.grad = torch.ones_like(x)
        optimizer.step()
    if moves:
        assert x.detach().double().mean().item() == pytest.approx(1 - 20 * 1e-4, abs=3e-4)
    else:
        assert (x == 1).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.int8])
def test_narrow_momentum_follows_a_constant_gradient(dtype):
    x = torch.nn.Parameter(torch.zeros(4096))
    optimizer = LionK([x], 0.0, momentum_dtype=dtype)
    for _ in range(600):
        x.grad = torch.ones(4096)
        optimizer.step()
    state = optimizer.state[x]
    m = dequantize(state["exp_avg"], state["exp_avg_scale"]) if dtype == torch.int8 else state["exp_avg"].float()
    assert m.mean().item() == pytest.approx(1 - 0.99**600, rel=0.01)


def test_narrow_momentum_takes_the_memory_it_says():
    x = torch.nn.Parameter(torch.zeros(1000))
    optimizer = LionK([x], 0.1, momentum_dtype=torch.int8)
    x.grad = torch.ones(1000)
    optimizer.step()
    state = optimizer.state[x]
    assert state["exp_avg"].nbytes + state["exp_avg_scale"].nbytes == 1000 + 4 * 4


@pytest.mark.parametrize("options", [{}, {"momentum_dtype": torch.bfloat16}, {"momentum_dtype": torch.int8}])
def test_runs_repeat_and_seeds_differ(options):
    def run(seed):
        x = torch.nn.Parameter(torch.linspace(-1, 1, 1000).bfloat16())
        optimizer = LionK([x], 1e-3, seed=seed, **options)
        generator = torch.Generator().manual_seed(0)
        for _ in range(5):
            x.grad = torch.randn(1000, generator=generator).bfloat16()
            optimizer.step()
        return x.detach()

    assert torch.equal(run(0), run(0))
    assert not torch.equal(run(0), run(1))


def test_half_weights_stay_within_one_unit_of_the_set():
    x = torch.nn.Parameter(torch.zeros(1000, dtype=torch.bfloat16))
    optimizer = LionK([x], 0.01, radius=0.3)
    for _ in range(300):
        x.grad = -torch.ones_like(x)
        optimizer.step()
    assert x.max().item() <= 0.3 * (1 + 2**-7)
