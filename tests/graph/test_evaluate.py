from dataclasses import dataclass, replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from signwise.data import simulate_signed_events
from signwise.events import chronological_split
from signwise.graph import (
    FairnessGoodness,
    FeatureModel,
    Scores,
    compare,
    draw_negatives,
    evaluate,
    fairness_goodness,
    rank_metrics,
)
from signwise.graph._compare import weighted_measure

STREAM = simulate_signed_events(2500, 150, tie_seconds=86_400.0, seed=3).stream


def model(family, task):
    return lambda seed: FeatureModel(family=family, task=task, seed=seed)


@dataclass(frozen=True)
class Noisy:
    """A rule with noise of its seed, for what needs a model that varies."""

    task: str
    seed: int
    noise: float = 0.3

    def fit(self, stream, split, *, negatives=None):
        return self

    def scores(self, stream, *, queries=None, online="off"):
        rule = FeatureModel(family="bias_mean", task=self.task)
        if self.task == "signed_link":
            raise AssertionError
        found = rule.fit(stream, chronological_split(stream), negatives=queries).scores(stream, queries=queries)
        rng = np.random.default_rng(self.seed)
        return Scores(
            events=found.events + self.noise * rng.normal(size=found.events.shape),
            queries=found.queries + self.noise * rng.normal(size=found.queries.shape),
        )


def test_the_report_is_what_the_model_says_of_the_test_part():
    split = chronological_split(STREAM)
    report = evaluate(FeatureModel(family="logistic", task="sign"), STREAM)
    fitted = FeatureModel(family="logistic", task="sign").fit(STREAM, split)
    odds = fitted.scores(STREAM).events[:, 0]
    (run,) = report.runs
    assert not report.leaky
    assert run.test.auc == roc_auc_score(STREAM.sign[split.test] > 0, odds[split.test])
    for name, mask in split.slices(STREAM).items():
        part = split.test & mask
        assert (run.slices[name] is None) == (not part.any())
        if part.any():
            assert run.slices[name].n == part.sum()
            np.testing.assert_array_equal(run.outcome.score[run.outcome_slices[name], 0], odds[part])
    assert np.isnan(report.interval("auc").low)


def test_existence_is_measured_with_the_stored_non_events():
    split = chronological_split(STREAM)
    report = evaluate(model("attachment", "link"), STREAM, seeds=(4,), ranks=20)
    (run,) = report.runs
    pairs = draw_negatives(STREAM, seed=4)
    fitted = FeatureModel(family="attachment", task="link").fit(STREAM, split, negatives=pairs)
    scores = fitted.scores(STREAM, queries=pairs)
    late = split.test[pairs.event]
    assert (run.test.n, run.test.n_none) == (split.test.sum(), late.sum())
    exists = np.repeat([True, False], [split.test.sum(), late.sum()])
    assert run.test.auc == roc_auc_score(exists, np.r_[scores.events[split.test, 0], scores.queries[late, 0]])
    first = np.full(STREAM.num_nodes, np.iinfo(np.int64).max)
    for end in (STREAM.source, STREAM.target):
        np.minimum.at(first, end, STREAM.time)
    seen = split.test & (first[STREAM.source] < STREAM.time) & (first[STREAM.target] < STREAM.time)
    assert run.slices["seen"].n == seen.sum()
    assert run.slices["seen"].n_none <= seen.sum()
    rivals = draw_negatives(STREAM, per_event=20, events=seen, seed=4)
    events, other = np.unique(rivals.event, return_inverse=True)
    again = fitted.scores(STREAM, queries=rivals)
    assert run.ranks == rank_metrics(again.events[events, 0], again.queries[:, 0], other)


def test_every_task_has_a_report():
    for task, measure in {"link": "ap", "signed_link": "ap.1", "weight": "rmse", "sign": "ap_negative"}.items():
        report = evaluate(model("bias_mean", task), STREAM, seeds=(0, 1))
        values = report.values(measure)
        assert values.shape == (2,)
        assert np.isfinite(values).all()
        assert len(report.runs[0].thresholds) == {"signed_link": 2, "weight": 0}.get(task, 1)
        # Seeds matter through the non-events alone.
        assert (values[0] != values[1]) == (task in ("link", "signed_link"))


def test_online_regimes_are_reported_apart():
    report = evaluate(model("bias_mean", "sign"), STREAM, online="calibrate")
    frozen = evaluate(model("bias_mean", "sign"), STREAM)
    assert (report.online, frozen.online) == ("calibrate", "off")
    assert report.runs[0].test.log_loss != frozen.runs[0].test.log_loss


def test_wrong_arguments_say_what_is_expected():
    with pytest.raises(ValueError, match="function from a seed"):
        evaluate(FeatureModel(family="bias_mean"), STREAM, seeds=(0, 1))
    with pytest.raises(TypeError, match="is the class"):
        evaluate(FeatureModel, STREAM)
    with pytest.raises(ValueError, match="ranks are of existence"):
        evaluate(FeatureModel(family="bias_mean"), STREAM, ranks=10)
    with pytest.raises(ValueError, match="protocol"):
        evaluate(FeatureModel(family="bias_mean"), STREAM, protocol="loose")
    with pytest.raises(ValueError, match="needs non-events"):
        FeatureModel(family="degree", task="link").fit(STREAM, chronological_split(STREAM))
    with pytest.raises(ValueError, match="not 'weight'"):
        FeatureModel(family="degree", task="weight")
    report = evaluate(model("bias_mean", "sign"), STREAM)
    with pytest.raises(ValueError, match="SignMetrics has"):
        report.values("rmse")
    with pytest.raises(ValueError, match="equal tasks"):
        compare(report, evaluate(model("bias_mean", "weight"), STREAM))


@pytest.mark.parametrize(
    ("task", "measure", "seeds"),
    [
        ("sign", "auc", 1), ("sign", "ap_negative", 1), ("sign", "macro_f1", 1), ("link", "auc", 1), ("link", "ap", 1),
        ("link", "macro_f1", 1), ("signed_link", "macro_f1", 1), ("weight", "rmse", 1), ("weight", "pcc", 1),
    ],
)  # fmt: skip
def test_weighted_measures_are_the_measures_and_count_repetitions(task, measure, seeds):
    run = evaluate(model("bias_mean", task), STREAM).runs[0]
    value = weighted_measure(run.outcome, measure, run.thresholds)
    assert value(np.ones(len(run.outcome))) == pytest.approx(getattr(run.test, measure), abs=1e-9)
    times = np.random.default_rng(0).integers(0, 3, len(run.outcome))
    repeated = run.outcome.select(np.repeat(np.arange(len(times)), times))
    assert value(times.astype(float)) == pytest.approx(getattr(repeated.measure(run.thresholds), measure), abs=1e-9)


def test_a_comparison_pairs_what_can_be_paired():
    rule = evaluate(model("bias_mean", "sign"), STREAM, name="rule")
    other = evaluate(model("ratee_mean", "sign"), STREAM)
    found = compare(rule, other)
    assert found.pairing == "events"
    assert found.low < found.difference < found.high
    assert found.difference == pytest.approx(rule.runs[0].test.auc - other.runs[0].test.auc)
    assert compare(rule, rule).low == compare(rule, rule).high == 0.0
    noisy = [evaluate(lambda seed, s=s: Noisy("sign", seed, s), STREAM, seeds=range(4)) for s in (0.2, 0.6)]
    by_seed = compare(*noisy)
    assert by_seed.pairing == "seeds"
    difference = noisy[0].values("auc") - noisy[1].values("auc")
    half = 3.182446305 * difference.std(ddof=1) / 2
    assert by_seed.low == pytest.approx(difference.mean() - half, abs=1e-6)
    # Against a model without chance, events and runs are drawn anew.
    assert compare(noisy[0], rule).pairing == "events"
    assert compare(noisy[0], rule).high < 0.02
    with pytest.raises(ValueError, match="pairing by seeds"):
        compare(noisy[0], rule, pairing="seeds")


def test_the_bootstrap_keeps_non_events_with_their_event():
    one, two = (evaluate(model(f, "link"), STREAM, seeds=(0,)) for f in ("degree", "attachment"))
    found = compare(one, two, "auc", part="seen")
    assert found.low <= found.difference <= found.high


def test_fairness_and_goodness_by_hand():
    # 0 and 1 rate 2; 0 rates 3. One round: G2 = 0, G3 = 1; F0 = 1 - (1 + 0)/2/2, F1 = 1 - 1/2.
    f, g = fairness_goodness(np.array([0, 1, 0]), np.array([2, 2, 3]), np.array([1.0, -1.0, 1.0]), 5)
    fairness, goodness = np.ones(5), None
    x = {(0, 2): 1.0, (1, 2): -1.0, (0, 3): 1.0}
    for _ in range(10):
        goodness = np.full(5, 1 / 3)
        for v in (2, 3):
            goodness[v] = np.mean([fairness[a] * w for (a, b), w in x.items() if b == v])
        fairness = np.ones(5)
        for u in (0, 1):
            fairness[u] = 1 - np.mean([abs(w - goodness[b]) for (a, b), w in x.items() if a == u]) / 2
    np.testing.assert_allclose(f, fairness, rtol=1e-12)
    np.testing.assert_allclose(g, goodness, rtol=1e-12)


def test_fairness_and_goodness_are_those_of_the_events_before_the_batch():
    stream = replace(STREAM)
    fitted = FairnessGoodness(task="weight", refit_every=700).fit(stream, chronological_split(stream))
    found = fitted.scores(stream).events[:, 0]
    assert (found[:700] == 0.1 * stream.weight_max).all()
    start = int(stream.tie_starts[np.searchsorted(stream.tie_starts, 700)])
    f, g = fairness_goodness(
        stream.source[:start], stream.target[:start], stream.normalized()[:start], stream.num_nodes
    )
    later = slice(start, start + 700)
    expected = stream.weight_max * f[stream.source[later]] * g[stream.target[later]]
    np.testing.assert_allclose(found[later], expected, rtol=1e-9)
    with pytest.raises(ValueError, match="not 'link'"):
        FairnessGoodness(task="link")
