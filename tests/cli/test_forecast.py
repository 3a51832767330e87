import csv
import gzip
import io
import json
import os
import threading

import numpy as np
import pytest

from signwise.cli import main


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    rng = np.random.default_rng(0)
    bad = rng.uniform(size=40) < 0.3
    path = tmp_path_factory.mktemp("events") / "events.csv"
    lines = []
    for i in range(600):
        u, v = rng.choice(40, 2, replace=False)
        lines.append(f"u{u},u{v},{1 if rng.uniform() < (0.1 if bad[v] else 0.95) else -1},{1_500_000_000 + i}\n")
    path.write_text("source,target,rating,time\n" + "".join(lines))
    return path


@pytest.fixture(scope="module")
def run(events, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "run"
    assert main(["forecast", str(events), "--out", str(out), "--no-ablation", "--quiet"]) == 0
    return out


def call(arguments, capsys):
    code = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_summary_tells_a_newcomer_what_was_found(events, tmp_path, capsys):
    code, out, err = call(["forecast", events, "--out", tmp_path / "run", "--quiet", "--no-ablation"], capsys)
    assert code == 0
    assert "600 ratings between 40 members" in out
    assert "boosted trees" in out
    assert str(tmp_path / "run" / "report.html") in out
    assert err == ""


def test_the_default_folder_is_signwise_run(events, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert call(["forecast", events, "--quiet", "--no-ablation"], capsys)[0] == 0
    assert (tmp_path / "signwise-run" / "metrics.json").exists()


def test_progress_goes_to_standard_error_only(events, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("SIGNWISE_PROGRESS", raising=False)
    code, out, _ = call(["forecast", events, "--out", tmp_path / "run", "--no-ablation"], capsys)
    assert code == 0
    assert "%)" not in out


def test_options_reach_the_run(events, tmp_path, capsys):
    config = tmp_path / "forecast.toml"
    config.write_text("train = 0.5\nseed = 3\nablation = false\n")
    arguments = ["forecast", events, "--out", tmp_path / "run", "--config", config, "--validation", "0.25", "--quiet"]
    assert call(arguments, capsys)[0] == 0
    protocol = json.loads((tmp_path / "run" / "metrics.json").read_text())["protocol"]
    assert (protocol["train"], protocol["validation"], protocol["seed"]) == (0.5, 0.25, 3)


def test_semba_is_trained_beside_the_others(events, tmp_path, capsys):
    out = tmp_path / "run"
    code, text, err = call(["forecast", events, "--out", out, "--model", "semba", "--quiet", "--no-ablation"], capsys)
    assert (code, err) == (0, "")
    assert "SEMBAPlus" in text
    assert "boosted trees" in text
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["selected"] == max(
        metrics["models"], key=lambda name: metrics["models"][name]["sign"]["validation"]["auc"]
    )
    assert "SEMBAPlus" in (out / "report.html").read_text()
    (tmp_path / "pairs.csv").write_text("source,target\nu1,u2\n")
    asked = ["predict", out, "--pairs", tmp_path / "pairs.csv", "--forecaster", "semba", "--quiet"]
    assert call(asked, capsys)[0] == 0


def test_columns_units_and_policies(tmp_path, capsys):
    path = tmp_path / "e.jsonl"
    lines = [
        json.dumps({"who": {"id": i % 7}, "whom": (i * 3) % 7, "v": 1 if i % 3 else -2, "at": 1000 * i})
        for i in range(200)
    ]
    path.write_text("\n".join([*lines, lines[5]]) + "\n")
    arguments = ["forecast", path, "--out", tmp_path / "run", "--source", "/who/id", "--target", "whom"]
    arguments += ["--rating", "v", "--time", "at", "--time-unit", "ms", "--self-loops", "keep", "--duplicates", "drop"]
    code, out, _ = call([*arguments, "--weight-max", "2", "--quiet", "--no-ablation"], capsys)
    assert code == 0
    assert "1 dropped (duplicate)" in out
    dataset = json.loads((tmp_path / "run" / "metrics.json").read_text())["dataset"]
    assert (dataset["lines"], dataset["events"], dataset["rejected"], dataset["weight_max"]) == (201, 200, 0, 2.0)
    assert dataset["last"] == "1970-01-01T00:03:19Z"


def test_predict_writes_pairs_and_scores(run, tmp_path, capsys):
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("source,target\nu1,u2\nnobody,u3\n")
    code, out, _ = call(["predict", run, "--pairs", pairs, "--quiet"], capsys)
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(r["source"], r["target"]) for r in rows] == [("u1", "u2"), ("nobody", "u3")]
    assert all(0 < float(r["score"]) < 1 for r in rows)
    code, printed, _ = call(
        ["predict", run / "model", "--pairs", pairs, "--out", tmp_path / "s.csv", "--quiet"], capsys
    )
    assert (code, printed) == (0, "")
    assert (tmp_path / "s.csv").read_text() == out


BAD = [
    ("missing.csv", None, "no such file"),
    ("empty.csv", b"", "the file is empty"),
    ("columns.csv", b"a,b,c,d\n1,2,3,4\n", "no column"),
    ("rating.csv", b"source,target,rating,time\na,b,good,1\n", "rating 'good' is not a number"),
    ("nan.csv", b"source,target,rating,time\na,b,1,nan\na,b,1,inf\n", "time is nan"),
    ("range.csv", b"source,target,rating,time\na,b,1,1e40\n", "out of range"),
    ("utf16.csv", "source,target,rating,time\na,b,1,1\n".encode("utf-16"), "UTF-16"),
    ("cut.csv.gz", gzip.compress(b"source,target,rating,time\n" + b"a,b,1,1\n" * 999)[:50], "end early"),
    ("one.csv", b"source,target,rating,time\na,b,1,1\n", "is empty"),
    ("same.csv", b"source,target,rating,time\n" + b"a,b,1,1\n" * 50, "distinct times"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD, ids=[name for name, _, _ in BAD])
def test_bad_input_is_one_line_and_code_2(name, content, message, tmp_path, capsys):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    code, out, err = call(["forecast", path, "--out", tmp_path / "run", "--quiet"], capsys)
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
    assert not (tmp_path / "run").exists()


def test_bad_options_and_places(events, run, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    config = tmp_path / "c.toml"
    config.write_text("trian = 0.5\n")
    for arguments, message in (
        (["forecast", events, "--out", tmp_path / "file"], "is a file"),
        (["forecast", events, "--out", tmp_path / "file" / "run"], "is a file"),
        (["forecast"], "give either a file of events or --dataset"),
        (["forecast", events, "--dataset", "bitcoin-otc"], "give either a file of events or --dataset"),
        (["forecast", "--dataset", "bitcoin-otk"], "bitcoin-otc"),
        (["forecast", events, "--out", tmp_path / "r", "--train", "0.9", "--validation", "0.2"], "test part"),
        (["forecast", events, "--out", tmp_path / "r", "--config", config], "'train'"),
        (["forecast", "--dataset", "bitcoin-otc", "--source", "u"], "say how to read a file"),
        (["forecast", "--dataset", "cifar-10", "--out", tmp_path / "r"], "is not a stream of signed events"),
        (["predict", tmp_path, "--pairs", events], "error"),
        (["predict", run, "--pairs", events, "--out", tmp_path], "is a folder"),
        (["predict", run, "--pairs", tmp_path / "none.csv"], "no such file"),
        (["predict", run, "--pairs", events, "--forecaster", "oracle"], "no forecaster 'oracle'"),
    ):
        code, _, err = call([*arguments, "--quiet"], capsys)
        assert code == 2, arguments
        assert err.startswith("error: ")
        assert message in err
        assert "Traceback" not in err


def test_predict_writes_to_a_pipe_and_leaves_it_a_pipe(run, tmp_path, capsys):
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("source,target\nu1,u2\n")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    assert call(["predict", run, "--pairs", pairs, "--out", pipe, "--quiet"], capsys)[0] == 0
    reader.join()
    assert pipe.is_fifo()
    assert read[0].startswith("source,target,time,score\nu1,u2,")


def test_strict_names_the_line(events, tmp_path, capsys):
    path = tmp_path / "e.csv"
    path.write_text(events.read_text() + "u1,u2,0,1600000000\n")
    code, _, err = call(["forecast", path, "--out", tmp_path / "run", "--strict", "--quiet"], capsys)
    assert code == 2
    assert "line 602: rating is 0" in err


def test_demo_without_the_data_set_says_so_and_uses_a_planted_stream(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SIGNWISE_DATA", str(tmp_path / "nothing"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    code, out, _ = call(["demo", "--no-fetch", "--out", tmp_path / "run", "--quiet"], capsys)
    assert code == 0
    assert "planted stream" in out
    assert "An oracle that knows the planted secrets reaches AUC" in out
    assert (tmp_path / "run" / "report.html").exists()


@pytest.mark.data
def test_demo_on_the_real_data_set(tmp_path, data_root, capsys):
    root = data_root("bitcoin-otc/soc-sign-bitcoinotc.csv.gz")
    code, out, _ = call(["demo", "--root", root, "--no-fetch", "--out", tmp_path / "run", "--quiet"], capsys)
    assert code == 0
    assert "35,592 ratings between 5,881 members" in out
    boosting = json.loads((tmp_path / "run" / "metrics.json").read_text())["models"]["boosting"]["sign"]["test"]
    assert boosting["auc"] >= 0.90
    assert boosting["ap_negative"] >= 0.69
    assert boosting["macro_f1"] >= 0.755
