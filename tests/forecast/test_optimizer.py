"""What trains SEMBAPlus in a forecast is chosen on validation, and the report says what was tried."""

from dataclasses import replace

import pytest

from signwise.data import simulate_signed_events
from signwise.forecast import ForecastConfig, fit

CONFIG = ForecastConfig(model="semba", seed=3)


@pytest.fixture(scope="module")
def stream():
    return simulate_signed_events(600, 60, seed=2).stream


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("chosen") / "run"


@pytest.fixture(scope="module")
def run(stream, out):
    return fit(stream, out=out, config=CONFIG, progress=False)


def test_the_better_on_validation_is_kept(run):
    assert [row.name for row in run.optimizers] == ["adamw", "lion_k"]
    (chosen,) = (row for row in run.optimizers if row.chosen)
    assert chosen.auc == max(row.auc for row in run.optimizers) == run.reports["semba"].validation.auc
    assert len({row.auc for row in run.optimizers}) == 2


def test_each_alone_gives_the_fit_that_was_recorded(run, stream):
    for row in run.optimizers:
        alone = fit(stream, config=replace(CONFIG, optimizer=row.name, ablation=False), progress=False)
        assert [one.name for one in alone.optimizers] == [row.name]
        assert alone.optimizers[0].chosen
        assert alone.reports["semba"].validation.auc == row.auc


def test_both_halves_of_the_model_are_left_out_in_turn(run):
    rows = [row for row in run.ablation if row.model == "semba"]
    assert [row.removed for row in rows] == [None, "memories", "features"]
    assert rows[0].auc == run.reports["semba"].validation.auc
    assert len({row.auc for row in rows}) == 3


def test_the_report_shows_both_optimizers_trees_and_memories(run, out):
    text = (out / "report.html").read_text()
    for words in ("AdamW", "Lion-K", "boosted trees", "SEMBAPlus without memories", "SEMBAPlus without features"):
        assert words in text
    assert [row["name"] for row in run.metrics()["optimizers"]] == ["adamw", "lion_k"]


def test_models_on_features_alone_have_no_optimizer(stream):
    done = fit(stream, config=replace(CONFIG, model="features", ablation=False), progress=False)
    assert done.optimizers == ()


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(ValueError, match="optimizer is 'sgd'; expected 'choose', 'adamw' or 'lion_k'"):
        ForecastConfig(optimizer="sgd")
    with pytest.raises(ValueError, match="payload_dim is 0"):
        ForecastConfig(payload_dim=0)
