"""NaN and infinite gradients: counted, refused or skipped."""

import pytest
import torch

from signwise.errors import SignwiseError
from signwise.optim import LionK, NonFiniteGradientError
from signwise.optim._nonfinite import Counter, nonfinite, nonfinite_on_cpu


def pair(policy):
    a, b = torch.nn.Parameter(torch.zeros(3)), torch.nn.Parameter(torch.zeros(2))
    optimizer = LionK([a, b], 0.1, nan_policy=policy)
    a.grad, b.grad = torch.ones(3), torch.tensor([float("nan"), float("inf")])
    return a, b, optimizer


def test_count_steps_by_ieee_arithmetic_and_warns():
    a, b, optimizer = pair("count")
    with pytest.warns(RuntimeWarning, match="2 gradient entries were NaN or infinite"):
        optimizer.step()
    assert b.tolist() == pytest.approx([0.0, -0.1])
    assert a.tolist() == pytest.approx([-0.1] * 3)
    assert optimizer.state[b]["exp_avg"].isfinite().tolist() == [False, False]
    b.grad = torch.ones(2)
    optimizer.step()
    assert optimizer.nonfinite_gradients == 2


def test_raise_comes_before_any_write():
    a, b, optimizer = pair("raise")
    with pytest.raises(NonFiniteGradientError, match="2 gradient entries are NaN or infinite; nothing was changed"):
        optimizer.step()
    assert issubclass(NonFiniteGradientError, (SignwiseError, ArithmeticError))
    assert not a.any()
    assert not optimizer.state[a]
    b.grad = torch.ones(2)
    optimizer.step()
    assert a.all()


def test_skip_leaves_the_whole_step_out():
    a, b, optimizer = pair("skip")
    optimizer.step()
    assert not a.any()
    assert not b.any()
    b.grad = torch.ones(2)
    optimizer.step()
    assert optimizer.state[a]["step"] == 1
    assert optimizer.nonfinite_gradients == 0


def test_one_group_can_hold_back_the_others():
    a, b = torch.nn.Parameter(torch.zeros(3)), torch.nn.Parameter(torch.zeros(2))
    optimizer = LionK([{"params": [a]}, {"params": [b], "nan_policy": "skip"}], 0.1)
    a.grad, b.grad = torch.ones(3), torch.tensor([0.0, float("nan")])
    optimizer.step()
    assert not a.any()


def test_a_sum_that_overflows_is_no_infinity():
    big = torch.full((10,), 3e38)
    assert nonfinite_on_cpu([big, torch.zeros(0)]) == 0
    assert int(nonfinite([big, torch.tensor([float("inf"), 1.0]), torch.zeros(0)])) == 1


def test_a_captured_step_counts_on_the_device():
    p = torch.nn.Parameter(torch.zeros(3))
    optimizer = LionK([p], 0.1, capturable=True)
    p.grad = torch.tensor([1.0, float("nan"), float("-inf")])
    optimizer.step()
    assert optimizer.nonfinite_gradients == 2


def test_off_the_cpu_the_counter_is_read_now_and_then():
    counter = Counter()
    some = [torch.tensor([float("nan")], device="meta")]
    counter.add(some, captured=True)
    assert counter._steps == 1
