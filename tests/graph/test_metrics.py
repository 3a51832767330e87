import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, f1_score, log_loss, roc_auc_score

from signwise.graph import THRESHOLD_LEVELS, best_threshold, expected_calibration_error, sign_metrics

SCORED = st.lists(st.tuples(st.sampled_from([-1, 1]), st.sampled_from([0.1, 0.2, 0.35, 0.5, 0.8])), min_size=1)


@given(SCORED)
def test_best_threshold_is_the_best_by_exhaustion(pairs):
    sign, score = (np.asarray(column) for column in zip(*pairs, strict=True))
    candidates = np.unique(np.quantile(score, THRESHOLD_LEVELS))
    f1 = [
        f1_score(sign > 0, score >= c, average=None, labels=[False, True], zero_division=0.0).mean() for c in candidates
    ]
    chosen = best_threshold(sign, score)
    assert f1[candidates.tolist().index(chosen)] == pytest.approx(max(f1), abs=1e-12)


def test_measures_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    score = rng.uniform(0.01, 0.99, 500)
    sign = np.where(rng.uniform(size=500) < score, 1, -1)
    m = sign_metrics(sign, score, 0.4)
    assert m.n == 500
    assert m.auc == pytest.approx(roc_auc_score(sign, score))
    assert m.brier == pytest.approx(brier_score_loss(sign > 0, score))
    assert m.log_loss == pytest.approx(log_loss(sign > 0, score))
    called = np.where(score >= 0.4, 1, -1)
    assert m.macro_f1 == pytest.approx(f1_score(sign, called, average="macro"))
    assert m.weighted_f1 == pytest.approx(f1_score(sign, called, average="weighted"))
    assert m.binary_f1 == pytest.approx(f1_score(sign, called))


def test_one_sign_has_no_ranking_measure_and_no_events_no_measures():
    m = sign_metrics(np.array([1, 1]), np.array([0.3, 0.9]), 0.5)
    assert m.auc is None
    assert m.ap_negative is None
    assert m.macro_f1 == pytest.approx(f1_score([1, 1], [-1, 1], average=None, labels=[-1, 1], zero_division=0).mean())
    assert sign_metrics(np.array([], int), np.array([]), 0.5) is None


def test_calibration_error_by_hand():
    sign = np.array([1, 1, -1, 1])
    score = np.array([0.91, 0.95, 0.92, 0.01])
    # the first three share a bin of mean .9267 and observed 2/3; the last has .01 against 1
    expected = 3 / 4 * abs(2 / 3 - (0.91 + 0.95 + 0.92) / 3) + 1 / 4 * 0.99
    assert expected_calibration_error(sign, score, bins=10) == pytest.approx(expected)
    assert expected_calibration_error(np.array([1]), np.array([1.0])) == 0.0


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="expected two equal vectors"):
        sign_metrics(np.array([1]), np.array([0.1, 0.2]), 0.5)
    with pytest.raises(ValueError, match="at least one validation event"):
        best_threshold(np.array([], int), np.array([]))
