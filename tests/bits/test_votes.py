import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signwise.bits import TernaryBits, majority, majority_ternary, pack, pack_ternary
from signwise.bits._votes import mix

from ..oracles import bits as oracle

VOTERS = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 64, 100, 255, 256, 300]


@pytest.mark.parametrize("n", VOTERS)
def test_majority_of_every_number_of_voters(way, n):
    rng = np.random.default_rng(n)
    for k in (1, 64, 700):
        # A fair coin and a biased one: ties, near ties and landslides.
        votes = np.where(rng.random((n, 2, k)) < rng.choice([0.5, 0.9, 0.0, 1.0], k), 1, -1)
        for ties, sign in (("positive", 1), ("negative", -1)):
            out = majority(pack(votes), ties=ties)
            assert np.array_equal(out.unpack("int8"), oracle.majority(votes, sign))
            assert out == pack(out.unpack())  # padding is 0


@pytest.mark.parametrize("n", VOTERS)
def test_ternary_majority_of_every_number_of_voters(way, n):
    rng = np.random.default_rng(n)
    for k in (1, 64, 700):
        votes = rng.choice([-1, 0, 1], (n, 2, k), p=[0.3, 0.4, 0.3])
        votes[:, :, rng.random(k) < 0.2] = 0
        packed = pack_ternary(votes)
        assert np.array_equal(majority_ternary(packed).unpack("int8"), oracle.majority_ternary(votes))
        coin = majority_ternary(packed, ties="coin", seed=5, step=9, offset=2**32 - 100)
        assert np.array_equal(coin.unpack("int8"), oracle.majority_ternary(votes, (5, 9, 2**32 - 100)))
        assert coin == pack_ternary(coin.unpack())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(0, 200), st.integers(0, 2**32 - 1), st.integers(0, 2**40))
def test_votes_property(each_way, n, k, seed, offset):
    votes = np.random.default_rng(seed).integers(-1, 2, (n, k))
    signs = np.where(votes >= 0, 1, -1)
    for _ in each_way():
        assert np.array_equal(majority(pack(signs), ties="negative").unpack(), oracle.majority(signs, -1))
        coin = majority_ternary(pack_ternary(votes), ties="coin", seed=seed, offset=offset)
        assert np.array_equal(coin.unpack(), oracle.majority_ternary(votes, (seed, 0, offset)))


def test_many_words_share_their_work(way):
    rng = np.random.default_rng(3)
    votes = rng.integers(-1, 2, (5, 400_000), dtype=np.int8)
    assert np.array_equal(majority_ternary(pack_ternary(votes)).unpack("int8"), np.sign(votes.sum(0)))
    signs = np.where(votes >= 0, 1, -1).astype(np.int8)
    assert np.array_equal(majority(pack(signs), ties="positive").unpack("int8"), np.sign(signs.sum(0)))


@pytest.mark.parametrize("n", [1, 2, 7, 30, 101])
def test_rows_longer_than_a_block(way, n):
    votes = np.random.default_rng(n).integers(-1, 2, (n, 2, 5000), dtype=np.int8)
    assert np.array_equal(majority_ternary(pack_ternary(votes)).unpack("int8"), np.sign(votes.sum(0)))
    signs = np.where(votes >= 0, 1, -1).astype(np.int8)
    for ties, sign in (("positive", 1), ("negative", -1)):
        assert np.array_equal(majority(pack(signs), ties=ties).unpack("int8"), oracle.majority(signs, sign))


def test_order_of_voters_does_not_matter(way):
    votes = np.random.default_rng(4).integers(-1, 2, (12, 500))
    shuffled = votes[np.random.default_rng(5).permutation(12)]
    for options in ({}, {"ties": "coin", "seed": 3}):
        assert majority_ternary(pack_ternary(votes), **options) == majority_ternary(pack_ternary(shuffled), **options)


def test_the_coin_of_a_part_is_the_coin_of_the_whole():
    votes = pack_ternary(np.stack([np.ones(300), -np.ones(300)]))
    whole = majority_ternary(votes, ties="coin", seed=1, step=2).unpack()
    part = pack_ternary(np.stack([np.ones(100), -np.ones(100)]))
    assert np.array_equal(majority_ternary(part, ties="coin", seed=1, step=2, offset=150).unpack(), whole[150:250])
    assert not np.array_equal(majority_ternary(votes, ties="coin", seed=1, step=3).unpack(), whole)
    assert abs(whole.sum()) < 60


def test_mix_agrees_with_the_oracle():
    for h in (0, 1, 2**31, 2**32 - 1, 123456789):
        assert mix(h) == oracle.mix(h)


def test_wrong_arguments():
    p, t = pack(np.ones((2, 5))), pack_ternary(np.ones((2, 5)))
    with pytest.raises(TypeError, match="votes must be PackedBits"):
        majority(t, ties="positive")
    with pytest.raises(TypeError, match="votes must be TernaryBits"):
        majority_ternary(p)
    with pytest.raises(ValueError, match="'positive' or 'negative'"):
        majority(p, ties="abstain")
    with pytest.raises(ValueError, match="'abstain' or 'coin'"):
        majority_ternary(t, ties="positive")
    with pytest.raises(ValueError, match="first axis are the voters"):
        majority(p[0], ties="positive")
    with pytest.raises(ValueError, match="first axis are the voters"):
        majority_ternary(TernaryBits(t.nonzero[:0], t.positive[:0]))
    for options in ({"seed": -1}, {"step": 2**32}, {"offset": -1}):
        with pytest.raises(ValueError, match=next(iter(options))):
            majority_ternary(t, ties="coin", **options)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_whole_numbers_of_numpy(kind):
    """A seed of 32 bits may not overflow on its way through the mixing function."""
    x = np.random.default_rng(0).integers(-1, 2, (4, 200)).astype(np.int8)
    votes = pack_ternary(x).to(kind)
    plain = majority_ternary(votes, ties="coin", seed=2**32 - 1, step=2**31, offset=2**40 + 3)
    numpy = majority_ternary(
        votes, ties="coin", seed=np.uint32(2**32 - 1), step=np.int64(2**31), offset=np.int64(2**40 + 3)
    )
    assert numpy == plain
    for name in ("seed", "step", "offset"):
        for value in (1.0, True, None):
            with pytest.raises(TypeError, match=f"{name} must be a whole number"):
                majority_ternary(votes, ties="coin", **{name: value})
