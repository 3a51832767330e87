import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signwise.bits import hamming, pack, xnor_matmul

from ..oracles import bits as oracle

# Sides and lengths at the borders of the kernels' tiles, panels, words and byte counters.
SIDES = [(1, 1), (1, 70), (3, 9), (4, 4), (5, 8), (7, 33), (9, 31), (70, 1), (66, 67)]
LENGTHS = [0, 1, 63, 64, 65, 128, 150, 192, 512, 1000, 1024, 2048, 4096]
LENGTHS += [29 * 64, 30 * 64, 31 * 64 + 5, 62 * 64, 63 * 64, 64 * 126 + 1]


def signs(rng, *shape):
    return rng.choice(np.array([-1, 1], np.int8), shape)


@pytest.mark.parametrize(("m", "n"), SIDES)
def test_product_of_every_size(way, m, n):
    rng = np.random.default_rng(m * 100 + n)
    for k in LENGTHS:
        a, b = signs(rng, m, k), signs(rng, n, k)
        out = xnor_matmul(pack(a), pack(b))
        assert out.dtype == np.int32
        assert np.array_equal(out, oracle.matmul(a, b)), k


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 400), st.integers(0, 2**32))
def test_product_property(each_way, m, n, k, seed):
    rng = np.random.default_rng(seed)
    a, b = signs(rng, m, k), signs(rng, n, k)
    for _ in each_way():
        assert np.array_equal(xnor_matmul(pack(a), pack(b)), oracle.matmul(a, b))


def test_extreme_rows(way):
    """All signs equal and all opposite, where the counters reach their ends."""
    for k in (31 * 64, 62 * 64, 200 * 64 + 17):
        ones = np.ones((6, k), np.int8)
        assert (xnor_matmul(pack(ones), pack(ones)) == k).all()
        assert (xnor_matmul(pack(ones), pack(-ones)) == -k).all()
        assert (hamming(pack(ones), pack(-ones)) == k).all()


def test_large_product_shares_its_work(way):
    rng = np.random.default_rng(7)
    a, b = signs(rng, 301, 2000), signs(rng, 130, 2000)
    want = a.astype(np.float32) @ b.T.astype(np.float32)
    assert np.array_equal(xnor_matmul(pack(a), pack(b)), want)
    assert np.array_equal(xnor_matmul(pack(a), pack(b[:5])), want[:, :5])
    assert np.array_equal(xnor_matmul(pack(a[:2]), pack(b)), want[:2])
    assert np.array_equal(xnor_matmul(pack(a), pack(b[:2])), want[:, :2])


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((2, 3, 5), (4,)),
        ((2, 3, 5), (1, 1, 4)),
        ((2, 3, 5), (3, 4)),
        ((5,), (2, 3, 4)),
        ((2, 1, 5), (3, 4)),
        ((0, 5), (4,)),
    ],
)
def test_leading_axes_broadcast(way, left, right):
    rng = np.random.default_rng(8)
    a, b = signs(rng, *left, 100), signs(rng, *right, 100)
    out = xnor_matmul(pack(a), pack(b))
    assert np.array_equal(out, oracle.matmul(a, b))
    assert out.shape == oracle.matmul(a, b).shape


@pytest.mark.parametrize(
    ("left", "right"), [((), ()), ((6,), (6,)), ((6,), ()), ((), (6,)), ((4, 1), (1, 5)), ((2, 3), (3,)), ((0,), ())]
)
def test_hamming_broadcasts(way, left, right):
    rng = np.random.default_rng(9)
    for k in (0, 1, 64, 100, 257, 1024, 5000):
        a, b = signs(rng, *left, k), signs(rng, *right, k)
        out = hamming(pack(a), pack(b))
        assert out.dtype == np.int32
        assert np.array_equal(out, oracle.hamming(a, b))


def test_rows_of_a_view(way):
    rng = np.random.default_rng(10)
    a, b = signs(rng, 20, 300), signs(rng, 12, 300)
    out = xnor_matmul(pack(a)[::2], pack(b)[::-1])
    assert np.array_equal(out, oracle.matmul(a[::2], b[::-1]))
    assert np.array_equal(hamming(pack(a)[:12], pack(b)[::-1]), oracle.hamming(a[:12], b[::-1]))


@pytest.mark.parametrize("function", [xnor_matmul, hamming])
def test_wrong_arguments(function):
    p = pack(np.ones((2, 70)))
    with pytest.raises(TypeError, match=r"b must be PackedBits, got numpy.ndarray; pack it first"):
        function(p, np.ones((2, 70)))
    with pytest.raises(ValueError, match="rows of 70 values and b of 71"):
        function(p, pack(np.ones((2, 71))))
    with pytest.raises(TypeError, match="move one with"):
        function(p, p.to("torch"))


def test_a_product_needs_matrices():
    p = pack(np.ones(70))
    with pytest.raises(ValueError, match="two axes"):
        xnor_matmul(p, p)
