import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from signwise.binary import binarize_activation, binarize_weight, bsign, register_surrogate, surrogate

NAMES = ("ste", "ste_clip", "bireal", "biper")
OMEGA = 7.0


def latents(count=2001, dtype=torch.float64):
    # Not on the knees of the clipped pairs nor on flips of the sine.
    return torch.linspace(-1.7, 1.7001, count, dtype=dtype)


def test_signs_of_special_values():
    x = torch.tensor([0.0, -0.0, math.nan, math.inf, -math.inf, 5e-324, -5e-324], dtype=torch.float64)
    assert bsign(x).tolist() == [1, 1, -1, 1, -1, 1, -1]
    assert bsign(x.half()).dtype == torch.float16


@pytest.mark.parametrize("name", ["bireal", "biper"])
def test_soft_gradient_is_the_derivative(name):
    pair, x, h = surrogate(name), latents(), 1e-5
    difference = (pair.soft(x + h, OMEGA) - pair.soft(x - h, OMEGA)) / (2 * h)
    w = x.clone().requires_grad_()
    binarize_weight(w, name, omega=OMEGA, stage=1).sum().backward()
    smooth = ((x.abs() - 1).abs() > 1e-4) & (x.abs() > 1e-4) if name == "bireal" else torch.ones_like(x, dtype=bool)
    error = (w.grad - difference).abs() / difference.abs().clamp_min(1e-3 * OMEGA)
    assert error[smooth].max() < 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_hard_gradient_is_the_surrogate_times_what_comes(name):
    w = latents().requires_grad_()
    u = torch.randn(w.shape, dtype=w.dtype)
    binarize_weight(w, name, omega=OMEGA, stage=2).backward(u)
    x = w.detach()
    expected = {
        "ste": torch.ones_like(x),
        "ste_clip": (x.abs() <= 1).double(),
        "bireal": (2 - 2 * x.abs()).clamp_min(0),
        "biper": OMEGA * torch.cos(OMEGA * x),
    }[name]
    torch.testing.assert_close(w.grad, u * expected, rtol=1e-6, atol=1e-9)


@given(st.floats(-3, 3), st.integers(-3, 3), st.sampled_from([1.0, 5.0, 20.0]))
def test_a_period_keeps_and_half_a_period_flips(w, shift, omega):
    x = torch.tensor([w], dtype=torch.float64)
    phase = (omega * w / math.pi) % 1
    if min(phase, 1 - phase) < 1e-5 * omega:
        return
    here = binarize_weight(x, omega=omega)
    assert binarize_weight(x + 2 * math.pi * shift / omega, omega=omega) == here
    assert binarize_weight(x + math.pi * (2 * shift + 1) / omega, omega=omega) == -here


def test_values():
    x = latents()
    assert torch.equal(binarize_weight(x, omega=OMEGA, stage=1), torch.sin(OMEGA * x))
    assert torch.equal(binarize_weight(x, omega=OMEGA, stage=2), bsign(torch.sin(OMEGA * x)))
    assert torch.equal(binarize_activation(x), bsign(x))


def test_arguments():
    x = torch.zeros(2)
    with pytest.raises(ValueError, match=r"no surrogate .bipper.; registered are:.*biper"):
        binarize_weight(x, "bipper")
    with pytest.raises(ValueError, match="stage must be 1"):
        binarize_weight(x, stage=3)
    with pytest.raises(TypeError, match=r"torch\.int64"):
        binarize_activation(torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ValueError, match="registered already"):
        register_surrogate("ste", lambda x, omega: x, lambda x, omega: x)
