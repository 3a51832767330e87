from dataclasses import replace

import numpy as np
import pytest
import torch

from signwise.data import simulate_signed_events
from signwise.events import chronological_split
from signwise.graph import SEMBA, TGN, MemoryOptions, Queries, SEMBAPlus, TrainingOptions
from signwise.graph import _training as training_module

from ..oracles.streams import changed, random_stream

QUICK = TrainingOptions(epochs=2, batch_size=20)
SMALL = MemoryOptions(dim=8, time_dim=4, heads=2, head_dim=4, neighbors=4)


def market(n=400, nodes=60):
    return simulate_signed_events(n, nodes, scenario="marketplace", positive_share=0.7, seed=2).stream


def non_events(stream, seed=0):
    rng = np.random.default_rng(seed)
    return Queries(
        source=stream.source, target=rng.integers(0, stream.num_nodes, len(stream)), time=stream.time,
        event=np.arange(len(stream)),
    )  # fmt: skip


@pytest.mark.parametrize("model", [SEMBA, SEMBAPlus, TGN])
@pytest.mark.parametrize("task", ["sign", "link", "signed_link", "weight"])
def test_every_task_trains_and_scores(model, task):
    stream = market(200)
    split = chronological_split(stream)
    options = replace(model.OPTIONS, dim=8, time_dim=4, heads=2, head_dim=4)
    fitted = model(task, options=options, training=QUICK)
    queries = non_events(stream) if "link" in task else None
    assert fitted.fit(stream, split, negatives=queries) is fitted
    scores = fitted.scores(stream, queries=queries)
    columns = 3 if task == "signed_link" else 21 if task == "weight" and model is SEMBAPlus else 1
    assert scores.events.shape == (200, columns)
    assert scores.queries.shape == (200 if queries is not None else 0, columns)
    assert np.isfinite(scores.events).all()
    if columns == 3:
        np.testing.assert_allclose(np.exp(scores.events).sum(1), 1, rtol=1e-6)
    if columns == 21:
        np.testing.assert_allclose(scores.events[:, 1:] @ scores.levels, scores.events[:, 0], rtol=1e-6, atol=1e-6)


def test_a_fit_repeats_and_leaves_the_global_generator_alone():
    stream = market()
    split = chronological_split(stream)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, two, other = (SEMBAPlus(options=SMALL, training=QUICK, seed=s).fit(stream, split) for s in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(one.scores(stream).events, two.scores(stream).events)
    assert not np.array_equal(one.scores(stream).events, other.scores(stream).events)


def test_what_comes_after_validation_is_never_read():
    stream = market()
    split = chronological_split(stream)
    end = int(np.flatnonzero(split.validation)[-1]) + 1
    one, two = (SEMBAPlus(options=SMALL, training=QUICK).fit(s, split) for s in (stream, changed(stream, end)))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_scores_change_neither_weights_nor_state():
    stream = market()
    model = SEMBAPlus(options=SMALL, training=QUICK).fit(stream, chronological_split(stream)).follow(stream)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for online in ("off", "calibrate", "finetune"):
        model.scores(stream, online=online)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.sealed_time == stream.time[-1]


@pytest.mark.parametrize("online", ["calibrate", "finetune"])
def test_learning_on_reads_committed_events_only(online):
    stream = market()
    split = chronological_split(stream)
    model = SEMBAPlus(options=SMALL, training=QUICK).fit(stream, split)
    model.online_options = replace(model.online_options, every=20, steps=2, batch=16)
    start = 360
    one, two = (model.scores(s, online=online).events for s in (stream, changed(stream, start)))
    assert np.array_equal(one[:start], two[:start])
    off = model.scores(stream).events
    trained = int(split.train.sum())
    assert np.array_equal(one[:trained], off[:trained])
    assert not np.array_equal(one[trained:], off[trained:])


def test_existence_cannot_be_learnt_from_committed_events():
    stream = market(200)
    model = SEMBAPlus("link", options=SMALL, training=QUICK)
    model.fit(stream, chronological_split(stream), negatives=non_events(stream))
    with pytest.raises(ValueError, match="non-events"):
        model.scores(stream, online="finetune")
    with pytest.raises(ValueError, match="give negatives"):
        model.fit(stream, chronological_split(stream))


def test_any_optimizer_serves():
    stream = market(200)
    made = []

    def sgd(parameters):
        made.append(torch.optim.SGD(parameters, lr=0.01))
        return made[-1]

    SEMBAPlus(options=SMALL, training=replace(QUICK, optimizer=sgd)).fit(stream, chronological_split(stream))
    assert len(made) == 1


def test_an_interrupt_leaves_a_usable_model(monkeypatch):
    stream = market()
    split = chronological_split(stream)
    losses = []
    loss = training_module.task_loss

    def interrupted(*args):
        losses.append(1)
        if len(losses) == 20:
            raise KeyboardInterrupt
        return loss(*args)

    monkeypatch.setattr(training_module, "task_loss", interrupted)
    model = SEMBAPlus(options=SMALL, training=replace(QUICK, epochs=9))
    with pytest.raises(KeyboardInterrupt):
        model.fit(stream, split)
    assert not model.training
    assert np.isfinite(model.follow(stream)([0], [1], int(stream.time[-1]) + 1).item())


def test_corrected_odds_match_the_share_of_positives():
    # Weighted classes alone would put the mean probability far below the share.
    stream = market(2000, 150)
    split = chronological_split(stream)
    model = SEMBAPlus(options=SMALL, training=replace(QUICK, epochs=3)).fit(stream, split)
    p = 1 / (1 + np.exp(-model.scores(stream).events[split.train, 0]))
    assert abs(p.mean() - (stream.sign[split.train] > 0).mean()) < 0.08


def test_payload_and_node_features_reach_the_scores():
    stream = random_stream(120, 12, seed=3, payload=2)
    split = chronological_split(stream)
    options = replace(SMALL, payload_dim=2, message_dim=3, node_feature_dim=1, decoder="memory")

    def age(nodes, times):
        return (nodes % 3 + times * 1e-15)[:, None].astype(np.float32)

    model = SEMBAPlus(options=options, training=QUICK, node_features=age).fit(stream, split)
    scores = model.scores(stream).events
    other = replace(stream, payload=stream.payload + 1)
    assert np.array_equal(model.scores(other).events[:1], scores[:1])
    assert not np.array_equal(model.scores(other).events, scores)
    with pytest.raises(ValueError, match="payload"):
        model.scores(replace(stream, payload=None))
    with pytest.raises(ValueError, match="go together"):
        SEMBAPlus(options=options)
