import numpy as np
import pytest

from signwise.graph import weight_metrics


def test_measures_by_their_formulas():
    rng = np.random.default_rng(0)
    weight = rng.integers(-10, 11, 300).astype(float)
    mean = weight + rng.normal(size=300)
    m = weight_metrics(weight, mean)
    assert m.rmse == pytest.approx(np.sqrt(np.mean((mean - weight) ** 2)))
    assert m.pcc == pytest.approx(np.corrcoef(weight, mean)[0, 1])
    assert m.r2 == pytest.approx(1 - np.mean((mean - weight) ** 2) / weight.var())
    assert m.log_score is None
    assert m.coverage == ()
    assert weight_metrics(weight, np.zeros(300)).pcc is None
    assert weight_metrics(weight[:0], mean[:0]) is None


def test_a_calibrated_distribution_covers_what_it_expects():
    rng = np.random.default_rng(1)
    levels = np.array([-2.0, -1.0, 1.0, 2.0, 3.0])
    p = rng.dirichlet(np.ones(5), 40_000)
    at = (rng.random((40_000, 1)) > np.cumsum(p, 1)).sum(1)
    m = weight_metrics(levels[at], p @ levels, p, levels)
    for c in m.coverage:
        assert c.observed == pytest.approx(c.expected, abs=0.01)
        assert c.observed >= c.level - 0.01
    assert m.log_score == pytest.approx(-np.log(p[np.arange(40_000), at]).mean())


def test_a_central_interval_by_hand():
    levels = np.array([0.0, 1.0, 2.0, 3.0])
    p = np.tile([0.1, 0.4, 0.4, 0.1], (4, 1))
    m = weight_metrics(levels, np.full(4, 1.5), p, levels)
    # The quartiles are the levels 1 and 2, the .1 and .9 quantiles too, the .05 and .95 quantiles 0 and 3.
    assert [(c.level, c.observed, round(c.expected, 9), c.width) for c in m.coverage] == [
        (0.5, 0.5, 0.8, 1.0), (0.8, 0.75, 0.9, 2.0), (0.9, 1.0, 1.0, 3.0), (0.95, 1.0, 1.0, 3.0),
    ]  # fmt: skip


def test_levels_must_fit():
    with pytest.raises(ValueError, match="one level for each column"):
        weight_metrics(np.ones(2), np.ones(2), np.ones((2, 3)), np.ones(2))
    with pytest.raises(ValueError, match="increase"):
        weight_metrics(np.ones(2), np.ones(2), np.ones((2, 2)), np.ones(2))
