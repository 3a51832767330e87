"""A live model: what it knows when, what it ignores, and that a stop changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from signwise.data import simulate_signed_events
from signwise.errors import ArtifactError, LateEventError, LeakError
from signwise.events import EventStream, chronological_split
from signwise.graph import (
    SEMBA,
    TGN,
    Costs,
    LiveModel,
    MemoryOptions,
    Platt,
    SEMBAPlus,
    TrainingOptions,
    load_model,
    save_model,
)


@pytest.fixture(scope="module")
def stream():
    events = simulate_signed_events(300, 45, seed=1, tie_seconds=40_000).stream
    assert len(events.tie_starts) < len(events)
    return events


@pytest.fixture(scope="module", params=[SEMBAPlus, SEMBA, TGN])
def fitted(request, stream):
    training = TrainingOptions(epochs=1)
    return request.param("sign", training=training, seed=2).fit(stream, chronological_split(stream))


@pytest.fixture
def live(fitted, tmp_path):
    return LiveModel(load_model(save_model(tmp_path / "fresh", fitted)))


def parts(stream, *cuts):
    return [stream.select(slice(a, b)) for a, b in zip((0, *cuts), (*cuts, len(stream)), strict=True)]


def after(stream):
    return int(stream.time[-1]) + 5


def answers(live, stream):
    names = stream.nodes[:12]
    return [s.logit for s in live.scores(names, names[::-1], after(stream))]


def test_scores_are_those_of_the_model_that_followed_the_stream(live, fitted, stream):
    live.ingest(stream)
    live.advance(int(stream.time[-1]))
    followed = fitted.follow(stream)
    with torch.no_grad():
        expected = followed(np.arange(12), np.arange(12)[::-1].copy(), after(stream))[:, 0].tolist()
    assert answers(live, stream) == pytest.approx(expected, abs=1e-5)


def test_one_pair_is_scored_as_in_a_batch(live, stream):
    live.ingest(stream)
    names = [*stream.nodes[:10], "a stranger"]
    many = live.scores(names, names[::-1], after(stream))
    alone = [live.score(u, v, after(stream)) for u, v in zip(names, names[::-1], strict=True)]
    assert [s.logit for s in alone] == pytest.approx([s.logit for s in many], abs=1e-5)
    assert [s.unseen for s in alone] == [s.unseen for s in many]


def test_pieces_and_single_events_give_what_the_whole_gives(live, fitted, stream, tmp_path):
    live.ingest(stream)
    whole = answers(live, stream)
    other = LiveModel(load_model(save_model(tmp_path / "again", fitted)))
    for part in parts(stream, 1, 2, 5, 200, 201):
        other.ingest(part)
    assert other.last_seq == len(stream) - 1
    assert answers(other, stream) == pytest.approx(whole, abs=1e-5)


def test_open_events_are_not_known(live, stream):
    live.ingest(stream)
    open_from = int(np.searchsorted(stream.time, stream.time[-1]))
    assert live.open_events == len(stream) - open_from > 0
    assert live.state_time == int(stream.time[open_from - 1])
    before = answers(live, stream)
    live.advance(int(stream.time[-1]) - 1)
    assert live.open_events
    live.advance(int(stream.time[-1]))
    assert live.open_events == 0
    assert live.state_time == int(stream.time[-1])
    assert answers(live, stream) != before


def test_asking_changes_nothing(live, stream):
    live.ingest(stream)
    first = answers(live, stream)
    assert answers(live, stream) == first


def test_events_with_a_number_taken_before_are_ignored(live, stream):
    early, late = parts(stream, 200)
    assert live.ingest(early) == 199
    assert live.ingest(stream.select(slice(150, 230)), first_seq=150) == 229
    assert live.ingest(early, first_seq=0) == 229
    with pytest.raises(ValueError, match="events 230 to 259 are missing before event 260"):
        live.ingest(late.select(slice(60, None)), first_seq=260)
    live.ingest(stream, first_seq=0)
    assert live.last_seq == len(stream) - 1


def test_simultaneous_events_have_no_order(live, fitted, stream, tmp_path):
    other = LiveModel(load_model(save_model(tmp_path / "again", fitted)))
    order = np.lexsort((np.random.default_rng(0).random(len(stream)), stream.time))
    assert (order != np.arange(len(stream))).any()
    live.ingest(stream)
    other.ingest(stream.select(order))
    assert live._names == other._names
    assert answers(live, stream) == pytest.approx(answers(other, stream), abs=1e-6)


def test_late_events_raise_and_nothing_is_taken_in(live, stream):
    early, late = parts(stream, 200)
    live.ingest(late)
    seq, open_events = live.last_seq, live.open_events
    with pytest.raises(LateEventError, match="sort the events, or use late='drop'"):
        live.ingest(early)
    assert (live.last_seq, live.open_events) == (seq, open_events)


def test_late_events_can_be_dropped_and_are_counted(fitted, stream, tmp_path):
    live = LiveModel(load_model(save_model(tmp_path / "again", fitted)), late="drop")
    live.ingest(stream.select(slice(200, None)))
    live.ingest(stream)
    open_from = int(np.searchsorted(stream.time, stream.time[-1]))
    assert live.dropped == open_from
    assert live.last_seq == 2 * len(stream) - 200 - 1
    assert live.open_events == 2 * (len(stream) - open_from)


def test_a_sealed_time_has_no_score(live, stream):
    live.ingest(stream)
    live.advance(after(stream))
    with pytest.raises(LeakError):
        live.score("a", "b", after(stream))
    with pytest.raises(LateEventError):
        live.ingest(stream.select(slice(len(stream) - 1, None)))


@pytest.mark.parametrize("cut", [1, 133, 299])
def test_restored_it_continues_bit_for_bit(live, stream, tmp_path, cut):
    first, second = parts(stream, cut)
    live.calibration, live.costs = Platt(slope=0.5, intercept=0.25), Costs(miss=3.0, abstain=0.2)
    live.ingest(first)
    live.snapshot(tmp_path / "live")
    again = LiveModel.restore(tmp_path / "live")
    assert (again.last_seq, again.open_events, again.costs) == (cut - 1, live.open_events, live.costs)
    for one in (live, again):
        one.ingest(second)
        one.advance(int(stream.time[-1]))
    names = stream.nodes[:12]
    assert again.scores(names, names[::-1], after(stream)) == live.scores(names, names[::-1], after(stream))
    state = live.model.state_dict()
    for name, value in again.model.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_a_damaged_snapshot_says_so(live, stream, tmp_path):
    live.ingest(stream)
    live.snapshot(tmp_path / "live")
    (tmp_path / "live" / "meta.json").write_text("{}")
    with pytest.raises(ArtifactError):
        LiveModel.restore(tmp_path / "live")
    with pytest.raises(ArtifactError):
        LiveModel.restore(tmp_path / "absent")


def test_names_that_were_never_seen(live, stream):
    live.ingest(stream)
    score = live.score("new", "new too", after(stream))
    assert score.unseen == ("new", "new too")
    assert score.state_time == live.state_time
    assert live.score("new", stream.nodes[0], after(stream)).unseen == ("new",)
    assert live.score("new", "new", after(stream)).unseen == ("new",)
    assert live.scores([], [], 5) == []


def test_probability_and_decision_follow_calibration_and_costs(live, stream):
    live.ingest(stream)
    plain = live.score(stream.nodes[0], stream.nodes[1], after(stream))
    assert plain.probability == pytest.approx(1 / (1 + np.exp(-plain.logit)))
    live.calibration = Platt(slope=1e-6, intercept=0.0)
    live.costs = Costs(miss=10.0)
    assert live.score(stream.nodes[0], stream.nodes[1], after(stream)).decision == "negative"
    live.costs = Costs(abstain=0.1)
    assert live.score(stream.nodes[0], stream.nodes[1], after(stream)).decision == "abstain"


def test_other_models_are_refused(stream):
    with pytest.raises(ValueError, match="forecasts 'weight'; a live model needs the task 'sign'"):
        LiveModel(SEMBAPlus("weight"))
    with pytest.raises(ValueError, match="was not fitted; call fit first"):
        LiveModel(SEMBAPlus("sign"))


def test_bad_settings_and_streams(fitted, stream, tmp_path):
    model = load_model(save_model(tmp_path / "again", fitted))
    with pytest.raises(ValueError, match="late is 'ignore'; expected one of 'error', 'drop'"):
        LiveModel(model, late="ignore")
    live = LiveModel(model)
    with pytest.raises(ValueError, match="no stream is followed yet; commit events first"):
        live.score("a", "b", 3)
    live.ingest(stream)
    other = replace(stream, tick_seconds=1.0)
    with pytest.raises(ValueError, match=r"ticks are 1\.0 s and were"):
        live.ingest(other)
    assert live.ingest(stream.select(slice(0, 0))) == len(stream) - 1


def test_payloads_travel_with_open_events(stream, tmp_path):
    payload = np.random.default_rng(0).standard_normal((len(stream), 3)).astype(np.float32)
    carried = replace(stream, payload=payload)
    options = MemoryOptions(payload_dim=3)
    model = SEMBAPlus("sign", options=options, training=TrainingOptions(epochs=1))
    live = LiveModel(model.fit(carried, chronological_split(stream)))
    live.ingest(carried.select(slice(0, 100)))
    live.snapshot(tmp_path / "live")
    again = LiveModel.restore(tmp_path / "live")
    for one in (live, again):
        one.ingest(carried.select(slice(100, None)))
    assert answers(live, stream) == answers(again, stream)
    with pytest.raises(ValueError, match="payload"):
        live.ingest(EventStream.from_columns(source="a", target="b", rating=[1], time=[4e9], tick_seconds=1e-6))


def test_a_saved_model_keeps_its_options_weights_and_state(fitted, stream, tmp_path):
    fitted.follow(stream)
    loaded = load_model(save_model(tmp_path / "model", fitted))
    assert type(loaded) is type(fitted)
    assert (loaded.options, loaded.training_options, loaded.online_options) == (
        fitted.options,
        fitted.training_options,
        fitted.online_options,
    )
    with torch.no_grad():
        for model in (fitted, loaded):
            model.eval()
        assert torch.equal(loaded([0, 1], [2, 3], after(stream)), fitted([0, 1], [2, 3], after(stream)))


def test_a_model_of_another_class_cannot_be_saved(tmp_path):
    class Mine(SEMBAPlus):
        pass

    with pytest.raises(TypeError, match="Mine cannot be saved; expected one of SEMBA, SEMBAPlus, TGN"):
        save_model(tmp_path / "model", Mine("sign"))
