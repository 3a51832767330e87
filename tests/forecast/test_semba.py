"""`model="semba"`: SEMBAPlus beside the forecasters on features, chosen on validation, stored with them."""

from dataclasses import replace

import numpy as np
import pytest

from signwise import artifacts
from signwise.data import simulate_signed_events
from signwise.events import chronological_split
from signwise.forecast import ForecastConfig, ForecastModel, MemoryForecaster, fit, predict
from signwise.graph import SIGN_MODELS

CONFIG = ForecastConfig(model="semba", optimizer="adamw", ablation=False, seed=3)


@pytest.fixture(scope="module")
def stream():
    return simulate_signed_events(600, 60, seed=2, tie_seconds=20_000).stream


@pytest.fixture(scope="module")
def run(stream):
    return fit(stream, config=CONFIG, progress=False)


def test_it_stands_beside_the_others_and_the_best_on_validation_is_taken(run):
    assert list(run.reports) == [*SIGN_MODELS, "semba"]
    assert run.selected == max(run.reports, key=lambda name: run.reports[name].validation.auc)
    assert run.metrics()["models"]["semba"]["sign"]["test"]["n"] == int(run.split.test.sum())
    assert isinstance(run.model.forecasters["semba"], MemoryForecaster)


def test_scores_of_pairs_are_those_of_the_stream(run, stream):
    names = np.array(stream.nodes)
    asked = run.model.score(names[stream.source], names[stream.target], stream.time, model="semba")
    np.testing.assert_allclose(asked, run.scores["semba"], atol=1e-5)


def test_pairs_may_come_in_any_order_and_have_new_names(run, stream):
    late = int(stream.time[-1]) + 1
    source, target = ["a stranger", stream.nodes[0], stream.nodes[1]], [stream.nodes[2], "another", stream.nodes[3]]
    times = np.array([late, int(stream.time[300]), late])
    score = run.model.score(source, target, times, model="semba")
    back = run.model.score(source[::-1], target[::-1], times[::-1], model="semba")
    np.testing.assert_allclose(score, back[::-1], atol=1e-6)
    assert ((score > 0) & (score < 1)).all()


def test_the_order_of_simultaneous_events_does_not_matter(run, stream):
    order = np.lexsort((np.random.default_rng(0).random(len(stream)), stream.time))
    assert (order != np.arange(len(stream))).any()
    again = fit(stream.select(order), config=CONFIG, progress=False)
    np.testing.assert_allclose(again.scores["semba"], run.scores["semba"][order], atol=1e-6)


def test_no_score_knows_of_the_test_part(run, stream):
    late = chronological_split(stream).test
    changed = replace(stream, sign=np.where(late, -stream.sign, stream.sign))
    again = fit(changed, config=CONFIG, progress=False)
    np.testing.assert_array_equal(again.scores["semba"][~late], run.scores["semba"][~late])


def test_a_stored_run_says_the_same(run, stream, tmp_path):
    run.model.save(tmp_path / "model")
    again = ForecastModel.load(tmp_path / "model")
    pairs = (stream.nodes[:9], stream.nodes[9:18])
    for name in run.reports:
        np.testing.assert_array_equal(again.score(*pairs, model=name), run.model.score(*pairs, model=name))
    (tmp_path / "pairs.csv").write_text(f"source,target\n{stream.nodes[0]},{stream.nodes[1]}\nnew,{stream.nodes[1]}\n")
    assert len(predict(tmp_path / "model", tmp_path / "pairs.csv", forecaster="semba", progress=False)) == 2


def test_the_first_version_of_a_model_is_still_read(stream, tmp_path):
    model = fit(stream, config=replace(CONFIG, model="features"), progress=False).model
    model.save(tmp_path / "new")
    stored = artifacts.load(tmp_path / "new", kind="signwise-forecast-model", max_version=3)
    meta = {name: value for name, value in stored.meta.items() if name not in ("memories", "payload")}
    artifacts.save(tmp_path / "old", kind="signwise-forecast-model", version=1, tensors=stored.tensors, meta=meta)
    pairs = (stream.nodes[:9], stream.nodes[9:18])
    np.testing.assert_array_equal(ForecastModel.load(tmp_path / "old").score(*pairs), model.score(*pairs))


def test_an_unknown_model_is_refused():
    with pytest.raises(ValueError, match="model is 'sembo'; expected 'features' or 'semba'"):
        ForecastConfig(model="sembo")
