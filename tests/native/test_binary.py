"""The graph in C++ on every tier against the numpy form, bit by bit, and against torch."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from signwise import _native
from signwise._native._binary import Engine, Finish, Net, Operation
from signwise._native._binary_numpy import Reference, fused

pytestmark = pytest.mark.skipif(_native.core() is None, reason="the extension is not built")
TIERS = _native.ISA_NAMES[: 1 + _native.ISA_NAMES.index(_native.best_isa() or "portable")]


def everywhere(net, x):
    """The result on numpy, after a check that every tier and thread count gives the same bits."""
    expected = Reference(net).run(x)
    engine = Engine(net=net)
    for tier in TIERS:
        with _native.force_isa(tier):
            for threads in (1, 3):
                before = torch.get_num_threads()
                torch.set_num_threads(threads)
                try:
                    got = engine.run(x)
                finally:
                    torch.set_num_threads(before)
                assert got.tobytes() == expected.tobytes(), tier
    with _native.use_fallback():
        assert Engine(net=net).run(x).tobytes() == expected.tobytes()
    return expected


def bits_of(weights):
    """Rows of the file's form: index (ky·kw + kx)·c + channel, least significant bit first."""
    rows = weights.transpose(0, 2, 3, 1).reshape(len(weights), -1)
    return np.packbits(rows >= 0, axis=1, bitorder="little")


def rows_of(weights):
    return np.ascontiguousarray(weights.transpose(0, 2, 3, 1).reshape(len(weights), -1))


conv_shapes = st.fixed_dictionaries(
    {
        "groups": st.sampled_from([1, 1, 1, 2, 3]),
        "inputs": st.sampled_from([1, 3, 16, 31, 32, 33, 64, 70]),
        "outputs": st.sampled_from([1, 5, 16, 33, 64, 80, 129]),
        "kernel": st.tuples(st.integers(1, 5), st.integers(1, 5)),
        "stride": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "pad": st.tuples(st.integers(0, 3), st.integers(0, 3)),
        "dilation": st.tuples(st.integers(1, 3), st.integers(1, 2)),
        "size": st.tuples(st.integers(1, 9), st.integers(1, 9)),
        "n": st.integers(1, 3),
        "seed": st.integers(0, 10**6),
    }
)


def fits(case):
    reach = [d * (k - 1) + 1 for d, k in zip(case["dilation"], case["kernel"], strict=True)]
    return all(s + 2 * p >= r for s, p, r in zip(case["size"], case["pad"], reach, strict=True))


def shape_of(case):
    g = case["groups"]
    places = (*case["kernel"], *case["stride"], *case["pad"], *case["dilation"])
    return (case["outputs"] * g, case["inputs"] * g, *places, g)


def convolved(case, x, weights):
    y = F.conv2d(
        torch.from_numpy(x).double(),
        torch.from_numpy(weights).double(),
        None,
        case["stride"],
        case["pad"],
        case["dilation"],
        case["groups"],
    )
    return y.numpy()


def signs(x):
    return np.where(x >= 0, 1.0, -1.0).astype(np.float32)


@settings(max_examples=60)
@given(conv_shapes.filter(fits))
def test_sums_of_signs_are_those_of_the_zero_padded_convolution(case):
    draws = np.random.default_rng(case["seed"])
    shape = shape_of(case)
    x = draws.standard_normal((case["n"], shape[1], *case["size"])).astype(np.float32)
    weights = draws.standard_normal((shape[0], case["inputs"], *case["kernel"])).astype(np.float32)
    channels = shape[0]
    ends = (
        Finish(a=draws.standard_normal(channels).astype("f4"), b=draws.standard_normal(channels).astype("f4"), out=2),
        Finish(
            threshold=draws.integers(-5, 6, channels).astype(np.int32),
            flip=draws.integers(0, 2, channels).astype(np.uint8),
            bits=3,
        ),
    )
    values = ((False, shape[1]), (True, shape[1]), (False, channels), (True, channels))
    sign = Operation(kind="map", input=0, finish=Finish(bits=1))
    expected = convolved(case, signs(x), signs(weights))
    for end in ends:
        conv = Operation(kind="bit_conv", input=1, shape=shape, weights=bits_of(weights), finish=end)
        floats = Net(values=values, operations=(sign, conv), output=2)
        if end.out >= 0:
            y = everywhere(floats, x)
            f32 = expected.astype(np.float32)
            np.testing.assert_array_equal(y, f32 * end.a.reshape(-1, 1, 1) + end.b.reshape(-1, 1, 1))
        for tier in TIERS:
            with _native.force_isa(tier):
                stepper = Engine(net=Net(values=values, operations=(sign, conv), output=0)).begin(x)
                stepper.step(0)
                np.testing.assert_array_equal(stepper.sums(1), expected)
                stepper.step(1)
                if end.bits >= 0:
                    bit = (expected >= end.threshold.reshape(-1, 1, 1)) ^ end.flip.reshape(-1, 1, 1).astype(bool)
                    np.testing.assert_array_equal(stepper.read(3), np.where(bit, 1, -1))


@settings(max_examples=25)
@given(conv_shapes.filter(fits), st.booleans())
def test_float_convolutions(case, residual):
    draws = np.random.default_rng(case["seed"])
    case["inputs"] = min(case["inputs"], 17)
    shape = shape_of(case)
    x = draws.standard_normal((case["n"], shape[1], *case["size"])).astype(np.float32)
    weights = draws.standard_normal((shape[0], case["inputs"], *case["kernel"])).astype(np.float32)
    slope = draws.standard_normal(shape[0]).astype(np.float32)
    first = Operation(kind="float_conv", input=0, shape=shape, weights=rows_of(weights), finish=Finish(out=1, lo=-5.0))
    end = Finish(slope=slope, residual=1 if residual else -1, hi=4.0, out=2, bits=3)
    second = Operation(kind="map", input=1, finish=end)
    values = tuple((kind, shape[0]) for kind in (False, False, True))
    net = Net(values=((False, shape[1]), *values), operations=(first, second), output=2)
    y = convolved(case, x, weights)
    expected = np.maximum(y, -5.0) * (2 if residual else 1)
    expected = np.minimum(np.where(expected > 0, expected, expected * slope.reshape(-1, 1, 1)), 4.0)
    np.testing.assert_allclose(everywhere(net, x), expected, rtol=1e-4, atol=1e-4)


@settings(max_examples=25)
@given(conv_shapes.filter(fits))
def test_byte_convolutions(case):
    draws = np.random.default_rng(case["seed"])
    shape = shape_of(case)
    x = (3 * draws.standard_normal((case["n"], shape[1], *case["size"]))).astype(np.float32)
    weights = draws.integers(-127, 128, (shape[0], case["inputs"], *case["kernel"])).astype(np.int8)
    scale = 0.0625
    op = Operation(kind="byte_conv", input=0, shape=shape, weights=rows_of(weights), scale=scale, finish=Finish(out=1))
    net = Net(values=((False, shape[1]), (False, shape[0])), operations=(op,), output=1)
    levels = np.clip(np.rint(x / scale), -127, 127)
    np.testing.assert_array_equal(everywhere(net, x), convolved(case, levels, weights).astype(np.float32))


pools = st.fixed_dictionaries(
    {
        "kernel": st.tuples(st.integers(1, 4), st.integers(1, 4)),
        "stride": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "ceil": st.booleans(),
        "count_padding": st.booleans(),
        "divisor": st.sampled_from([0, 0, 3]),
        "padded": st.booleans(),
        "size": st.tuples(st.integers(4, 9), st.integers(4, 9)),
        "channels": st.sampled_from([1, 16, 33]),
        "seed": st.integers(0, 10**6),
    }
)


@settings(max_examples=40)
@given(pools)
def test_pools(case):
    draws = np.random.default_rng(case["seed"])
    channels = case["channels"]
    x = draws.standard_normal((2, channels, *case["size"])).astype(np.float32)
    pad = tuple(k // 2 if case["padded"] else 0 for k in case["kernel"])
    shape = (*case["kernel"], *case["stride"], *pad, int(case["ceil"]))
    sign = draws.choice([-1, 1], channels).astype(np.float32)
    t = torch.from_numpy(x)
    options = dict(kernel_size=case["kernel"], stride=case["stride"], padding=pad, ceil_mode=case["ceil"])
    column = torch.from_numpy(sign).reshape(-1, 1, 1)
    highest = F.max_pool2d(t * column, **options) * column
    average = F.avg_pool2d(
        t, **options, count_include_pad=case["count_padding"], divisor_override=case["divisor"] or None
    )
    values = ((False, channels), (False, channels), (True, channels), (True, channels), (False, channels))
    op = Operation(kind="pool", input=0, shape=(0, *shape, 0, 0), sign=sign, finish=Finish(out=1))
    np.testing.assert_array_equal(everywhere(Net(values=values, operations=(op,), output=1), x), highest)
    op = Operation(
        kind="pool", input=0, shape=(1, *shape, int(case["count_padding"]), case["divisor"]), finish=Finish(out=1)
    )
    np.testing.assert_allclose(
        everywhere(Net(values=values, operations=(op,), output=1), x), average, rtol=1e-5, atol=1e-6
    )
    any_ = (sign > 0).astype(np.uint8)
    ops = (
        Operation(kind="map", input=0, finish=Finish(bits=2)),
        Operation(kind="pool_bits", input=2, shape=(0, *shape, 0, 0), any=any_, finish=Finish(bits=3)),
        # A sum over one channel's bit alone shows it: weights of a grouped 1x1 convolution.
        Operation(
            kind="bit_conv",
            input=3,
            shape=(channels, channels, 1, 1, 1, 1, 0, 0, 1, 1, channels),
            weights=np.full((channels, 1), 1, np.uint8),
            finish=Finish(out=4),
        ),
    )
    bits = everywhere(Net(values=values, operations=ops, output=4), x)
    expected = F.max_pool2d(torch.from_numpy(signs(x)) * column, **options) * column
    np.testing.assert_array_equal(bits, expected)


def test_whole_image_pool_channels_and_flatten():
    x = np.random.default_rng(0).standard_normal((3, 5, 4, 6)).astype(np.float32)
    values = ((False, 5), (False, 5), (False, 9), (False, 120))
    pool = Operation(kind="pool", input=0, shape=(1, 0, 0, 1, 1, 0, 0, 0, 0, 0), finish=Finish(out=1))
    y = everywhere(Net(values=values, operations=(pool,), output=1), x)
    np.testing.assert_allclose(y, x.mean((2, 3), keepdims=True), rtol=1e-5, atol=1e-6)
    wide = Operation(kind="pad_channels", input=0, shape=(2,), finish=Finish(out=2))
    y = everywhere(Net(values=values, operations=(wide,), output=2), x)
    np.testing.assert_array_equal(y, np.pad(x, ((0, 0), (2, 2), (0, 0), (0, 0))))
    flat = Operation(kind="flatten", input=0, shape=(), finish=Finish(out=3))
    y = everywhere(Net(values=values, operations=(flat,), output=3), x)
    np.testing.assert_array_equal(y[..., 0, 0], x.reshape(3, -1))


def test_special_values_pass_like_in_torch():
    x = np.array([math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-45, -1e-45, 7.0], np.float32).reshape(1, 1, 1, 8)
    values = ((False, 1), (False, 1), (True, 1))
    op = Operation(kind="map", input=0, finish=Finish(lo=-1.0, hi=1.0, out=1, bits=2))
    y = everywhere(Net(values=values, operations=(op,), output=1), x)
    np.testing.assert_array_equal(y, F.hardtanh(torch.from_numpy(x)))
    stepper = Engine(net=Net(values=values, operations=(op,), output=1)).begin(x)
    stepper.step(0)
    assert stepper.read(2).ravel().tolist() == [-1, 1, -1, 1, 1, 1, -1, 1]


@given(st.integers(0, 10**6))
def test_the_fused_product_of_numpy_rounds_once(seed):
    draws = np.random.default_rng(seed)
    a, b = (draws.standard_normal(200).astype(np.float32) for _ in range(2))
    # Sums that nearly cancel, and sums half way between two floats, are where rounding twice goes wrong.
    c = np.where(draws.random(200) < 0.5, -(a * b), draws.standard_normal(200)).astype(np.float32)
    exact = [np.float32(_nearest(x, y, z)) for x, y, z in zip(a.tolist(), b.tolist(), c.tolist(), strict=True)]
    np.testing.assert_array_equal(fused(a, b, c), exact)


def _nearest(x, y, z):
    """x·y + z of fractions, rounded once to a float32."""
    from fractions import Fraction

    value = Fraction(x) * Fraction(y) + Fraction(z)
    guess = np.float32(float(value))
    around = [np.nextafter(guess, np.float32(-np.inf)), guess, np.nextafter(guess, np.float32(np.inf))]
    return min(around, key=lambda f: (abs(Fraction(float(f)) - value), int(np.float32(f).view(np.int32)) & 1))


def test_values_are_read_and_replaced():
    x = np.random.default_rng(0).standard_normal((2, 40, 3, 3)).astype(np.float32)
    net = Net(
        values=((False, 40), (True, 40), (False, 40)),
        operations=(
            Operation(kind="map", input=0, finish=Finish(bits=1)),
            Operation(
                kind="bit_conv",
                input=1,
                shape=(40, 40, 1, 1, 1, 1, 0, 0, 1, 1, 40),
                weights=np.full((40, 1), 1, np.uint8),
                finish=Finish(out=2),
            ),
        ),
        output=2,
    )
    for stepper in (Engine(net=net).begin(x), Reference(net).begin(x)):
        stepper.step(0)
        np.testing.assert_array_equal(stepper.read(1), signs(x))
        stepper.write(1, -signs(x))
        np.testing.assert_array_equal(stepper.sums(1), -signs(x))
        stepper.step(1)
        np.testing.assert_array_equal(stepper.read(2), -signs(x))


OUT = Finish(out=1)
FOUR = np.ones((4, 4), np.float32)


@pytest.mark.parametrize(
    ("kind", "input_", "finish", "shape", "weights", "message"),
    [
        ("map", 7, OUT, (), None, "needs floats"),
        ("map", 0, Finish(), (), None, "no result"),
        ("map", 0, Finish(out=1, a=np.ones(2, np.float32)), (), None, "scales"),
        ("map", 0, Finish(bits=1), (), None, "wrong kind"),
        ("bit_conv", 0, OUT, (4, 4, 4, 4, 1, 1, 0, 0, 1, 1, 1), np.ones((4, 8), np.uint8), "needs bits"),
        ("float_conv", 0, OUT, (4, 4, 1, 1, 0, 1, 0, 0, 1, 1, 1), FOUR, "out of range"),
        ("float_conv", 0, OUT, (4, 4, 1, 1, 1, 1, 0, 0, 1, 1, 1), np.ones((4, 5), np.float32), "wrong shape"),
        ("float_conv", 0, OUT, (4, 4, 1, 1, 1, 1, 0, 0, 1, 1, 3), FOUR, "out of range|do not fit"),
        ("pad_channels", 0, OUT, (3,), None, "does not fit"),
        ("pool", 0, OUT, (0, 2, 2, 0, 1, 0, 0, 0, 0, 0), None, "out of range"),
        ("pool", 0, OUT, (0, 2, 2, 1, 1, 2, 0, 0, 0, 0), None, "exceeds its half"),
    ],
)
def test_an_inconsistent_network_is_refused(kind, input_, finish, shape, weights, message):
    operation = Operation(kind=kind, input=input_, finish=finish, shape=shape, weights=weights)
    net = Net(values=((False, 4), (False, 4)), operations=(operation,), output=1)
    with pytest.raises(ValueError, match=message):
        Engine(net=net)


def test_images_that_do_not_fit():
    conv = Operation(
        kind="float_conv",
        input=0,
        shape=(1, 1, 3, 3, 1, 1, 0, 0, 1, 1, 1),
        weights=np.ones((1, 9), np.float32),
        finish=Finish(out=1),
    )
    net = Net(values=((False, 1), (False, 1)), operations=(conv,), output=1)
    for context in (_native.use_fallback(), _native.force_isa("portable")):
        with context:
            engine = Engine(net=net)
            with pytest.raises(ValueError, match="smaller than a window"):
                engine.run(np.zeros((1, 1, 2, 5), np.float32))
            with pytest.raises(ValueError, match="expected float32"):
                engine.run(np.zeros((1, 2, 5, 5), np.float32))


def test_the_peak_of_the_inner_loop_counts_its_bits():
    from signwise._native._binary import busy

    counts = []
    for tier in TIERS:
        with _native.force_isa(tier):
            counts.append((busy(1), busy(3)))
    assert all(one > 0 and three == 3 * one for one, three in counts)
