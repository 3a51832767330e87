import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signwise import _native
from signwise._native import _bits
from signwise.bits import PackedBits, hamming_topk, pack, xnor_matmul

from ..oracles import bits as oracle

TIERS = [] if _native.core() is None else _native.ISA_NAMES[: _native.ISA_NAMES.index(_native.best_isa()) + 1]


def signs(rng, *shape):
    return rng.choice(np.array([-1, 1], np.int8), shape)


def check(query, base, k):
    distances, indices = hamming_topk(pack(query), pack(base), k)
    want = oracle.topk(query, base, k)
    assert distances.dtype == np.int32
    assert indices.dtype == np.int64
    assert np.array_equal(distances, want[0])
    assert np.array_equal(indices, want[1])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.integers(0, 9), st.integers(1, 100), st.sampled_from([0, 1, 3, 8, 64, 100, 600]), st.data())
def test_search_property(each_way, q, n, length, data):
    """Short rows make most distances equal, so the order of indices decides."""
    k = data.draw(st.integers(1, n))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    query, base = signs(rng, q, length), signs(rng, n, length)
    for _ in each_way():
        check(query, base, k)


@pytest.mark.parametrize("queries", [1, 3, 4, 130])
def test_large_search_shares_its_work(way, queries):
    rng = np.random.default_rng(0)
    query, base = signs(rng, queries, 256), signs(rng, 12_000, 256)
    distances, indices = hamming_topk(pack(query), pack(base), 20)
    every = ((256 - query.astype(np.float32) @ base.T.astype(np.float32)) / 2).astype(np.int64)
    keys = np.sort(every * len(base) + np.arange(len(base)), axis=1)[:, :20]
    assert np.array_equal(distances, keys // len(base))
    assert np.array_equal(indices, keys % len(base))


def test_rows_that_come_nearer_and_nearer(way):
    """Every row enters the result, the worst case for a search that keeps the best so far."""
    base = np.tril(np.ones((200, 200), np.int8)) * 2 - 1
    query = np.ones((5, 200), np.int8)
    check(query, base, 10)
    check(query, base, 200)


def test_single_query(way):
    base = pack(np.array([[1, 1, 1], [-1, -1, -1], [1, 1, -1], [1, 1, 1]]))
    distances, indices = hamming_topk(base[0], base, 4)
    assert distances.tolist() == [0, 0, 1, 3]
    assert indices.tolist() == [0, 3, 2, 1]


def test_wrong_arguments():
    p = pack(np.ones((4, 70)))
    for k in (0, 5):
        with pytest.raises(ValueError, match=f"k is {k}.* between 1 and 4"):
            hamming_topk(p, p, k)
    with pytest.raises(ValueError, match="one or two axes"):
        hamming_topk(p[None], p, 1)
    with pytest.raises(ValueError, match="query has rows of 3"):
        hamming_topk(pack(np.ones((1, 3))), p, 1)
    with pytest.raises(TypeError, match="base must be PackedBits"):
        hamming_topk(p, np.ones((4, 70)), 1)


@pytest.mark.skipif(_native.core() is None, reason="the extension is not built")
@pytest.mark.parametrize("tier", TIERS)
def test_rows_as_far_apart_as_can_be(tier):
    """The largest distance is the largest int32, which no limit of the search may exclude."""
    length = 2**31 - 1
    ones = np.full((1, 2**25), 2**64 - 1, np.uint64)
    ones[0, -1] >>= np.uint64(1)
    query, base = PackedBits(ones, length), PackedBits(np.zeros_like(ones), length)
    with _native.force_isa(tier):
        distances, indices = hamming_topk(query, base, 1)
        product = xnor_matmul(query, base)
    assert (distances.tolist(), indices.tolist()) == ([[length]], [[0]])
    assert product.tolist() == [[-length]]


def test_k_of_numpy_and_k_that_is_not_whole():
    p = pack(np.ones((4, 70)))
    assert np.array_equal(hamming_topk(p, p, np.int64(2))[1], hamming_topk(p, p, 2)[1])
    for k in (2.0, True, "2"):
        with pytest.raises(TypeError, match="k must be a whole number"):
            hamming_topk(p, p, k)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.sampled_from([1, 63, 64, 100, 512]), st.sampled_from([0, 1, 3, 2**20, 2**40 - 1]), st.integers(0, 2**32))
def test_signed_sums(each_way, length, largest, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(-largest, largest, length, endpoint=True)
    base = signs(rng, 70, length)
    rows = rng.integers(0, 70, 130)
    for _ in each_way():
        got = _bits.signed_sums(y, pack(base).words, rows)
        assert got.dtype == np.int64
        assert np.array_equal(got, base[rows].astype(np.int64) @ y)
