import copy
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from signwise.errors import LeakError
from signwise.graph import FEATURE_GROUPS
from signwise.graph._blocks import blocks, chunks
from signwise.graph._event_model import EventModel
from signwise.graph._options import MemoryOptions
from signwise.graph._semba import SEMBA

from ..oracles.semba import Semba
from ..oracles.streams import changed, random_stream

SMALL = MemoryOptions(dim=5, time_dim=3, heads=2, head_dim=3, neighbors=4, decoder="memory")
PUBLISHED = replace(
    SEMBA.OPTIONS, dim=5, time_dim=3, heads=2, head_dim=3, neighbors=4, attention_dropout=0.0, granularity="tie"
)
VARIANTS = {
    "plus": SMALL,
    "lag": replace(SMALL, edge_lag=True),
    "published": PUBLISHED,
    "linear": replace(SMALL, message="linear"),
    "unbalanced": replace(SMALL, balance=False),
    "last": replace(SMALL, aggregate="last"),
    "payload": replace(SMALL, payload_dim=2, message_dim=3),
    "payload_linear": replace(SMALL, payload_dim=2, message_dim=3, message="linear"),
    "tgn": replace(PUBLISHED, memories=1, event_features="signed"),
    "no_attention": replace(SMALL, propagate=False),
}


class Model(EventModel):
    OPTIONS = SMALL


def make(name="plus", task="sign", seed=0, **options):
    model = Model(task, options=replace(VARIANTS[name], **options), seed=seed)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=torch.Generator().manual_seed(seed)) * 0.1)
    return model


def oracle_of(model, stream):
    weights = {name: p.detach().numpy() for name, p in model.named_parameters()}
    weights["updater.initial"] = model.updater.initial.detach().numpy()
    return Semba(weights, options=model.options, tick_seconds=stream.tick_seconds, weight_max=10.0)


def groups(stream):
    starts = stream.tie_starts.tolist()
    for start, end in pairwise(starts):
        yield stream.select(slice(start, end))


def as_tuples(stream, payload):
    x = stream.normalized()
    order = sorted(
        range(len(stream)), key=lambda i: (stream.nodes[stream.source[i]], stream.nodes[stream.target[i]], x[i])
    )
    return [
        (
            int(stream.source[i]),
            int(stream.target[i]),
            x[i],
            int(stream.time[i]),
            stream.payload[i] if payload else None,
        )
        for i in order
    ]


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_memories_and_vectors_equal_the_loops(name, dtype, tolerance):
    model = make(name, store=dtype).to(dtype)
    o = model.options
    stream = random_stream(24, 6, seed=1, times=14, payload=o.payload_dim)
    oracle = oracle_of(model, stream)
    for group in groups(stream):
        t = int(group.time[0])
        if oracle.events:
            work = model._present([0, 1], [2, 3], t)
            with torch.no_grad():
                z = model.embed(work, model.roll(work, model._stores()))[:2]
            if o.propagate:
                expected = [[oracle.attend(i, t) for i in pair] for pair in ((0, 2), (1, 3))]
            else:
                expected = [[np.maximum(np.concatenate(oracle.get(i)), 0) for i in p] for p in ((0, 2), (1, 3))]
            np.testing.assert_allclose(z.numpy(), expected, rtol=tolerance, atol=tolerance)
        model.commit(group)
        oracle.commit(as_tuples(group, o.payload_dim))
    for k, store in enumerate(model._stores()):
        for i, rows in oracle.memory.items():
            np.testing.assert_allclose(store[i].numpy(), rows[k], rtol=tolerance, atol=tolerance)
    assert {i: int(model.last_update[i]) for i in oracle.last} == oracle.last


@pytest.mark.parametrize("name", ["plus", "published", "linear", "tgn"])
def test_training_batches_equal_the_loops(name):
    model = make(name, store=torch.float64).double().train()
    stream = random_stream(24, 6, seed=2)
    oracle = oracle_of(model, stream)
    model.options = replace(model.options, granularity=8)
    batches = [stream.select(blocks(stream.time, 8) == i) for i in range(blocks(stream.time, 8).max() + 1)]
    for batch in batches:
        model.commit(batch)
        t = int(batch.time[-1]) + 1
        committed = [e for group in groups(batch) for e in as_tuples(group, 0)]
        oracle.commit(committed)
        work = model._present([0, 4], [1, 2], t)
        z = model.embed(work, model.roll(work, model._stores()))[:2]
        assert z.requires_grad
        expected = [[oracle.attend(i, t) for i in pair] for pair in ((0, 1), (4, 2))]
        np.testing.assert_allclose(z.detach().numpy(), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize("memory", [0, 1])
def test_each_memory_reads_one_memory_of_the_peer(sign, end, memory):
    model = make()
    first = random_stream(6, 2, seed=3)
    model.commit(first)
    event = replace(first.select(slice(5, 6)), time=first.time[-1:] + 1, sign=np.array([sign]), source=[0], target=[1])
    peer = 1 - end
    read = memory if sign > 0 else 1 - memory

    def after(disturbed):
        other = copy.deepcopy(model)
        if disturbed is not None:
            other._stores()[disturbed][peer] += 1.0
        other.commit(event)
        return other._stores()[memory][end]

    assert not torch.equal(after(read), after(None))
    assert torch.equal(after(1 - read), after(None))


@pytest.mark.parametrize("training", [False, True])
def test_nodes_that_no_event_touches_keep_their_bits(training):
    model = make().train(training)
    stream = random_stream(40, 12, seed=4)
    model.commit(stream.select(slice(0, 30)))
    late = stream.select(slice(30, 40))
    late = late.select(late.time > stream.time[29])
    model.eval().train(training)
    before = copy.deepcopy(model.state_dict())
    model.commit(late)
    model.eval().train().eval()
    untouched = np.setdiff1d(np.arange(12), np.concatenate([late.source, late.target]))
    touched = np.unique(np.concatenate([late.source, late.target]))
    assert len(untouched)
    for name in ("memory_pos", "memory_neg", "last_update", "counts"):
        assert torch.equal(getattr(model, name)[untouched], before[name][untouched])
        assert not torch.equal(getattr(model, name)[touched], before[name][touched])


def test_waiting_messages_are_applied_once_however_training_ends():
    stream = random_stream(30, 6, seed=5)
    one, two = make().train(), make()
    one.options = two.options = replace(SMALL, granularity=len(stream))
    one.decoder.residual[3].p = 0.0
    one.commit(stream)
    assert len(one.pending_source) == len(stream)
    work = one._present([0], [1], int(stream.time[-1]) + 1)
    with torch.no_grad():
        seen = one.decoder(one.embed(work, one.roll(work, one._stores())), work.features)[:1]
    one.eval()
    assert not len(one.pending_source)
    state = copy.deepcopy(one.state_dict())
    one.train().eval()
    two.commit(stream)
    for name in ("memory_pos", "memory_neg", "last_update"):
        assert torch.equal(one.state_dict()[name], state[name])
        torch.testing.assert_close(getattr(one, name), getattr(two, name))
    torch.testing.assert_close(one([0], [1], int(stream.time[-1]) + 1), seen)


def test_buffers_have_no_history_and_reading_changes_nothing():
    model = make().train()
    stream = random_stream(30, 6, seed=6)
    model.commit(stream)
    before = copy.deepcopy(model.state_dict())
    model([0, 1], [1, 2], int(stream.time[-1]) + 1).sum().backward()
    model.terms([0, 1], [1, 2], int(stream.time[-1]) + 1)
    for name, value in model.state_dict(keep_vars=True).items():
        assert torch.equal(value, before[name])
    assert all(buffer.grad_fn is None for buffer in model.buffers())
    assert model.updater.grus[0].weight_ih.grad.abs().sum() > 0


def test_the_past_is_sealed():
    model = make()
    stream = random_stream(20, 5, seed=7)
    model.commit(stream)
    last = int(stream.time[-1])
    for act in (lambda: model([0], [1], last), lambda: model.commit(stream.select(slice(19, 20)))):
        with pytest.raises(LeakError, match="not after"):
            act()
    model.advance(last + 10)
    with pytest.raises(LeakError):
        model([0], [1], last + 10)
    assert model([0, 99, -1], [1, 3, 0], last + 11).shape == (3, 1)


@pytest.mark.parametrize("name", ["plus", "payload", "tgn"])
def test_state_dict_carries_the_state_to_a_module_of_another_size(name):
    model = make(name).train()
    stream = random_stream(50, 9, seed=8, payload=model.options.payload_dim)
    first, rest = stream.select(stream.time <= stream.time[30]), stream.select(stream.time > stream.time[30])
    model.commit(first)
    other = make(name, seed=3).train()
    other.commit(random_stream(5, 200, seed=9, payload=model.options.payload_dim))
    other.load_state_dict(copy.deepcopy(model.state_dict()))
    for copied in (model, other):
        copied.commit(rest)
    t = int(stream.time[-1]) + 5
    assert torch.equal(model.eval()([0, 1, 2], [3, 4, 5], t), other.eval()([0, 1, 2], [3, 4, 5], t))
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True))


def test_any_chunking_gives_the_same_scores():
    stream = random_stream(60, 7, seed=10, times=25)
    whole = make()
    whole.commit(stream)
    scores = whole.scores(stream).events
    parts, at = make(), 0
    seen = []
    for group in groups(stream):
        if at:
            seen.append(parts(group.source, group.target, group.time).detach().numpy())
            np.testing.assert_allclose(seen[-1], scores[at : at + len(group)], rtol=1e-5, atol=1e-5)
        at += len(group)
        parts.commit(group)
    torch.testing.assert_close(whole.memory_pos, parts.memory_pos, rtol=1e-5, atol=1e-5)


def test_the_order_within_a_tie_group_does_not_matter():
    stream = random_stream(60, 7, seed=11, times=12)
    order = np.lexsort((np.random.default_rng(0).random(60), stream.time))
    shuffled = replace(stream, **{n: getattr(stream, n)[order] for n in ("source", "target", "time", "sign", "weight")})
    model = make()
    np.testing.assert_allclose(model.scores(shuffled).events, model.scores(stream).events[order], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("granularity", ["tie", 1, 7])
@pytest.mark.parametrize("name", ["plus", "published"])
def test_other_events_from_t_on_leave_scores_at_t_bit_equal(granularity, name):
    model = make(name, granularity=granularity)
    stream = random_stream(80, 9, seed=12, times=50)
    for start in stream.tie_starts[[20, 33, 40]].tolist():
        other = changed(stream, start, seed=start)
        here = (stream.time == stream.time[start]) & (np.arange(80) >= start)
        queries = _as_queries(stream, here)
        one, two = (model.scores(s, queries=queries) for s in (stream, other))
        assert np.array_equal(one.events[:start], two.events[:start])
        assert np.array_equal(one.queries, two.queries)


def _as_queries(stream, mask):
    from signwise.graph import Queries

    return Queries(
        source=stream.source[mask], target=stream.target[mask], time=stream.time[mask], event=np.flatnonzero(mask)
    )


def test_the_first_sign_leaves_no_trace_in_the_published_form():
    stream = random_stream(1, 2, seed=13)
    flipped = replace(stream, sign=-stream.sign)
    for name, equal in (("published", True), ("plus", False)):
        one, two = make(name), make(name)
        one.commit(stream)
        two.commit(flipped)
        assert torch.equal(one.memory_pos, two.memory_pos) == equal


def test_half_precision_store():
    stream = random_stream(50, 8, seed=14)
    half, full = make(store=torch.float16), make()
    for model in (half, full):
        model.commit(stream)
    assert half.memory_pos.dtype == torch.float16
    assert half.float().memory_pos.dtype == torch.float16
    t = int(stream.time[-1]) + 1
    torch.testing.assert_close(half([0], [1], t), full([0], [1], t), rtol=0, atol=2e-2)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_dense_part_runs_on_cuda():
    stream = random_stream(50, 8, seed=15)
    cpu, gpu = make(), make().cuda()
    for model in (cpu, gpu):
        model.commit(stream)
    t = int(stream.time[-1]) + 1
    torch.testing.assert_close(gpu([0], [1], t).cpu(), cpu([0], [1], t), rtol=1e-4, atol=1e-4)


def test_terms_sum_to_the_logit():
    stream = random_stream(50, 8, seed=16)
    model = make(decoder="hybrid")
    model.commit(stream)
    t = int(stream.time[-1]) + 1
    terms = model.terms([0, 1], [2, 3], t)
    assert set(terms) == {"bias", *FEATURE_GROUPS, "rater_recent", "ratee_recent", "interaction", "memory"}
    assert terms["memory"].abs().sum() > 0
    torch.testing.assert_close(sum(terms.values()), model([0, 1], [2, 3], t), rtol=1e-5, atol=1e-5)


def test_names_that_contradict_those_before_are_an_error():
    model = make()
    stream = random_stream(20, 5, seed=17)
    model.commit(stream)
    later = replace(stream, time=stream.time + stream.time[-1] + 1, nodes=("x", *stream.nodes[1:]))
    with pytest.raises(ValueError, match="contradict"):
        model.commit(later)


def test_blocks_and_chunks_never_cut_a_tie_group():
    time = np.sort(np.random.default_rng(0).integers(0, 40, 100))
    for granularity in ("tie", 1, 7, 1000):
        block = blocks(time, granularity)
        assert (np.diff(block)[np.diff(time) == 0] == 0).all()
        for size in (1, 10, 1000):
            ranges = chunks(block, size)
            assert [a for a, _ in ranges[1:]] == [b for _, b in ranges[:-1]]
            assert all(block[b - 1] != block[b] for _, b in ranges[:-1])
