import io

import numpy as np
import pytest

from signwise.errors import ArtifactError, DataError
from signwise.forecast import Columns, ForecastModel, fit, predict

from .conftest import as_table


def test_a_stored_model_scores_like_the_run(run_dir, rows):
    run = fit(as_table(rows), progress=False)
    stream = run.log.stream
    late = np.flatnonzero(run.split.test)
    pairs = {
        "source": [stream.nodes[i] for i in stream.source[late]],
        "target": [stream.nodes[i] for i in stream.target[late]],
        "time": stream.seconds[late].tolist(),
    }
    for name in run.reports:
        again = predict(run_dir, pairs, forecaster=name, progress=False)
        np.testing.assert_array_equal(again.score, run.scores[name][late])


def test_run_folder_and_model_folder_are_the_same_model(run_dir):
    pairs = {"source": ["user1", "nobody"], "target": ["user2", "user3"]}
    first, second = predict(run_dir, pairs, progress=False), predict(run_dir / "model", pairs, progress=False)
    np.testing.assert_array_equal(first.score, second.score)
    assert first.model == ForecastModel.load(run_dir).selected
    assert ((first.score > 0) & (first.score < 1)).all()


def test_known_bad_members_score_worse(run_dir, rows):
    got = {}
    for _, target, rating, _ in rows:
        got.setdefault(target, []).append(rating > 0)
    share = {name: np.mean(values) for name, values in got.items()}
    worst, best = min(share, key=share.get), max(share, key=share.get)
    scores = predict(run_dir, {"source": ["x", "x"], "target": [worst, best]}, progress=False).score
    assert scores[0] < scores[1]


@pytest.mark.parametrize(
    "text",
    ["source,target,time\nuser1,user2,\nnew,user3,1000300000\n", "user1,user2\nnew,user3,1000300000\n"],
)
def test_pairs_with_and_without_header_and_time(tmp_path, run_dir, text):
    path = tmp_path / "pairs.csv"
    path.write_text(text)
    result = predict(run_dir, path, progress=False)
    assert result.source == ("user1", "new")
    out = io.StringIO()
    result.write_csv(out)
    lines = out.getvalue().splitlines()
    assert lines[0] == "source,target,time,score"
    assert lines[2].startswith("new,user3,1000300000,")
    assert [float(line.rsplit(",", 1)[1]) for line in lines[1:]] == result.score.tolist()


def test_nothing_is_skipped(tmp_path, run_dir):
    path = tmp_path / "pairs.csv"
    path.write_text("source,target\nuser1,user2\nuser1,\n")
    with pytest.raises(DataError, match="line 3: target is missing"):
        predict(run_dir, path, progress=False)
    path.write_text("source,target\n")
    with pytest.raises(DataError, match="holds no pairs"):
        predict(run_dir, path, progress=False)
    with pytest.raises(DataError, match="no such file"):
        predict(run_dir, tmp_path / "none.csv", progress=False)


def test_a_header_of_other_names_is_not_scored_as_a_pair(tmp_path, run_dir):
    path = tmp_path / "pairs.csv"
    path.write_text("ratee,rater\nuser1,user2\n")
    with pytest.raises(DataError, match="line 1 may be a header"):
        predict(run_dir, path, progress=False)
    named = predict(run_dir, path, columns=Columns(source="rater", target="ratee"), progress=False)
    assert (named.source, named.target) == (("user2",), ("user1",))


@pytest.mark.parametrize("options", [{"time_unit": "min"}, {"file_format": "xml"}])
def test_options_are_checked_as_in_reading(run_dir, options):
    with pytest.raises(ValueError, match="expected one of"):
        predict(run_dir, {"source": ["a"], "target": ["b"]}, progress=False, **options)


def test_unknown_forecaster_and_missing_model(tmp_path, run_dir):
    pairs = {"source": ["a"], "target": ["b"]}
    with pytest.raises(ValueError, match="no forecaster 'semba'; this model has: always_positive"):
        predict(run_dir, pairs, forecaster="semba", progress=False)
    with pytest.raises(ArtifactError):
        predict(tmp_path, pairs, progress=False)


def test_a_damaged_model_is_a_clear_error(tmp_path, run_dir):
    import shutil

    copy = tmp_path / "run"
    shutil.copytree(run_dir, copy)
    tensors = copy / "model" / "tensors.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-1] + b"\x01")
    with pytest.raises(ArtifactError, match=r"tensors\.safetensors"):
        predict(copy, {"source": ["a"], "target": ["b"]}, progress=False)
