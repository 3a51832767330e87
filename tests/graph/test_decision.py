"""Decisions cost the least that can be expected."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signwise.graph import Costs

costs = st.floats(0.01, 100)


@given(costs, costs, st.floats(0, 100), st.floats(0, 1))
def test_no_other_decision_is_cheaper(miss, alarm, abstain, p):
    expected = {"positive": (1 - p) * miss, "negative": p * alarm, "abstain": abstain}
    said = Costs(miss=miss, alarm=alarm, abstain=abstain).decide(p)
    assert expected[said] == min(expected.values())


def test_by_default_the_likelier_sign_is_said():
    assert [Costs().decide(p) for p in (0.0, 0.49, 0.5, 1.0)] == ["negative", "negative", "positive", "positive"]


@pytest.mark.parametrize(
    ("bad", "message"),
    [({"miss": 0.0}, "miss is 0.0"), ({"alarm": float("inf")}, "alarm is inf"), ({"abstain": -1}, "abstain is -1")],
)
def test_bad_costs(bad, message):
    with pytest.raises(ValueError, match=message):
        Costs(**bad)


def test_no_probability():
    with pytest.raises(ValueError, match=r"probability is 1.5; expected a number in \[0, 1\]"):
        Costs().decide(1.5)
