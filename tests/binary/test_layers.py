import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from signwise.binary import BiPerConv2d, BiPerLinear, PerLayer, bsign, set_omega, set_stage
from signwise.optim import Lion


def test_the_convolution_reads_like_its_formula():
    layer = BiPerConv2d(6, 4, (3, 2), stride=2, padding=1, dilation=(1, 2), groups=2)
    a = torch.randn(3, 6, 9, 8)
    b = bsign(torch.sin(20.0 * layer.weight))
    expected = layer.alpha * F.conv2d(bsign(a), b, None, 2, 1, (1, 2), 2) + layer.bias.reshape(-1, 1, 1)
    assert torch.equal(layer.eval()(a), expected)


def test_training_and_evaluation_give_the_same_whatever_the_size_of_the_input():
    for layer, a in (
        (BiPerConv2d(5, 3, 3, padding=1), torch.randn(2, 5, 6, 6)),
        (BiPerLinear(7, 3), torch.randn(4, 2, 7)),
        (BiPerConv2d(1, 2, 1), torch.randn(2, 1, 1, 1)),
    ):
        reference = layer.eval()(a)
        for scale in (1e-3, 1.0, 50.0):
            assert torch.equal(layer.train()(scale * a), reference)
            assert torch.equal(layer.eval()(scale * a), reference)


def test_the_gradient_window_is_that_of_the_normalized_input():
    layer = BiPerLinear(4, 1, bias=False, alpha="none", weight_surrogate="ste")
    a = torch.tensor([[1.0, -2.0, 0.5, 3.0]], dtype=torch.float64, requires_grad=True)
    layer.double()(a).sum().backward()
    free = a.detach().clone().requires_grad_()
    a0 = free / torch.sqrt(free.var(-1, keepdim=True) + 1e-5)
    u = layer.binary_weight().detach() * (2 - 2 * a0.detach().abs()).clamp_min(0)
    a0.backward(u)
    torch.testing.assert_close(a.grad, free.grad)


def test_scales():
    layer = BiPerConv2d(4, 3, 3, alpha="mean_abs", omega=5.0)
    torch.testing.assert_close(layer.scale().flatten(), torch.sin(5.0 * layer.weight).abs().mean((1, 2, 3)))
    assert BiPerLinear(4, 3, alpha="none").scale() is None
    alpha = BiPerConv2d(4, 3000, 1).alpha
    assert alpha.shape == (3000, 1, 1)
    assert 0 <= alpha.min() < 0.01
    assert 0.99 < alpha.max() < 1


def test_float_activations_are_not_normalized():
    layer = BiPerLinear(6, 2, act_surrogate=None, bias=False)
    a = torch.randn(3, 6)
    assert torch.equal(layer(a), F.linear(a, layer.binary_weight()) * layer.alpha)


def test_the_state_holds_frequency_and_stage():
    layer = set_stage(set_omega(BiPerConv2d(2, 2, 3), 7.3), 1)
    other = BiPerConv2d(2, 2, 3)
    other.load_state_dict(layer.state_dict())
    a = torch.randn(1, 2, 4, 4)
    assert torch.equal(other(a), layer(a))
    assert (other._omega, other._stage) == (layer._omega, 1)
    state = layer.state_dict()
    del state["omega"], state["stage"]
    for strict in (True, False):
        with pytest.raises(RuntimeError, match=r"no 'omega'.*torch\.tensor\(20\.0\)[\s\S]*no 'stage'"):
            BiPerConv2d(2, 2, 3).load_state_dict(state, strict=strict)
    assert copy.deepcopy(layer)._omega == layer._omega


def test_half_precision_keeps_the_frequency():
    layer = BiPerLinear(64, 3, omega=17.3)
    before = layer.omega.clone()
    layer.bfloat16()
    assert layer.omega.dtype == torch.float32
    assert torch.equal(layer.omega, before)
    assert layer.stage.dtype == torch.uint8
    assert torch.equal(layer.binary_weight(), bsign(torch.sin(layer._omega * layer.weight.float())))
    assert layer(torch.randn(2, 64, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_from_float_copies():
    conv = nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2).eval()
    layer = BiPerConv2d.from_float(conv, omega=PerLayer(2.0))
    assert torch.equal(layer.weight, conv.weight)
    assert torch.equal(layer.bias, conv.bias)
    assert layer.omega.item() == pytest.approx(2.0 / conv.weight.std().item(), rel=1e-5)
    assert not layer.training
    assert layer(torch.randn(1, 4, 7, 7)).shape == conv(torch.randn(1, 4, 7, 7)).shape


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"padding_mode": "reflect"}, "padding_mode"),
        ({"alpha": "mean"}, "alpha must be"),
        ({"omega": 0.0}, "omega must be positive"),
        ({"stage": 0}, "stage must be"),
        ({"act_surrogate": "relu"}, "no surrogate"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        BiPerConv2d(2, 2, 3, **options)


@pytest.mark.parametrize("optimizer", ["sgd", "lion"])
@pytest.mark.parametrize("stage", [1, 2])
def test_scale_identity(optimizer, stage):
    """Training (ω, η, λ, σ) is training (1, ω²η, λ/ω², ωσ) under SGD, and (1, ωη, λ/ω, ωσ) under sign updates."""
    omega = 16.0  # a power of two, so that scaling rounds nothing
    a, target = torch.randn(64, 12), torch.randn(64, 8)
    histories = []
    for scaled in (False, True):
        torch.manual_seed(0)
        layer = BiPerLinear(12, 8, bias=False, alpha="none", omega=1.0 if scaled else omega, stage=stage)
        factor = omega if scaled else 1.0
        with torch.no_grad():
            layer.weight.mul_(factor)
        if optimizer == "sgd":
            step = torch.optim.SGD(layer.parameters(), lr=1e-3 * factor**2, momentum=0.9, weight_decay=0.01 / factor**2)
        else:
            step = Lion(layer.parameters(), lr=2e-3 * factor, weight_decay=0.5 / factor)
        history = []
        for _ in range(60):
            step.zero_grad()
            F.mse_loss(layer(a), target).backward()
            step.step()
            history.append(bsign(torch.sin(layer.omega * layer.weight.detach())))
        histories.append(torch.stack(history))
    assert torch.equal(*histories)
    assert bool((histories[0] != histories[0][0]).any()), "no bit ever flipped, so the run shows nothing"
