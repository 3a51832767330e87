"""Portable arithmetic against the oracle, bit for bit, and against the true logarithm."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signwise.ortho import ln, uniform

from ..oracles import ortho as oracle

positive = st.floats(min_value=0, exclude_min=True, allow_infinity=False, allow_subnormal=True)


@given(positive)
def test_ln(x):
    assert ln(x) == oracle.ln(x)
    assert ln(np.array([x, 1.0])).tolist() == [oracle.ln(x), 0.0]
    assert abs(ln(x) - math.log(x)) <= 1.3e-14 + 2e-16 * abs(math.log(x))


def test_ln_at_the_borders_of_its_range():
    root = math.sqrt(0.5)
    for x in (
        root,
        math.nextafter(root, 0),
        math.nextafter(root, 1),
        1.0,
        2 * root,
        5e-324,
        1.7976931348623157e308,
    ):
        assert ln(x) == oracle.ln(x)
    assert ln(1.0) == 0.0
    assert ln(0.5) == -ln(2.0)


@given(st.integers(0, 2**64 - 1))
def test_uniform(x):
    assert uniform(x) == oracle.uniform(x)
    assert uniform(np.array([x], np.uint64)).tolist() == [oracle.uniform(x)]
    assert 0 <= uniform(x) < 1


def test_refusals():
    for x in (0.0, -1.0, math.inf, math.nan, np.array([1.0, 0.0])):
        with pytest.raises(ValueError, match="positive and finite"):
            ln(x)
    with pytest.raises(TypeError, match="uint64"):
        uniform(np.array([1.0]))
