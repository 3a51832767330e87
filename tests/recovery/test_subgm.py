"""The method of the paper: what small initialisation does, and the warnings."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from signwise.recovery import Dense, RankOne, subgm

from .problems import error, gaussian_sensing


def recovered(result, truth):
    return error(result.U @ result.U.T, truth)


def test_spare_rank_is_harmless_from_a_small_start():
    operator, y, truth = gaussian_sensing(20, 2, 400, 0.1)
    exact = recovered(subgm(operator, y, rank=2), truth)
    over = recovered(subgm(operator, y), truth)
    assert exact < 1e-5
    assert over < 10 * exact + 1e-6
    large = recovered(subgm(operator, y, init="random", init_scale=1.0), truth)
    assert large > 1e3 * over


def test_a_short_schedule_warns_of_its_budget():
    operator, y, _ = gaussian_sensing(12, 1, 120, 0.1)
    with pytest.warns(ConvergenceWarning) as caught:
        result = subgm(operator, y, decay=0.97, max_iter=400)
    assert any("grow by exp" in str(w.message) for w in caught)
    assert any("fell by less than half" in str(w.message) for w in caught)
    assert result.growth < result.needed


def test_the_loss_schedule_converges_without_noise():
    operator, y, truth = gaussian_sensing(12, 1, 240, 0.0)
    result = subgm(operator, y, schedule="loss")
    assert recovered(result, truth) < 1e-6
    assert result.losses[-1] < 1e-6


def test_a_constant_step_stays_at_its_size():
    operator, y, truth = gaussian_sensing(12, 1, 240, 0.1)
    fine = recovered(subgm(operator, y, schedule="constant", step=0.002, max_iter=6000, init_scale=1e-3), truth)
    coarse = recovered(subgm(operator, y, schedule="constant", step=0.02, max_iter=3000, init_scale=1e-3), truth)
    assert fine < coarse < 0.2


def test_all_zero_measurements_give_zero():
    operator = Dense(np.random.default_rng(0).standard_normal((20, 3, 3)))
    assert np.all(subgm(operator, np.zeros(20)).U == 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 4}, "from 1 to 3"),
        ({"schedule": "cosine"}, "geometric, loss, constant"),
        ({"init": "zero"}, "spectral, random"),
    ],
)
def test_wrong_options(options, message):
    operator = Dense(np.random.default_rng(0).standard_normal((20, 3, 3)))
    with pytest.raises(ValueError, match=message):
        subgm(operator, np.ones(20), **options)


def test_wrong_shapes():
    with pytest.raises(ValueError, match="square"):
        subgm(RankOne(np.ones((4, 3)), np.ones((4, 2))), np.ones(4))
    with pytest.raises(ValueError, match="20 measurements"):
        subgm(Dense(np.ones((20, 3, 3))), np.ones(19))
