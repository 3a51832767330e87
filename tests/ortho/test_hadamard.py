"""Hadamard transforms with signs against the oracle, and their chains."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signwise._native import use_fallback
from signwise.ortho import HadamardSigns

from ..oracles import ortho as oracle


@given(st.integers(0, 2**64 - 1), st.integers(0, 7), st.integers(1, 3))
def test_against_the_oracle(h, log_d, rounds):
    d = 2**log_d
    operator = HadamardSigns.from_hash(d, h, rounds=rounds)
    sigma = oracle.mix(h ^ 0xA5A5A5A5A5A5A5A5)
    assert operator.masks[:-1].tolist() == [oracle.atom(oracle.mix(sigma + q), d) for q in range(rounds)]
    x = np.random.default_rng(log_d).standard_normal(d)
    expected = oracle.hadamard_signs(x.tolist(), h, rounds)
    np.testing.assert_allclose(operator.apply(x), expected, rtol=0, atol=1e-13)
    with use_fallback():
        np.testing.assert_allclose(operator.apply(x), expected, rtol=0, atol=1e-13)


def test_transforms_that_meet_cancel():
    a, b = HadamardSigns(64, "a", rounds=2), HadamardSigns(64, "b", rounds=3)
    assert a.compose(b).rounds == 5
    assert a.compose(b).compose(b.inverted()) == a
    assert a.inverted().compose(a).rounds == 0
    x = np.random.default_rng(0).standard_normal(64)
    assert np.array_equal(a.compose(a.inverted()).apply(x), x)


def test_whole_numbers_become_float64():
    x = np.arange(8, dtype=np.int32)
    out = HadamardSigns(8, "a").apply(x)
    assert np.array_equal(out, HadamardSigns(8, "a").apply(x.astype(np.float64)))


def test_refusals():
    with pytest.raises(ValueError, match="power of two, got d=96"):
        HadamardSigns(96, "a")
    with pytest.raises(ValueError, match="rounds must be at least 1, got 0"):
        HadamardSigns(64, "a", rounds=0)
