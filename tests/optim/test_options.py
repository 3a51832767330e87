"""Options: what is refused, with what words, and what is warned about."""

import math
import warnings

import pytest
import torch

from signwise.convex import L1, GroupL2, Nuclear, Quadratic
from signwise.optim import LionK
from signwise.optim._options import FALLBACKS, GroupOptions

TWO = {"lr": 0.1}


def parameter(*shape):
    return torch.nn.Parameter(torch.zeros(shape or (2,)))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"lr": -1.0}, ValueError, "lr must be a finite number of at least 0, got -1.0"),
        ({"lr": math.nan}, ValueError, "lr must be"),
        ({"lr": math.inf}, ValueError, "lr must be"),
        ({"lr": "1"}, TypeError, "lr must be a number, got str"),
        ({"lr": torch.ones(2)}, ValueError, r"a tensor lr must hold one element, got shape \(2,\)"),
        ({"lr": torch.tensor(-1.0)}, ValueError, "lr must be"),
        ({"betas": (0.9, 1.0)}, ValueError, r"beta2 must be in \[0, 1\), got 1.0"),
        ({"betas": (-0.1, 0.9)}, ValueError, r"beta1 must be in \[0, 1\)"),
        ({"betas": 0.9}, TypeError, r"betas must be a pair \(beta1, beta2\), got 0.9"),
        ({"weight_decay": -0.1}, ValueError, "weight_decay must be"),
        ({"weight_decay": 0.1, "radius": 10.0}, ValueError, r"give weight_decay or radius \(weight_decay = 1/radius\)"),
        ({"radius": 0.0}, ValueError, "radius must be positive"),
        ({"kappa": "L1"}, TypeError, r"kappa must be a signwise.convex function, got str; subclass"),
        ({"cautious": "yes"}, ValueError, "cautious must be one of None, 'mask', 'rescale'; got 'yes'"),
        ({"decay": "none"}, ValueError, "decay must be one of 'plain', 'cautious'"),
        ({"nan_policy": "ignore"}, ValueError, "nan_policy must be one of 'count', 'raise', 'skip'"),
        ({"rounding": "up"}, ValueError, "rounding must be one of 'auto', 'nearest'"),
        ({"momentum_dtype": torch.float16}, ValueError, "momentum_dtype must be one of"),
        ({"seed": 0.5}, TypeError, "seed must be an int"),
        ({"foreach": True, "fused": True}, ValueError, "foreach=True and fused=True exclude each other"),
        ({"capturable": True, "fused": True}, ValueError, "cannot be captured"),
        ({"capturable": True, "nan_policy": "skip"}, ValueError, "use nan_policy='count' with capturable=True"),
    ],
)
def test_errors_say_what_was_expected(options, error, words):
    with pytest.raises(error, match=words):
        LionK([parameter()], **{**TWO, **options})


def test_a_wrong_group_is_not_added():
    optimizer = LionK([parameter()], 0.1)
    with pytest.raises(ValueError, match="beta1"):
        optimizer.add_param_group({"params": [parameter()], "betas": (2.0, 0.9)})
    with pytest.raises(ValueError, match="give weight_decay or radius"):
        optimizer.add_param_group({"params": [parameter()], "weight_decay": 1.0, "radius": 1.0})
    with pytest.raises(TypeError, match="param_group must be a dict"):
        optimizer.add_param_group([parameter()])
    with pytest.raises(TypeError, match=r"parameter 1 has dtype torch.int64"):
        optimizer.add_param_group({"params": [parameter(), torch.zeros(2, dtype=torch.int64)]})
    assert len(optimizer.param_groups) == 1


def test_a_function_that_does_not_fit_is_refused_at_once():
    with pytest.raises(ValueError, match="at least 2 dimensions") as caught:
        LionK([("weight", parameter(3, 3)), ("bias", parameter(3))], 0.1, kappa=Nuclear())
    assert "raised for bias of shape (3,)" in caught.value.__notes__[0]
    with pytest.raises(ValueError, match="must have 2 elements"):
        LionK([parameter(3)], 0.1, kappa=Quadratic([[1.0, 0.0], [0.0, 1.0]]))


def test_a_function_that_looks_at_values_is_not_tried_in_advance():
    class Looking(L1):
        elementwise = False

        def subgradient(self, z):
            return torch.sign(z) if z.abs().max().item() > 0 else torch.zeros_like(z)

    p = parameter()
    optimizer = LionK([p], 0.1, kappa=Looking())
    p.grad = torch.ones(2)
    optimizer.step()
    assert p.tolist() == pytest.approx([-0.1, -0.1])


def test_sharded_tensors_need_a_sum_over_coordinates():
    class Shard:
        @staticmethod
        def is_shard():
            return True

    p = parameter()
    p.placements = (Shard(),)
    LionK([p], 0.1)
    with pytest.raises(ValueError, match="parameter 0 is sharded, and GroupL2"):
        LionK([p], 0.1, kappa=GroupL2())


def test_a_radius_is_the_inverse_of_weight_decay():
    a, b = parameter(), parameter()
    optimizer = LionK([{"params": [a]}, {"params": [b], "radius": math.inf}], 0.1, radius=4.0)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.25, 0.0]
    assert "radius" not in optimizer.param_groups[0]


def test_decay_beyond_zero_is_an_error_in_each_step():
    p = parameter()
    optimizer = LionK([p], 0.1, weight_decay=5.0)
    p.grad = torch.ones(2)
    optimizer.step()
    optimizer.param_groups[0]["lr"] = 0.3
    with pytest.raises(ValueError, match=r"lr \* weight_decay must be at most 1, got 0.3 \* 5 = 1.5"):
        optimizer.step()
    optimizer.param_groups[0]["lr"] = 0.2
    optimizer.step()
    assert p.tolist() == pytest.approx([-0.2, -0.2])


def test_a_captured_step_does_not_look():
    p = torch.nn.Parameter(torch.ones(2))
    optimizer = LionK([p], torch.tensor(0.3), weight_decay=5.0, capturable=True)
    p.grad = torch.zeros(2)
    optimizer.step()
    assert p.tolist() == pytest.approx([-0.5, -0.5])


def test_beta1_above_beta2_is_warned_about():
    with pytest.warns(UserWarning, match=r"beta1 = 0.99 is above beta2 = 0.9"):
        LionK([parameter()], 0.1, (0.99, 0.9))


def test_weights_outside_the_radius_are_warned_about_once():
    p = torch.nn.Parameter(torch.full((2,), 3.0))
    optimizer = LionK([p], 0.01, radius=2.0)
    p.grad = torch.zeros(2)
    with pytest.warns(UserWarning, match=r"1 of 1 parameters start outside the radius 2.*split_parameters"):
        optimizer.step()
    optimizer.step()


def test_weights_on_the_boundary_are_not_outside():
    p = torch.nn.Parameter(torch.full((1000,), 0.7))
    optimizer = LionK([p], 0.01, radius=0.7)
    p.grad = torch.zeros(1000)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        optimizer.step()
    assert caught == []


def test_the_fused_step_says_why_it_is_not_there():
    with pytest.raises(RuntimeError, match=r"fused=True is not possible: .*; leave fused=None"):
        LionK([parameter()], 0.1, kappa=L1().shifted(1.0), fused=True)


def test_every_option_of_the_forms_has_a_fallback():
    assert set(GroupOptions.__annotations__) <= set(FALLBACKS)
