import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, log_loss, roc_auc_score

from signwise.graph import event_ranks, link_metrics, rank_metrics, signed_link_metrics


def test_measures_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    score = rng.uniform(0.01, 0.99, 400).round(2)
    exists = rng.uniform(size=400) < score
    m = link_metrics(exists, score, 0.4)
    assert (m.n, m.n_none) == (exists.sum(), (~exists).sum())
    assert m.auc == pytest.approx(roc_auc_score(exists, score))
    assert m.ap == pytest.approx(average_precision_score(exists, score))
    assert m.ap_none == pytest.approx(average_precision_score(~exists, -score))
    assert m.macro_f1 == pytest.approx(f1_score(exists, score >= 0.4, average="macro"))
    assert m.weighted_f1 == pytest.approx(f1_score(exists, score >= 0.4, average="weighted"))
    assert m.log_loss == pytest.approx(log_loss(exists, score))
    assert link_metrics(exists[:0], score[:0], 0.4) is None
    assert link_metrics(np.ones(3, bool), score[:3], 0.4).auc is None


@given(st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(0, 3), max_size=6)), min_size=1, max_size=6))
def test_ranks_by_counting(rows):
    own = np.array([float(score) for score, _ in rows])
    other = [(float(s), i) for i, (_, others) in enumerate(rows) for s in others]
    found = event_ranks(own, np.array([s for s, _ in other]), np.array([i for _, i in other], np.int64))
    for (score, others), rank in zip(rows, found, strict=True):
        if not others:
            assert np.isnan(rank)
        else:
            assert rank == 1 + sum(s > score for s in others) + 0.5 * sum(s == score for s in others)
    m = rank_metrics(own, np.array([s for s, _ in other]), np.array([i for _, i in other], np.int64))
    ranked = found[~np.isnan(found)]
    assert (m is None) == (not len(ranked))
    if m is not None:
        assert m.mrr == pytest.approx(np.mean(1 / ranked))
        assert m.n == len(ranked)


def test_a_constant_score_ranks_in_the_middle():
    m = rank_metrics(np.zeros(5), np.zeros(500), np.repeat(np.arange(5), 100))
    assert m.mrr == pytest.approx(1 / 51)
    assert m.hits_10 == 0.0


def test_three_classes_agree_with_scikit_learn():
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(300, 3))
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    label = np.array([rng.choice(3, p=p) for p in np.exp(log_p)])
    m = signed_link_metrics(label, log_p, 0.6, 0.45)
    p = np.exp(log_p)
    exists = p[:, 0] + p[:, 1]
    called = np.where(exists >= 0.6, np.where(p[:, 0] / exists >= 0.45, 0, 1), 2)
    assert m.macro_f1 == pytest.approx(f1_score(label, called, average="macro"))
    assert m.weighted_f1 == pytest.approx(f1_score(label, called, average="weighted"))
    assert m.log_loss == pytest.approx(log_loss(label, p))
    for c in range(3):
        assert m.ap[c] == pytest.approx(average_precision_score(label == c, p[:, c]))
        assert m.auc[c] == pytest.approx(roc_auc_score(label == c, p[:, c]))
    only = signed_link_metrics(np.zeros(4, int), log_p[:4])
    assert only.ap == (None, None, None)
    assert only.f1[1:] == (None, None)
