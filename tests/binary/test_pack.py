import copy
import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from signwise import _native
from signwise.binary import BiPerConv2d, BiPerLinear, VerificationError, pack, set_stage, verify

from .nets import NETS, randomize

TIERS = () if _native.core() is None else _native.ISA_NAMES[: 1 + _native.ISA_NAMES.index(_native.best_isa())]


@pytest.fixture(params=sorted(NETS))
def case(request):
    make, shape = NETS[request.param]
    return randomize(make()), torch.randn(shape)


def test_a_packed_network_is_the_module(case):
    model, x = case
    packed = pack(model, x)
    report = verify(packed, model, x)
    assert report.images == len(x)
    assert report.sums > 0
    assert report.weight_bits == sum(
        m.weight.numel() for m in model.modules() if isinstance(m, BiPerConv2d | BiPerLinear)
    )
    with torch.no_grad():
        expected = model(x)
    torch.testing.assert_close(packed(x), expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


def test_tiers_threads_batches_and_numpy_give_the_same_bits(case):
    model, x = case
    packed = pack(model, x)
    with _native.use_fallback():
        expected = pack(model, x)(x.numpy())
    for tier in TIERS:
        with _native.force_isa(tier):
            for threads in (1, 2):
                before = torch.get_num_threads()
                torch.set_num_threads(threads)
                try:
                    np.testing.assert_array_equal(packed(x.numpy()), expected)
                finally:
                    torch.set_num_threads(before)
    one_by_one = np.concatenate([packed(x[i : i + 1].numpy()) for i in range(len(x))])
    np.testing.assert_array_equal(one_by_one, expected)


def test_other_sizes_where_the_layers_allow_them():
    make, _ = NETS["residual"]
    model = randomize(make())
    packed = pack(model, torch.randn(1, 3, 16, 16))
    for size in ((1, 1), (2, 5), (33, 9)):
        x = torch.randn(2, 3, *size)
        verify(packed, model, x)
    model = randomize(NETS["plain"][0]())
    packed = pack(model, torch.randn(1, 3, 14, 13))
    with pytest.raises(ValueError, match="another size"):
        packed(torch.randn(1, 3, 32, 32))


def test_a_difference_is_found_and_named():
    model, x = randomize(NETS["residual"][0]()), torch.randn(2, 3, 9, 9)
    packed = pack(model, x)
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.conv2.weight[3, 2, 1, 0] = -other.conv2.weight[3, 2, 1, 0]
    with pytest.raises(VerificationError, match="conv2: weights differs"):
        verify(packed, other, x)
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.bn1.bias[5] += 1.0
    with pytest.raises(VerificationError, match=r"conv1: threshold differs from the module's at \(5,\)"):
        verify(packed, other, x)
    with pytest.raises(ValueError, match="other operations"):
        verify(packed, randomize(NETS["plain"][0]()), torch.randn(1, 3, 14, 13))


def test_a_wrong_kernel_is_found(monkeypatch):
    from signwise._native._binary import _NativeStepper
    from signwise._native._binary_numpy import Reference

    model, x = randomize(NETS["residual"][0]()), torch.randn(2, 3, 9, 9)
    packed = pack(model, x)
    stepper = Reference if _native.core() is None else _NativeStepper
    right = stepper.sums

    def wrong(self, operation):
        sums = right(self, operation)
        sums[1, 2, 3, 4] += 2
        return sums

    monkeypatch.setattr(stepper, "sums", wrong)
    with pytest.raises(VerificationError, match=r"conv1: sum \(1, 2, 3, 4\) is"):
        verify(packed, model, x)


def test_a_sign_far_from_zero_is_found(monkeypatch):
    from signwise.binary import _fold

    model, x = randomize(NETS["residual"][0]()), torch.randn(2, 3, 9, 9)
    right = _fold.thresholds
    monkeypatch.setattr(_fold, "thresholds", lambda a, b, k: (right(a, b, k)[0] + 30, right(a, b, k)[1]))
    with pytest.raises(VerificationError, match=r"conv1: sign .* the module's value is"):
        pack(model, x)


@pytest.mark.parametrize("stem", ["int8", "bfloat16"])
def test_reduced_stem(stem):
    model, x = randomize(NETS["residual"][0]()), torch.randn(8, 3, 16, 16)
    packed = pack(model, x, stem=stem)
    report = verify(packed, model, x, stem=stem)
    assert 0 < report.logit_change < 10
    assert 0 <= report.top1_agreement <= 1
    assert (packed.net.operations[0].kind == "byte_conv") == (stem == "int8")
    with _native.use_fallback():
        expected = pack(model, x, verify=False, stem=stem)(x.numpy())
    for tier in TIERS:
        with _native.force_isa(tier):
            np.testing.assert_array_equal(packed(x.numpy()), expected)


def test_the_int8_stem_is_near():
    model = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), BiPerConv2d(16, 4, 1)).eval()
    stem = model[:2]
    x = torch.randn(2, 3, 8, 8)
    packed = pack(model, x, stem="int8")
    stepper = packed.engine.begin(x.numpy())
    stepper.step(0)
    agree = (stepper.read(packed.net.operations[0].finish.bits) >= 0) == (stem(x).detach().numpy() >= 0)
    assert agree.mean() > 0.98


def test_without_an_example():
    make, shape = NETS["residual"]
    model = randomize(make())
    packed = pack(model)
    x = torch.randn(shape)
    assert torch.equal(packed(x), pack(model, x)(x))
    with pytest.raises(ValueError, match="example_inputs"):
        pack(model, stem="int8")
    with pytest.raises(ValueError, match="stem must be"):
        pack(model, stem="fp8")


def unpackable():
    class Second(nn.Module):
        def forward(self, x, y):
            return x + y

    class Branch(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    class Twice(nn.Module):
        def forward(self, x):
            return x * 2

    conv = BiPerConv2d(4, 4, 3)
    nan = nn.Linear(4, 4)
    nn.init.constant_(nan.weight, float("nan"))
    yield "training", nn.Sequential(conv), "model.eval"
    yield "stage", set_stage(nn.Sequential(BiPerConv2d(4, 4, 3)), 1).eval(), "0 is in stage 1"
    yield "finite", nn.Sequential(nan).eval(), "0.weight is not finite"
    yield "relu", nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(), BiPerConv2d(4, 4, 1)).eval(), "'2' binarizes .* of '1'"
    yield "pooled", nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU6(), nn.MaxPool2d(2), conv).eval(), "never negative"
    yield "module", nn.Sequential(conv, nn.Softmax(1)).eval(), "node '_1' is a Softmax"
    yield "function", nn.Sequential(conv, Twice()).eval(), "node 'mul' is a call of mul"
    yield "second", Second().eval(), "second input 'y'"
    yield "branch", Branch().eval(), "cannot be traced"
    yield "padding", nn.Sequential(nn.Conv2d(4, 4, 3, padding_mode="reflect"), conv).eval(), "padding mode 'reflect'"
    yield "same", nn.Sequential(nn.Conv2d(4, 4, 2, padding="same"), conv).eval(), "even kernel"
    yield "adaptive", nn.Sequential(conv, nn.AdaptiveAvgPool2d(2)).eval(), "adaptive pool to 2"


CASES = list(unpackable())


@pytest.mark.parametrize(("model", "message"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_what_cannot_be_packed_is_named(model, message):
    with pytest.raises(ValueError, match=message):
        pack(model, torch.randn(1, 4, 6, 6))


def test_results_are_frozen():
    packed = pack(randomize(NETS["dense"][0]()))
    with pytest.raises(dataclasses.FrozenInstanceError):
        packed.names = ()
