import csv
import json
import random

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, roc_auc_score

from signwise.errors import ArtifactError, DataError
from signwise.forecast import ForecastConfig, fit
from signwise.graph import SIGN_MODELS, THRESHOLD_LEVELS

from .conftest import as_table, planted_rows

QUICK = ForecastConfig(ablation=False)


@pytest.fixture(scope="module")
def run(rows):
    return fit(as_table(rows), config=QUICK, progress=False)


def test_a_run_learns_what_was_planted(run):
    assert list(run.reports) == ["always_positive", "ratee_mean", "bias_mean", "logistic", "boosting"]
    assert run.reports["always_positive"].test.auc == 0.5
    for name in ("ratee_mean", "logistic", "boosting"):
        assert run.reports[name].test.auc > 0.8
    assert run.selected == max(run.reports, key=lambda name: run.reports[name].validation.auc)


def test_every_file_is_written_and_the_metrics_have_their_shape(run_dir):
    names = {path.name for path in run_dir.iterdir()}
    assert names == {"manifest.json", "metrics.json", "model", "predictions.csv", "rejects.csv", "report.html"}
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert {"dataset", "protocol", "splits", "models"} <= set(metrics)
    assert set(metrics["splits"]) == {"train", "validation", "test"}
    assert set(metrics["models"]) == set(SIGN_MODELS)
    for model in metrics["models"].values():
        assert {"auc", "ap_negative", "macro_f1", "brier", "ece"} <= set(model["sign"]["test"])
        assert set(model["sign"]["slices"]) == {"both_known", "one_new", "both_new"}
    assert [row["removed"] for row in metrics["ablation"]] == [None, "rater", "ratee", "pair", "global", "triads"]


def test_metrics_follow_from_the_predictions_alone(run_dir):
    metrics = json.loads((run_dir / "metrics.json").read_text())
    with (run_dir / "predictions.csv").open(newline="") as file:
        reader = csv.DictReader(file)
        assert reader.fieldnames == ["line", "source", "target", "time", "split", "model", "score", "label"]
        rows = list(reader)
    for name, model in metrics["models"].items():
        part = {
            split: (
                np.array([int(r["label"]) for r in rows if r["split"] == split and r["model"] == name]),
                np.array([float(r["score"]) for r in rows if r["split"] == split and r["model"] == name]),
            )
            for split in ("validation", "test")
        }
        label, score = part["validation"]
        candidates = np.unique(np.quantile(score, THRESHOLD_LEVELS))
        f1 = [f1_score(label, np.where(score >= c, 1, -1), average="macro", zero_division=0.0) for c in candidates]
        threshold = model["sign"]["threshold"]
        assert f1[candidates.tolist().index(threshold)] == pytest.approx(max(f1))
        label, score = part["test"]
        test = model["sign"]["test"]
        assert len(label) == test["n"] == metrics["splits"]["test"]["events"]
        assert test["auc"] == pytest.approx(roc_auc_score(label, score))
        assert test["ap_negative"] == pytest.approx(average_precision_score(label < 0, -score))
        assert test["brier"] == pytest.approx(brier_score_loss(label > 0, score))
        called = np.where(score >= threshold, 1, -1)
        assert test["macro_f1"] == pytest.approx(f1_score(label, called, average="macro", zero_division=0.0))


def test_predictions_name_the_lines_of_the_file(csv_file, rows, tmp_path):
    shuffled = random.Random(0).sample(rows, len(rows))
    csv_file.write_text("source,target,rating,time\n" + "".join(f"{a},{b},{r},{t}\n" for a, b, r, t in shuffled))
    fit(csv_file, out=tmp_path / "run", config=QUICK, progress=False)
    lines = csv_file.read_text().splitlines()
    with (tmp_path / "run" / "predictions.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            source, target, rating, time = lines[int(row["line"]) - 1].split(",")
            assert (row["source"], row["target"], row["time"]) == (source, target, time)
            assert row["label"] == ("1" if int(rating) > 0 else "-1")


def scores_by_event(result, name="boosting"):
    stream = result.log.stream
    return {
        (stream.nodes[u], stream.nodes[v], t): s
        for u, v, t, s in zip(
            stream.source.tolist(),
            stream.target.tolist(),
            stream.time.tolist(),
            result.scores[name].tolist(),
            strict=True,
        )
    }


@pytest.mark.parametrize("name", SIGN_MODELS)
def test_no_score_depends_on_an_event_at_or_after_its_own_time(rows, run, name):
    """Everything from a moment on gets other ends and signs; every earlier score is bit-equal, in validation too."""
    train_end = run.split.train_end
    stream = run.log.stream
    rng = random.Random(1)
    for cut in (np.flatnonzero(run.split.validation)[20], np.flatnonzero(run.split.test)[50]):
        moment = int(stream.time[cut])
        assert moment > train_end
        changed = [
            row
            if row[3] * 1_000_000 < moment
            else (*rng.sample([f"user{i}" for i in range(80)], 2), rng.choice([-4, 3]), row[3])
            for row in rows
        ]
        perturbed = fit(as_table(changed), config=QUICK, progress=False)
        before = stream.time < moment
        assert before.sum() > run.split.train.sum()
        np.testing.assert_array_equal(perturbed.scores[name][before], run.scores[name][before])
        assert not np.array_equal(perturbed.log.stream.sign, stream.sign)


def test_the_sign_of_an_event_does_not_reach_its_own_score(rows, run):
    stream = run.log.stream
    last = len(rows) - 1
    flipped = [*rows[:last], (*rows[last][:2], -rows[last][2], rows[last][3])]
    other = fit(as_table(flipped), config=QUICK, progress=False)
    assert other.log.stream.sign[last] == -stream.sign[last]
    for name in SIGN_MODELS:
        np.testing.assert_array_equal(other.scores[name], run.scores[name])


def test_permuting_events_of_equal_time_changes_nothing():
    rows = [(a, b, r, 1000 * (t // 6000)) for a, b, r, t in planted_rows(seed=3)]
    shuffled = sorted(random.Random(2).sample(rows, len(rows)), key=lambda row: row[3])
    assert shuffled != rows
    # Trees see their rows in another order, so training is kept apart: the rules and the features must be equal.
    first, second = (fit(as_table(r), config=QUICK, progress=False) for r in (rows, shuffled))
    for name in SIGN_MODELS:
        a, b = scores_by_event(first, name), scores_by_event(second, name)
        assert a == b


def test_ties_whose_terms_cancel_are_scored_alike_in_every_order():
    """Sums of sevenths differ in their last bit by the order of their terms, and a tree splits on a bit."""
    rng = np.random.default_rng(7)
    bad = rng.uniform(size=40) < 0.3
    rows = []
    for i in range(1500):
        u, v = rng.choice(40, 2, replace=False)
        sign = 1 if rng.uniform() < (0.15 if bad[v] else 0.9) else -1
        rows.append((f"n{u}", f"n{v}", sign * int(rng.integers(1, 8)), 1000 * (i // 25)))
    first = fit(as_table(rows), weight_max=7.0, config=QUICK, progress=False)
    for seed in range(2):
        shuffled = sorted(random.Random(seed).sample(rows, len(rows)), key=lambda row: row[3])
        second = fit(as_table(shuffled), weight_max=7.0, config=QUICK, progress=False)
        for name in SIGN_MODELS:
            a, b = scores_by_event(first, name), scores_by_event(second, name)
            assert a == b, name


def test_relabelled_members_get_the_same_scores(rows, run):
    names = {f"user{i}": f"m{(i * 37) % 101}" for i in range(60)}
    other = fit(as_table([(names[a], names[b], r, t) for a, b, r, t in rows]), config=QUICK, progress=False)
    for name in SIGN_MODELS:
        np.testing.assert_allclose(other.scores[name], run.scores[name], atol=1e-9)


def test_the_same_seed_gives_the_same_bytes(csv_file, tmp_path):
    for name in ("a", "b"):
        fit(csv_file, out=tmp_path / name, config=QUICK, progress=False)
    for file in ("metrics.json", "predictions.csv", "report.html", "model/tensors.safetensors", "model/meta.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_other_splits(rows):
    run = fit(as_table(rows), config=ForecastConfig(train=0.5, validation=0.25, ablation=False), progress=False)
    assert [run.splits[p].events for p in ("train", "validation", "test")] == [450, 225, 225]


def test_rejects_are_written(csv_file, tmp_path):
    with csv_file.open("a") as file:
        file.write('x,"y, z",0,5\nuser1,user1,2,9\n')
    result = fit(csv_file, out=tmp_path / "run", config=QUICK, progress=False)
    assert (tmp_path / "run" / "rejects.csv").read_text() == (
        "line,reason,content\n"
        '902,"rating is 0, which has no sign","x,""y, z"",0,5"\n'
        "903,self-loop: 'user1' rates itself,\"user1,user1,2,9\"\n"
    )
    assert result.dataset.rejected == 2
    assert result.dataset.lines == 902


def test_a_slice_without_events_is_null_and_one_sign_has_no_auc(tmp_path):
    rows = [(a, b, r if i < 800 else abs(r), t) for i, (a, b, r, t) in enumerate(planted_rows(seed=4))]
    result = fit(as_table(rows), out=tmp_path / "run", config=ForecastConfig(validation=0.25), progress=False)
    assert result.reports["boosting"].slices["both_new"] is None
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["models"]["boosting"]["sign"]["test"]["n"] > 0
    late = [(a, b, r if i < 760 else abs(r), t) for i, (a, b, r, t) in enumerate(rows)]
    flat = fit(as_table(late), out=tmp_path / "flat", config=QUICK, progress=False)
    assert flat.reports["boosting"].test.auc is None
    assert "all have the same sign" in (tmp_path / "flat" / "report.html").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: [(a, b, abs(r), t) for a, b, r, t in rows], "training events are positive"),
        (lambda rows: [(a, b, r, 5) for a, b, r, _ in rows], "share 1 distinct times"),
        (lambda rows: rows[:1], "is empty"),
    ],
)
def test_streams_that_cannot_be_learnt(rows, change, message):
    with pytest.raises(ValueError, match=message):
        fit(as_table(change(rows)), progress=False)


def test_an_earlier_run_is_replaced_and_nothing_else(csv_file, tmp_path):
    out = tmp_path / "run"
    fit(csv_file, out=out, config=QUICK, progress=False)
    before = (out / "metrics.json").read_bytes()
    fit(csv_file, out=out, config=ForecastConfig(train=0.6, ablation=False), progress=False)
    assert (out / "metrics.json").read_bytes() != before
    (out / "notes.txt").write_text("mine")
    with pytest.raises(ArtifactError, match=r"notes\.txt"):
        fit(csv_file, out=out, config=QUICK, progress=False)
    assert (out / "notes.txt").read_text() == "mine"


def test_the_output_is_checked_before_the_work(tmp_path):
    (tmp_path / "file").write_text("x")
    missing = tmp_path / "missing.csv"
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(ArtifactError, match="file"):
            fit(missing, out=out, progress=False)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_text("x")
    with pytest.raises(ArtifactError, match="in the way"):
        fit(missing, out=tmp_path / "photos", progress=False)
    with pytest.raises(DataError, match="no such file"):
        fit(missing, out=tmp_path / "new", progress=False)
    assert not (tmp_path / "new").exists()


def test_an_interrupted_run_leaves_nothing(csv_file, tmp_path, monkeypatch):
    out = tmp_path / "out" / "run"

    def interrupt(result):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("signwise.forecast._report.render_report", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fit(csv_file, out=out, config=QUICK, progress=False)
    assert list(out.parent.iterdir()) == []
    fit(csv_file, out=out, config=QUICK, progress=False)
    kept = (out / "metrics.json").read_bytes()
    monkeypatch.setattr("signwise.forecast._report.render_report", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fit(csv_file, out=out, config=ForecastConfig(train=0.6), progress=False)
    assert (out / "metrics.json").read_bytes() == kept
    assert [path.name for path in out.parent.iterdir()] == ["run"]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"train": 2.0}, "leave a share"), ({"seed": -1}, "seed is -1"), ({"validation": 0.3}, "leave a share")],
)
def test_impossible_settings_are_refused_at_once(options, message):
    with pytest.raises(ValueError, match=message):
        ForecastConfig(**options)


def test_a_declared_scale_clips_later_ratings(rows):
    result = fit(as_table(rows), weight_max=2.0, config=QUICK, progress=False)
    assert result.dataset.weight_max == 2.0
    assert fit(as_table(rows), config=QUICK, progress=False).dataset.weight_max == 5.0


@pytest.mark.data
def test_bitcoin_otc_reaches_its_row(data_root):
    from signwise.data import load

    result = fit(load("bitcoin-otc", root=data_root("bitcoin-otc")), config=QUICK, progress=False)
    assert [result.splits[p].events for p in ("train", "validation", "test")] == [24_914, 5_339, 5_339]
    expected = {
        "ratee_mean": (0.738, 0.438, 0.666),
        "bias_mean": (0.808, 0.553, 0.714),
        "logistic": (0.881, 0.603, 0.733),
        "boosting": (0.906, 0.711, 0.775),
    }
    tolerance = {"boosting": (0.005, 0.015, 0.02)}
    for name, figures in expected.items():
        test = result.reports[name].test
        for value, figure, within in zip(
            (test.auc, test.ap_negative, test.macro_f1), figures, tolerance.get(name, (0.005,) * 3), strict=True
        ):
            assert value == pytest.approx(figure, abs=within), name
    assert result.selected == "boosting"
