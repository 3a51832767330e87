import numpy as np
import pytest
import torch

from signwise.data import simulate_signed_events
from signwise.errors import MissingExtraError
from signwise.events import chronological_split
from signwise.graph import GCN, SGCN, Queries, SnapshotOptions, draw_negatives, evaluate
from signwise.graph._snapshots import snapshots

STREAM = simulate_signed_events(600, 60, tie_seconds=86_400.0, seed=1).stream


def test_a_snapshot_is_the_network_before_its_batch():
    queries = draw_negatives(STREAM, seed=0)
    batches = snapshots(STREAM, queries, 70, "counts")
    assert [b.events.start for b in batches][1:] == [b.events.stop for b in batches][:-1]
    assert batches[-1].queries.stop == len(queries)
    for batch in batches:
        start = batch.events.start
        assert start == 0 or STREAM.time[start] > STREAM.time[start - 1]
        u, v, sign = STREAM.source[:start], STREAM.target[:start], STREAM.sign[:start]
        seen = np.unique(np.concatenate([u, v]))
        assert len(batch.inputs) == len(seen) + 1
        assert batch.edges.shape == (2, start)
        row = {}
        pairs = np.stack([STREAM.source[batch.events], STREAM.target[batch.events]])
        asked = np.stack([queries.source[batch.queries], queries.target[batch.queries]])
        for node, at in zip(np.concatenate([pairs, asked], 1).ravel(), batch.pairs.ravel().tolist(), strict=True):
            assert row.setdefault(node, at) == at
            if node not in seen:
                assert at == len(seen)
                continue
            counts = [((end == node) & (sign == s)).sum() for end in (u, v) for s in (1, -1)]
            np.testing.assert_allclose(batch.inputs[at].numpy(), np.log1p(counts), rtol=1e-6)
        known = [at for node, at in row.items() if node in seen]
        assert len(set(known)) == len(known)
        degrees = np.bincount(batch.edges[0][batch.positive], minlength=len(seen) + 1)
        assert sorted(degrees[:-1]) == sorted(np.bincount(u[sign > 0], minlength=STREAM.num_nodes)[seen])


def test_an_empty_stream_and_queries_alone_have_a_snapshot():
    empty = STREAM.select(slice(0, 0))
    asked = Queries(source=np.array([0]), target=np.array([1]), time=np.array([5]), event=np.array([-1]))
    (batch,) = snapshots(empty, asked, 10, "zeros")
    assert batch.inputs.shape == (1, 8)
    assert batch.pairs.tolist() == [[0], [0]]


def test_signed_convolutions_learn_who_is_approved():
    stream = simulate_signed_events(3000, 150, scenario="status", seed=0).stream
    options = SnapshotOptions(dim=16, batch_size=300, epochs=5)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    report = evaluate(lambda seed: SGCN("sign", options=options, seed=seed), stream)
    torch.set_num_threads(threads)
    assert report.interval("auc").mean > 0.7


def test_wrong_arguments_say_what_is_expected():
    with pytest.raises(ValueError, match="task"):
        GCN("rank")
    with pytest.raises(ValueError, match="node_inputs"):
        SnapshotOptions(node_inputs="names")
    with pytest.raises(ValueError, match="even dim"):
        SnapshotOptions(dim=7)
    with pytest.raises(ValueError, match="not fitted"):
        GCN().scores(STREAM)
    with pytest.raises(ValueError, match="needs non-events"):
        GCN("link").fit(STREAM, chronological_split(STREAM))


def test_without_the_extra_the_error_names_it(monkeypatch):
    import importlib

    def absent(name, *rest):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name.split(".")[0])

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(MissingExtraError, match=r"signwise\[graph\]"):
        GCN()
