"""One pass of a model with memories over a whole stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from signwise.events import EventStream

from ._blocks import blocks, chunks
from ._contract import Queries
from ._questions import Questions, prepare
from ._recent import recent_features
from ._sketch import stream_sketch
from ._state import tie_order
from ._stream import Replay, replay_stream
from ._stream_module import StreamModule, keep
from ._versions import NEVER, Floats, Ints

_CHUNK = 8_192
_ROWS = 4_096


@dataclass(frozen=True, kw_only=True, eq=False)
class Followed:
    """A stream, with what the engine says of every event and query in it.

    Args:
        stream: the events.
        queries: pairs beside them.
        replay: running features and newest events.
        features: float32, shape ``(n, f)``; what the decoder reads of the events.
        query_features: the same of the queries.
        x: float64, shape ``(n,)``; normalised signed values.
    """

    stream: EventStream
    queries: Queries
    replay: Replay
    features: Floats
    query_features: Floats
    x: np.ndarray

    def events(self, part: slice, block: Ints) -> Questions:
        """Some events as questions."""
        assert self.replay.neighbors is not None
        every = Questions(
            source=self.stream.source, target=self.stream.target, time=self.stream.time, block=self.stream.time,
            neighbors=self.replay.neighbors, features=self.features,
        )  # fmt: skip
        return every.take(part, block)

    def asked(self, part: slice, block: Ints) -> Questions:
        """Some queries as questions."""
        assert self.replay.query_neighbors is not None
        every = Questions(
            source=self.queries.source, target=self.queries.target, time=self.queries.time, block=self.queries.time,
            neighbors=self.replay.query_neighbors, features=self.query_features,
        )  # fmt: skip
        return every.take(part, block)


def follow(
    model: StreamModule, stream: EventStream, queries: Queries | None, on_events: Callable[[int], object] | None = None
) -> Followed:
    """Replay a stream for a model, once for all passes over it."""
    none = np.zeros(0, np.int64)
    queries = Queries(source=none, target=none, time=none, event=none) if queries is None else queries
    scale = model._scale(stream)
    replay = replay_stream(stream, weight_max=scale, queries=queries, ring=model.options.neighbors, on_events=on_events)
    features, query_features = replay.features, replay.query_features
    if model.options.recent:
        assert replay.neighbors is not None
        assert replay.query_neighbors is not None
        recent = recent_features(replay.neighbors, stream.time, stream.tick_seconds)
        features = np.concatenate([features, recent], 1)
        recent = recent_features(replay.query_neighbors, queries.time, stream.tick_seconds)
        query_features = np.concatenate([query_features, recent], 1)
    if model.options.sketch:
        o = model.options
        product, query_product = stream_sketch(stream, dim=o.sketch, rate=o.sketch_rate, queries=queries)
        features = np.concatenate([features, product], 1)
        query_features = np.concatenate([query_features, query_product], 1)
    if model.read_neighbors is not None:
        replay = model.read_neighbors(stream, queries, replay)
    return Followed(
        stream=stream, queries=queries, replay=replay, features=features, query_features=query_features,
        x=stream.normalized(scale),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Embedded:
    """The vectors and features of some consecutive events and of the queries asked before their end.

    Args:
        events: which events.
        queries: which queries.
        z: float, shape ``(events, 2, z_dim)``.
        query_z: the same of the queries.
    """

    events: slice
    queries: slice
    z: Tensor
    query_z: Tensor


def embed_stream(model: StreamModule, data: Followed, granularity: str | int) -> Iterator[Embedded]:
    """The vectors of all pairs, in chunks of the stream, from an empty state; the model's own state is not read.

    Memories advance block by block. Versions that do not read each other are computed together, which changes
    nothing in what each reads.
    """
    stream, queries, n = data.stream, data.queries, len(data.stream)
    nodes = max([stream.num_nodes, *(int(c.max()) + 1 for c in (queries.source, queries.target) if len(c))]) + 1
    o = model.options
    stores = tuple(torch.zeros(nodes, o.dim, dtype=o.store, device=model.device) for _ in model.memory_names)
    last_update = torch.full((nodes,), NEVER, dtype=torch.int64)
    counts = torch.zeros(nodes, 4, dtype=torch.float64)
    reading = model.reading(stream.tick_seconds)
    block = blocks(stream.time, granularity)
    ends = stream.time[np.searchsorted(block, np.arange(block[-1] + 1), side="right") - 1] if n else stream.time
    query_block = np.searchsorted(ends, queries.time, side="left")
    payload = model._payload(stream)
    order = tie_order(stream.source, stream.target, data.x, stream.time, stream.nodes)
    ranges = chunks(block, _CHUNK) or [(0, 0)]
    for start, end in ranges:
        first = int(block[start]) if n else 0
        until = len(queries) if end == n else int(np.searchsorted(query_block, block[end - 1], side="right"))
        since = int(np.searchsorted(query_block, first)) if start else 0
        part, asked = slice(start, end), slice(since, until)
        applied = order[part]
        here = block[part] - first
        questions = [data.events(part, here), data.asked(asked, query_block[asked] - first)]
        with torch.no_grad():
            plan = prepare(
                stream.source[applied], stream.target[applied], data.x[applied], stream.time[applied], here,
                Questions.joined(questions), payload=None if payload is None else payload[applied],
                last_update=last_update.numpy(), counts=counts.numpy(), reading=reading,
            )  # fmt: skip
            table = model.roll(plan, stores)
            z = model.embed(plan, table)[: plan.pairs]
            keep(plan, table, stores, last_update, counts)
        yield Embedded(events=part, queries=asked, z=z[: end - start], query_z=z[end - start :])


def decode(model: StreamModule, z: Tensor, features: np.ndarray) -> Tensor:
    """Logits of pairs from their vectors, in batches; float, shape ``(b, c)``."""
    out = []
    with torch.no_grad():
        for at in range(0, len(z), _ROWS):
            rows = z[at : at + _ROWS]
            short = -len(rows) % 16
            f = torch.from_numpy(np.ascontiguousarray(features[at : at + _ROWS])).to(z.device)
            if short:
                rows = torch.cat([rows, rows.new_zeros(short, *rows.shape[1:])])
                f = torch.cat([f, f.new_zeros(short, f.shape[1])])
            logits = model.logits(rows, f)
            out.append(logits[: len(logits) - short] if short else logits)
    return torch.cat(out) if out else z.new_zeros(0, model.decoder.outputs)


def outputs(model: StreamModule, logits: Tensor) -> np.ndarray:
    """The columns of :class:`~signwise.graph.Scores` from logits."""
    values = logits.double()
    if model.task == "signed_link":
        values = torch.log_softmax(values, 1)
    elif model.task == "weight" and len(model.levels) and values.shape[1] == len(model.levels):
        p = torch.softmax(values, 1)
        mean = p @ model.levels.to(p)
        values = torch.cat([mean[:, None], p], 1)
    elif model.task == "weight":
        values = values * model.updater.weight_max
    result: np.ndarray = values.cpu().numpy()
    return result
