"""Payloads: JSON that events carry, as vectors that later scores know of."""

import json
from dataclasses import replace

import numpy as np
import pytest

from signwise import artifacts
from signwise.cli import main
from signwise.data import simulate_signed_events
from signwise.errors import DataError
from signwise.events import EventStream, chronological_split
from signwise.forecast import Columns, ForecastConfig, ForecastModel, PayloadEncoder, fit, read_events
from signwise.forecast._payload import payload_features
from signwise.graph import replay_stream

CONFIG = ForecastConfig(
    model="semba", optimizer="adamw", payload="details", payload_dim=8, ablation=False, validation=0.1
)


def moody_rows(n=2800, nodes=20, seed=0, tie=1):
    """Raters whose next sign is told by the note of their event before, and by nothing else."""
    rng = np.random.default_rng(seed)
    mood = rng.integers(0, 2, nodes)
    rows = []
    for i in range(n):
        u, v = rng.choice(nodes, 2, replace=False).tolist()
        rating = 1 if mood[u] else -1
        mood[u] = rng.integers(0, 2)
        note = {"mood": ["sour", "sweet"][mood[u]]}
        time = 1_000_000_000 + 600 * (i // tie)
        rows.append({"source": f"u{u}", "target": f"u{v}", "rating": rating, "time": time, "details": note})
    return rows


def as_columns(rows):
    return {name: [row[name] for row in rows] for name in rows[0]}


@pytest.fixture(scope="module")
def rows():
    return moody_rows()


@pytest.fixture(scope="module")
def run(rows):
    return fit(as_columns(rows), config=CONFIG, progress=False)


def test_what_tells_the_sign_is_read_by_trees_and_by_memories(run, rows):
    without = fit(as_columns(rows), config=replace(CONFIG, model="features", payload=None), progress=False)
    assert abs(without.reports["boosting"].test.auc - 0.5) < 0.1
    assert run.reports["boosting"].test.auc > 0.95
    assert run.reports["semba"].test.auc > 0.7
    assert run.dataset.payload_dim == 8
    assert without.dataset.payload_dim == 0


def test_no_score_knows_of_its_own_payload_or_of_a_later_one(run, rows):
    late = chronological_split(run.log.stream, CONFIG.train, CONFIG.validation).test
    start = int(np.argmax(late))
    changed = [{**row, "details": {"mood": "other"}} if i >= start else row for i, row in enumerate(rows)]
    again = fit(as_columns(changed), config=replace(CONFIG, model="features"), progress=False)
    np.testing.assert_array_equal(again.scores["boosting"][: start + 1], run.scores["boosting"][: start + 1])
    assert not np.array_equal(again.scores["boosting"], run.scores["boosting"])
    memory = run.model.forecasters["semba"]
    first, second = (memory.score_stream(one.model.stream) for one in (run, again))
    np.testing.assert_array_equal(second[: start + 1], first[: start + 1])
    assert not np.array_equal(second, first)


def test_scores_of_pairs_are_those_of_the_stream(run):
    stream = run.log.stream
    names = np.array(stream.nodes)
    for name in run.reports:
        asked = run.model.score(names[stream.source], names[stream.target], stream.time, model=name)
        np.testing.assert_allclose(asked, run.scores[name], atol=1e-5)


def test_a_stored_model_encodes_and_scores_alike(run, rows, tmp_path):
    run.model.save(tmp_path / "model")
    again = ForecastModel.load(tmp_path / "model")
    stored = artifacts.load(tmp_path / "model", kind="signwise-forecast-model", max_version=3)
    assert stored.meta["payload"]["d"] == run.model.payload.settings["d"]
    log = read_events(as_columns(rows[:40]), columns=Columns(payload="details"))
    np.testing.assert_array_equal(again.encode(log).payload, run.model.encode(log).payload)
    pairs = (run.log.stream.nodes[:9], run.log.stream.nodes[9:18])
    for name in run.reports:
        np.testing.assert_array_equal(again.score(*pairs, model=name), run.model.score(*pairs, model=name))


def test_a_live_model_takes_payloads_in(run):
    now = int(run.log.stream.time[-1])
    scores = {}
    for mood in ("sour", "sweet"):
        live = run.model.live()
        more = {"source": ["u0"] * 3, "target": ["u1", "u2", "u3"], "rating": [1, -1, 1]}
        more["time"] = [(now + 1 + i) * 1e-6 for i in range(3)]
        more["details"] = [{"mood": mood}] * 3
        live.ingest(run.model.encode(read_events(more, columns=Columns(payload="details"))))
        live.advance(now + 3)
        scores[mood] = live.score("u0", "u4", now + 60_000_000).probability
    assert scores["sweet"] > scores["sour"]
    with pytest.raises(ValueError, match="fitted on payloads"):
        run.model.encode(read_events({"source": ["a"], "target": ["b"], "rating": [1], "time": [1]}))


def test_the_order_of_simultaneous_events_does_not_matter():
    rows = moody_rows(600, 20, tie=5)
    # The same pair at the same time with two notes: nothing but the payload tells them apart.
    rows = [row for row in rows for _ in (0, 1)]
    rows = [{**row, "details": {**row["details"], "copy": i % 2}} for i, row in enumerate(rows)]
    config = replace(CONFIG, model="features", validation=0.15)
    first = fit(as_columns(rows), config=config, progress=False)
    order = np.lexsort((np.random.default_rng(0).random(len(rows)), [row["time"] for row in rows]))
    again = fit(as_columns([rows[i] for i in order]), config=config, progress=False)
    np.testing.assert_allclose(again.scores["boosting"], first.scores["boosting"][order], atol=1e-6)


def test_a_stream_may_bring_its_own_vectors():
    planted = simulate_signed_events(600, 60, scenario="factions", seed=1).stream
    stream = replace(planted, payload=np.random.default_rng(0).standard_normal((600, 3)))
    done = fit(stream, config=replace(CONFIG, model="features", payload=None), progress=False)
    assert done.dataset.payload_dim == 3
    assert done.model.payload is None
    assert done.model.forecasters["boosting"].model.columns == tuple(range(34 + 18))
    with pytest.raises(ValueError, match="an event stream has no payload column"):
        fit(stream, config=CONFIG, progress=False)


def test_the_reader_takes_objects_texts_and_gaps(tmp_path):
    path = tmp_path / "events.jsonl"
    details = [{"b": 1, "a": [2, None]}, "plain words", None, '{"a": 5}', "[edited] thanks", 7]
    lines = [
        {"source": "a", "target": "b", "rating": 1, "time": 100 - i, "more": {"details": value}}
        for i, value in enumerate(details)
    ]
    del lines[2]["more"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    log = read_events(path, columns=Columns(payload="/more/details"))
    # In order of time, which is here the order of lines turned round.
    assert log.payload == (b"7", b'"[edited] thanks"', b'{"a":5}', None, b'"plain words"', b'{"a":[2,null],"b":1}')
    assert read_events(path).payload is None


def test_a_place_that_no_line_has_is_a_wrong_name(tmp_path, rows):
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows[:5]))
    with pytest.raises(DataError, match="'detail'"):
        read_events(path, columns=Columns(payload="detail"))
    with pytest.raises(DataError, match="'detail'"):
        read_events(as_columns(rows[:5]), columns=Columns(payload="detail"))


def test_what_has_no_json_is_rejected_with_its_line():
    table = {"source": "ab", "target": "bc", "rating": [1, -1], "time": [1, 2], "note": [{"a": 1}, {"a": object()}]}
    log = read_events({k: list(v) for k, v in table.items()}, columns=Columns(payload="note"))
    assert log.payload == (b'{"a":1}',)
    assert [(r.line, r.reason.split(":")[0]) for r in log.rejects] == [(2, "payload is no JSON")]


def test_the_command_reads_the_payload_of_a_file(tmp_path, capsys):
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in moody_rows(600, 20)))
    (tmp_path / "run.toml").write_text('payload = "details"\npayload_dim = 4\nablation = false\n')
    options = ["--out", str(tmp_path / "run"), "--quiet"]
    assert main(["forecast", str(path), "--config", str(tmp_path / "run.toml"), *options]) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["dataset"]["payload_dim"] == 4
    assert main(["forecast", str(path), "--payload", "details", "--payload-dim", "2", "--no-ablation", *options]) == 0
    assert "2 numbers" in (tmp_path / "run" / "report.html").read_text()
    capsys.readouterr()
    assert ForecastModel.load(tmp_path / "run").payload.dim == 2


def test_vectors_are_principal_components():
    documents = [json.dumps({"topic": topic, "n": n}).encode() for topic in ("rent", "food", "play") for n in range(6)]
    encoder = PayloadEncoder.fit([*documents, None], dim=5)
    vectors = encoder(documents).astype(np.float64)
    np.testing.assert_allclose(vectors.mean(0), 0, atol=1e-5)
    spread = np.cov(vectors.T, bias=True)
    np.testing.assert_allclose(spread, np.diag(np.diag(spread)), atol=1e-5)
    assert (np.diff(np.diag(spread)) <= 1e-5).all()
    assert spread[0, 0] == pytest.approx(1.0, abs=1e-4)
    assert not encoder([None]).any()
    np.testing.assert_array_equal(PayloadEncoder.fit([*documents, None], dim=5)(documents), encoder(documents))


@pytest.mark.parametrize("documents", [[], [None, None], [b'{"a":1}'] * 3])
def test_documents_that_do_not_differ_say_nothing(documents):
    assert not PayloadEncoder.fit(documents, dim=3)([b'{"a":1}'] * 2).any() or not any(documents)


def test_payload_features_are_what_the_definition_says():
    rng = np.random.default_rng(0)
    n, p, k = 60, 2, 4
    source, target = rng.integers(0, 5, n), rng.integers(5, 9, n)
    stream = EventStream.from_columns(
        source=source.tolist(), target=target.tolist(), rating=rng.choice([-1, 1], n), time=np.arange(n) // 2,
        payload=rng.standard_normal((n, p)), weight_max=1,
    )  # fmt: skip
    seen = replay_stream(stream, ring=k)
    found = payload_features(seen.neighbors, stream.payload)
    for i in range(n):
        expected = []
        for end in (int(stream.source[i]), int(stream.target[i])):
            near, shown = seen.neighbors, 0 if end == stream.source[i] else 1
            events = [int(e) for e, there in zip(near.event[i, shown], near.mask[i, shown], strict=True) if there]
            assert all(stream.time[e] < stream.time[i] and end in (stream.source[e], stream.target[e]) for e in events)
            for ends in (stream.source, stream.target):
                newest = [e for e in events if ends[e] == end][:1]
                expected.append(stream.payload[newest[0]] if newest else np.zeros(p))
            expected.append(stream.payload[events].mean(0) if events else np.zeros(p))
        np.testing.assert_allclose(found[i], np.concatenate(expected), atol=1e-6)
