import numpy as np
import pytest
import torch

from signwise.data import simulate_signed_events
from signwise.events import chronological_split
from signwise.graph import TGN, FeatureModel, MemoryOptions, TrainingOptions, evaluate, replay_stream
from signwise.graph._contract import Queries
from signwise.graph._published import (
    ATTENDED,
    BATCH,
    Passes,
    batch_neighbors,
    published_model,
    split_ids,
    uniform_pairs,
)

STREAM = simulate_signed_events(2600, 120, tie_seconds=5 * 86_400.0, seed=2).stream


def test_every_user_has_two_ids_and_every_event_a_time_of_its_own():
    doubled = split_ids(STREAM)
    assert not np.isin(doubled.source, doubled.target).any()
    assert (np.diff(doubled.time) > 0).all()
    assert (doubled.time - STREAM.time < len(STREAM)).all()
    assert [doubled.nodes[i] for i in doubled.source[:5]] == [f"rater {STREAM.nodes[i]}" for i in STREAM.source[:5]]
    assert [doubled.nodes[i] for i in doubled.target[:5]] == [f"ratee {STREAM.nodes[i]}" for i in STREAM.target[:5]]


def test_test_events_are_passed_again_without_a_reset():
    split = chronological_split(STREAM)
    passes = Passes.of(STREAM, split)
    n, test = len(STREAM), int(split.test.sum())
    assert len(passes.stream) == n + test
    assert passes.parts["transductive"].sum() + passes.parts["inductive"].sum() == test
    assert (np.diff(passes.stream.time) > 0).all()
    again = np.concatenate([passes.stream.rating[passes.parts[name]] for name in ("transductive", "inductive")])
    assert sorted(again) == sorted(STREAM.rating[split.test])
    known = np.isin(passes.stream.source, passes.stream.source[:n][split.train])
    known &= np.isin(passes.stream.target, passes.stream.target[:n][split.train])
    assert known[passes.parts["transductive"]].all()
    assert not known[passes.parts["inductive"]].any()


def test_non_events_are_uniform_over_all_ids_and_no_pair_of_their_batch():
    doubled = split_ids(STREAM)
    pairs = uniform_pairs(doubled, seed=1)
    batch = np.arange(len(doubled)) // BATCH
    taken = set(zip(batch.tolist(), doubled.source.tolist(), doubled.target.tolist(), strict=True))
    assert not taken & set(zip(batch.tolist(), pairs.source.tolist(), pairs.target.tolist(), strict=True))
    # "From the raters' block to the ratees'" alone tells three quarters of them from events.
    offset = STREAM.source.max() + 1
    ids = doubled.num_nodes
    allowed = (offset * (ids - offset) - BATCH) / (ids**2 - BATCH)
    assert ((pairs.source < offset) & (pairs.target >= offset)).mean() == pytest.approx(allowed, abs=0.025)


def test_a_ratee_attends_to_its_own_batch_and_a_rater_to_nothing():
    doubled = split_ids(STREAM)
    none = np.zeros(0, np.int64)
    asked = Queries(source=none, target=none, time=none, event=none)
    found = batch_neighbors(doubled, asked, replay_stream(doubled, ring=ATTENDED)).neighbors
    assert not found.mask[:, 0].any()
    for i in (0, 17, BATCH - 1, BATCH, 2 * BATCH + 3, len(doubled) - 1):
        end = min((i // BATCH + 1) * BATCH, len(doubled))
        expected = [j for j in range(end) if doubled.target[j] == doubled.target[i]][::-1][:ATTENDED]
        assert found.event[i, 1][found.mask[i, 1]].tolist() == expected
        assert found.peer[i, 1][found.mask[i, 1]].tolist() == doubled.source[expected].tolist()


def test_reports_say_that_they_leak():
    options = MemoryOptions(dim=8, heads=2, head_dim=4)
    training = TrainingOptions(epochs=2)

    def tgn(seed):
        return TGN("sign", options=options, training=training, seed=seed)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.warns(UserWarning, match="leaks what it measures"):
        report = evaluate(tgn, STREAM, protocol="published")
    torch.set_num_threads(threads)
    assert report.leaky
    assert set(report.runs[0].slices) == {"transductive", "inductive"}
    assert report.runs[0].thresholds == pytest.approx([0.6224593])
    made = published_model(tgn(0))
    assert (made.options.granularity, made.options.event_features) == (BATCH, "abs")
    rule = FeatureModel(family="bias_mean")
    assert published_model(rule) is rule


@pytest.mark.parametrize("task", ["link", "signed_link", "weight"])
def test_every_task_can_be_measured(task):
    with pytest.warns(UserWarning, match="leaks"):
        report = evaluate(FeatureModel(family="bias_mean", task=task), STREAM, protocol="published")
    assert report.runs[0].test is not None
