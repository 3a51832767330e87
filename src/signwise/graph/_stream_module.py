"""A torch module that follows a stream: it scores pairs, commits events, and keeps its state in tensors."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from signwise.errors import LeakError
from signwise.events import EventStream

from ._attention import TemporalAttention
from ._blocks import blocks, chunks
from ._contract import Queries, Task
from ._decoders import HybridDecoder, LinearDecoder
from ._memory import SignedMemory, padded
from ._messages import event_feature_dim
from ._options import MemoryOptions
from ._questions import NodeFeatures, Questions, Reading, Work, prepare
from ._recent import recent_features
from ._sketch import SignedSketch
from ._state import SignedState, tie_order
from ._stream import Replay
from ._time_encoding import TimeEncoding
from ._versions import NEVER, Ints

Self = TypeVar("Self", bound="StreamModule")

TASKS: tuple[Task, ...] = ("sign", "link", "signed_link", "weight")
_CHUNK = 16_384
_ENGINE = "engine."
_SKETCH = "sketch."


class StreamModule(nn.Module):
    """Memories, attention and a decoder over a stream of signed events, under the strict rule.

    ``forward(src, dst, t)`` scores pairs and changes nothing; ``commit(events)`` takes events into the state; both
    raise :class:`~signwise.errors.LeakError` for times that are not after everything committed. In training mode the
    messages of the last committed block wait, so that the next forward pass computes the memories that they make
    with a gradient; each is consumed once, by the next commit, or by ``eval()``. In evaluation mode they are applied
    at once.

    The state (memories, last event times, waiting messages, the engine's arrays, the time sealed, names of nodes) is
    in ``state_dict``. The number of nodes grows with the stream, and loading takes the size that was stored.

    Args:
        task: what is forecast.
        options: the parts.
        node_features: features of nodes at times, from events before those times only.
        levels: for a distribution of signed weights, the ordered values; :meth:`fit` finds them where None.
    """

    memory_pos: Tensor
    memory_neg: Tensor
    memory: Tensor
    last_update: Tensor
    counts: Tensor

    def __init__(
        self,
        task: Task = "sign",
        *,
        options: MemoryOptions,
        node_features: NodeFeatures | None = None,
        levels: npt.ArrayLike | None = None,
    ) -> None:
        super().__init__()
        if task not in TASKS:
            raise ValueError(f"task is {task!r}; expected one of {', '.join(TASKS)}")
        if (node_features is None) != (options.node_feature_dim == 0):
            raise ValueError("node_features and options.node_feature_dim go together; give both or neither")
        self._task: Task = task
        self.options = options
        self.node_features = node_features
        o = options
        self.time_encoding = TimeEncoding(o.time_dim, init=o.time_init)
        self.updater = SignedMemory(
            o.dim, memories=o.memories, time_encoding=self.time_encoding, event_kind=o.event_features,
            balance=o.balance, message=o.message, init=o.memory_init, payload_dim=o.payload_dim,
            message_dim=o.message_dim,
        )  # fmt: skip
        self._node_inputs = (4 if o.node_inputs == "counts" else 8) + o.node_feature_dim
        in_dim = o.memories * o.dim + self._node_inputs
        self.attention: TemporalAttention | None = None
        if o.propagate:
            self.attention = TemporalAttention(
                in_dim, heads=o.heads, head_dim=o.head_dim, dropout=o.attention_dropout,
                edge_dim=o.time_dim + event_feature_dim(o.event_features) + o.edge_lag,
            )  # fmt: skip
        self.z_dim = o.heads * o.head_dim if o.propagate else o.memories * o.dim
        self.levels: Tensor
        self.register_buffer("levels", torch.as_tensor(np.zeros(0) if levels is None else np.asarray(levels)))
        self.decoder: LinearDecoder | HybridDecoder = self._make_decoder()
        self.log_prior: Tensor
        self.register_buffer("log_prior", torch.zeros(3 if task == "signed_link" else 1))
        self.memory_names = ("memory_pos", "memory_neg") if o.memories == 2 else ("memory",)
        self._keys: list[str] = []
        self._last_nodes: tuple[str, ...] | None = None
        self._advanced: int | None = None
        self._state: SignedState | None = None
        self._sketch = SignedSketch(options.sketch, options.sketch_rate) if options.sketch else None
        self.trained_until: int | None = None
        # Other newest events than those that the engine knows; for the published protocol, which leaks through them.
        self.read_neighbors: Callable[[EventStream, Queries, Replay], Replay] | None = None
        self._allocate(1)
        self._clear_pending()

    def _make_decoder(self) -> LinearDecoder | HybridDecoder:
        o = self.options
        outputs = 3 if self._task == "signed_link" else 1
        if self._task == "weight" and o.distribution and len(self.levels):
            outputs = len(self.levels)
        if o.decoder == "linear":
            return LinearDecoder(self.z_dim, outputs)
        return HybridDecoder(
            self.z_dim,
            outputs,
            recent=o.recent,
            sketch=o.sketch > 0,
            kind=o.decoder,
            dropout=o.dropout,
            z_dropout=o.z_dropout,
        )

    def _set_levels(self, levels: npt.ArrayLike) -> None:
        old = self.levels
        self.levels = torch.as_tensor(np.asarray(levels), device=old.device, dtype=old.dtype)
        self.decoder = self._make_decoder().to(self.device, self.dtype)

    # What the module is.

    @property
    def task(self) -> Task:
        """What the model forecasts."""
        return self._task

    @property
    def device(self) -> torch.device:
        """Where parameters are."""
        return self.time_encoding.lin.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of parameters."""
        return self.time_encoding.lin.weight.dtype

    @property
    def sealed_time(self) -> int | None:
        """Pairs and events must be later than this; None before the first commit."""
        sealed = None if self._state is None else self._state.sealed_time
        times = [t for t in (sealed, self._advanced) if t is not None]
        return max(times) if times else None

    @property
    def num_nodes(self) -> int:
        """Number of nodes with a row in the store."""
        return len(self.last_update) - 1

    @property
    def tick_seconds(self) -> float:
        """Seconds in a tick of the stream that is followed."""
        if self._state is None:
            raise ValueError("no stream is followed yet; commit events first")
        return self._state.tick_seconds

    # The state.

    def _stores(self) -> tuple[Tensor, ...]:
        return tuple(getattr(self, name) for name in self.memory_names)

    def _allocate(self, rows: int) -> None:
        """Give the store so many rows; the last is never used, and stands for nodes never seen."""
        old = dict(self._buffers)
        kept = 0 if old.get("last_update") is None else min(len(self.last_update), rows)
        device = self.device
        for name in self.memory_names:
            new = torch.zeros(rows, self.options.dim, dtype=self.options.store, device=device)
            if kept:
                new[:kept] = getattr(self, name)[:kept]
            self._put(name, new)
        last = torch.full((rows,), NEVER, dtype=torch.int64, device=device)
        counts = torch.zeros(rows, 4, dtype=torch.float64, device=device)
        if kept:
            last[:kept], counts[:kept] = self.last_update[:kept], self.counts[:kept]
        self._put("last_update", last)
        self._put("counts", counts)

    def _put(self, name: str, value: Tensor) -> None:
        if name in self._buffers:
            self._buffers[name] = value
        else:
            self.register_buffer(name, value)

    def _clear_pending(self) -> None:
        for name, dtype in _PENDING.items():
            self._put(f"pending_{name}", torch.zeros(0, dtype=dtype, device=self.device))
        self._put("pending_payload", torch.zeros(0, self.options.payload_dim, device=self.device))

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        # double() and half() are for the dense part: counts of events stay exact, and the store keeps its dtype.
        out = super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.counts = self.counts.to(torch.float64)
        for name in self.memory_names:
            self._put(name, getattr(self, name).to(self.options.store))
        self.pending_x = self._buffers["pending_x"].to(torch.float64)  # type: ignore[union-attr]
        return out

    def reset_stream(self) -> None:
        """Forget every event, and keep the weights."""
        self._keys, self._last_nodes, self._advanced, self._state = [], None, None, None
        if self._sketch is not None:
            self._sketch = SignedSketch(self.options.sketch, self.options.sketch_rate)
        self._allocate(1)
        self.last_update.fill_(NEVER)
        self.counts.zero_()
        for store in self._stores():
            store.zero_()
        self._clear_pending()

    def advance(self, t: int) -> None:
        """Seal the stream up to a time: later calls must be after it."""
        if self.sealed_time is None or t > self.sealed_time:
            self._advanced = int(t)

    def commit(self, events: EventStream) -> None:
        """Take events into the state: whole tie groups, in order of time, all after everything committed.

        Args:
            events: a part of a stream; its ids and names must continue those committed before.

        Raises:
            LeakError: an event is not after everything committed.
            ValueError: the names of nodes contradict those before, or no scale of weights is known.
        """
        if not len(events):
            return
        self._check_later(int(events.time[0]))
        self._take_names(events)
        x = events.normalized(self._scale(events))
        if self._state is None:
            self._state = SignedState(tick_seconds=events.tick_seconds, keys=self._keys, ring=self.options.neighbors)
        elif self._state.tick_seconds != events.tick_seconds:
            raise ValueError(f"ticks are {events.tick_seconds} s and were {self._state.tick_seconds} s before")
        self._state.commit(events.source, events.target, x, events.time)
        order = tie_order(events.source, events.target, x, events.time, self._keys)
        if self._sketch is not None:
            self._sketch.grow(self._keys)
            sign = events.sign[order].astype(np.int64)
            self._sketch.commit_stream(events.source[order], events.target[order], sign, events.time[order])
        payload = self._payload(events)
        columns = (
            events.source[order], events.target[order], x[order], events.time[order],
            None if payload is None else payload[order],
        )  # fmt: skip
        if self.training:
            self._apply_pending()
            block = blocks(columns[3], self.options.granularity if self.options.granularity == "tie" else len(events))
            start = int(np.searchsorted(block, block[-1]))
            self._absorb(*(None if c is None else c[:start] for c in columns), block=block[:start])  # type: ignore[arg-type]
            self._set_pending(*(None if c is None else c[start:] for c in columns))  # type: ignore[arg-type]
        else:
            self._absorb(*columns, block=blocks(columns[3], self.options.granularity))

    def _scale(self, events: EventStream) -> float:
        """The largest weight: that of the fit, or what the first stream declares."""
        if not float(self.updater.weight_max):
            if events.weight_max is None:
                raise ValueError("no scale of weights is known; fit the model, or give a stream with weight_max")
            self.updater.weight_max.fill_(events.weight_max)
        return float(self.updater.weight_max)

    def _payload(self, events: EventStream) -> npt.NDArray[np.float32] | None:
        if not self.options.payload_dim:
            return None
        if events.payload is None or events.payload.shape[1] != self.options.payload_dim:
            got = "none" if events.payload is None else f"{events.payload.shape[1]} columns"
            raise ValueError(f"the events' payload has {got}; expected {self.options.payload_dim} columns")
        return events.payload

    def _take_names(self, events: EventStream) -> None:
        if events.nodes is not self._last_nodes:
            shared = min(len(self._keys), len(events.nodes))
            if list(events.nodes[:shared]) != self._keys[:shared]:
                raise ValueError("the names of nodes contradict those of the events committed before")
            self._keys.extend(events.nodes[shared:])
            self._last_nodes = events.nodes
        need = len(self._keys) + 1
        if need > len(self.last_update):
            self._allocate(max(need, 2 * len(self.last_update)))

    def _check_later(self, t: int) -> None:
        sealed = self.sealed_time
        if sealed is not None and t <= sealed:
            raise LeakError(f"time {t} is not after {sealed}, up to which the stream is sealed")

    def _absorb(
        self, source: Ints, target: Ints, x: npt.NDArray[np.float64], time: Ints,
        payload: npt.NDArray[np.float32] | None, *, block: Ints,
    ) -> None:  # fmt: skip
        """Let events change the stored memories."""
        for start, end in chunks(block, _CHUNK):
            part = slice(start, end)
            work = self.prepare(
                source[part], target[part], x[part], time[part], block[part] - block[start], None,
                payload=None if payload is None else payload[part],
            )  # fmt: skip
            with torch.no_grad():
                table = self.roll(work, self._stores())
                keep(work, table, self._stores(), self.last_update, self.counts)

    def _set_pending(
        self, source: Ints, target: Ints, x: npt.NDArray[np.float64], time: Ints,
        payload: npt.NDArray[np.float32] | None,
    ) -> None:  # fmt: skip
        for name, column in zip(_PENDING, (source, target, x, time), strict=True):
            self._put(f"pending_{name}", torch.from_numpy(np.array(column)).to(self.device, _PENDING[name]))
        if payload is not None:
            self._put("pending_payload", torch.from_numpy(np.array(payload)).to(self.device))

    def _pending(self) -> tuple[Any, ...]:
        columns = [self._buffers[f"pending_{name}"].cpu().numpy() for name in _PENDING]  # type: ignore[union-attr]
        payload = self._buffers["pending_payload"].cpu().numpy() if self.options.payload_dim else None  # type: ignore[union-attr]
        return (*columns, payload)

    def _apply_pending(self) -> None:
        pending = self._pending()
        if len(pending[0]):
            self._absorb(*pending, block=np.zeros(len(pending[0]), np.int64))
            self._clear_pending()

    def train(self: Self, mode: bool = True) -> Self:
        """Switch between training and evaluation; leaving training applies the waiting messages, once."""
        if self.training and not mode:
            self._apply_pending()
        super().train(mode)
        return self

    # Scores.

    def reading(self, tick_seconds: float) -> Reading:
        """What of the options the planning of a pass needs."""
        o = self.options
        edge = event_feature_dim(o.event_features) + o.edge_lag
        return Reading(
            tick_seconds=tick_seconds, span=o.span, events=o.event_features,
            weight_max=float(self.updater.weight_max), lag=o.edge_lag,
            width=-(-(o.time_dim + edge) // 8) * 8 - o.time_dim, counts=o.node_inputs == "counts",
            zeros=0 if o.node_inputs == "counts" else 8, node_features=self.node_features, aggregate=o.aggregate,
            device=self.device, dtype=self.dtype,
        )  # fmt: skip

    def prepare(
        self, source: Ints, target: Ints, x: npt.NDArray[np.float64], time: Ints, block: Ints,
        questions: Questions | None, *, payload: npt.NDArray[np.float32] | None = None,
    ) -> Work:  # fmt: skip
        """Plan a pass over the module's own state."""
        return prepare(
            source, target, x, time, block, questions, payload=payload,
            last_update=self.last_update.cpu().numpy(), counts=self.counts.cpu().numpy(),
            reading=self.reading(self.tick_seconds),
        )  # fmt: skip

    def questions(self, source: Any, target: Any, t: Any) -> Questions:
        """What the engine knows of pairs at the present; ids never committed have no history."""
        u, v = (np.atleast_1d(np.asarray(ids, np.int64)) for ids in (source, target))
        times = np.broadcast_to(np.asarray(t, np.int64), u.shape).copy()
        if len(u):
            self._check_later(int(times.min()))
        if self._state is None:
            raise ValueError("no stream is followed yet; commit events first")
        features = self._state.features(u, v, times)
        near = self._state.neighbors(np.stack([u, v], 1).reshape(-1))
        shaped = type(near)(**{name: column.reshape(len(u), 2, -1) for name, column in vars(near).items()})
        if self.options.recent:
            features = np.concatenate([features, recent_features(shaped, times, self.tick_seconds)], 1)
        if self._sketch is not None:
            features = np.concatenate([features, self._sketch.features(u, v)], 1)
        unseen = self.num_nodes
        u, v = (np.where((ids < 0) | (ids >= unseen), unseen, ids) for ids in (u, v))
        return Questions(
            source=u, target=v, time=times, block=np.ones(len(u), np.int64), neighbors=shaped, features=features
        )

    def forward(self, src: Any, dst: Any, t: Any) -> Tensor:
        """Score pairs at times after everything committed; nothing is changed.

        Args:
            src: int, shape ``(b,)``; ids of raters.
            dst: int, shape ``(b,)``; ids of ratees.
            t: int64 ticks, shape ``(b,)`` or one for all.

        Returns:
            Logits, float, shape ``(b, c)``: one column for the tasks ``sign`` and ``link``, three for
            ``signed_link``, and for ``weight`` one, or one for each level.

        Raises:
            LeakError: a time is not after everything committed.
        """
        work = self._present(src, dst, t)
        z = self.embed(work, self.roll(work, self._stores()))
        return self.logits(z, work.features)[: work.pairs]

    def terms(self, src: Any, dst: Any, t: Any) -> dict[str, Tensor]:
        """The additive parts of :meth:`forward`, each of shape ``(b, c)``; see :meth:`HybridDecoder.terms`."""
        if not isinstance(self.decoder, HybridDecoder):
            raise TypeError("a linear decoder of vectors has no additive parts")
        work = self._present(src, dst, t)
        z = self.embed(work, self.roll(work, self._stores()))
        parts = self.decoder.terms(z, work.features)
        parts["bias"] = parts["bias"] + self.log_prior
        return {name: part[: work.pairs] for name, part in parts.items()}

    def attention_weights(self, src: Any, dst: Any, t: Any) -> tuple[Tensor, Questions]:
        """How much each newest event of both ends is attended to, averaged over heads; shape ``(b, 2, K)``."""
        if self.attention is None:
            raise ValueError("this model does not attend to events (propagate=False)")
        work = self._present(src, dst, t)
        _, alpha = self._attend(work, self.roll(work, self._stores()))
        questions = self.questions(src, dst, t)
        return alpha.mean(1).view(-1, 2, alpha.shape[-1])[: work.pairs], questions

    def _present(self, src: Any, dst: Any, t: Any) -> Work:
        questions = self.questions(src, dst, t)
        source, target, x, time, payload = self._pending()
        zeros = np.zeros(len(source), np.int64)
        return self.prepare(source, target, x, time, zeros, questions, payload=payload)

    def logits(self, z: Tensor, features: Tensor) -> Tensor:
        """The decoder's logits, corrected for the weights of classes in training; float, shape ``(b, c)``."""
        corrected: Tensor = self.decoder(z, features) + self.log_prior
        return corrected

    def roll(self, work: Work, stores: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The memory rows of a pass, each of shape ``(rows, d)``."""
        base = self.updater.stored(tuple(store[work.nodes] for store in stores), work.fresh)
        return self.updater.roll(base, work.levels)

    def embed(self, work: Work, table: tuple[Tensor, ...]) -> Tensor:
        """The vectors z of both ends of each pair, float, shape ``(padded pairs, 2, z_dim)``."""
        if self.attention is None:
            z = torch.cat([m[work.ends.view(-1)] for m in table], 1)
        else:
            z, _ = self._attend(work, table)
        if self.options.rectify:
            z = torch.relu(z)
        return z.view(-1, 2, self.z_dim)

    def _attend(self, work: Work, table: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        assert self.attention is not None
        query = torch.cat([m.index_select(0, work.end_rows) for m in table], 1)
        rows = torch.cat([*table, work.row_inputs], 1)
        rows = F.pad(rows, (0, 0, 0, padded(work.rows) - work.rows))
        edge = torch.cat([self.time_encoding(work.span), work.about], -1)
        ends = (work.end_index, work.end_inputs.view(len(work.end_index), -1))
        out: tuple[Tensor, Tensor] = self.attention(query, rows, work.peers, work.mask, edge, ends=ends)
        return out

    # state_dict.

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if self._state is not None:
            for name, array in self._state.export().items():
                destination[f"{prefix}{_ENGINE}{name}"] = torch.from_numpy(np.array(array))
        if self._sketch is not None:
            destination[f"{prefix}{_SKETCH}vectors"] = torch.from_numpy(self._sketch.vectors.copy())
            destination[f"{prefix}{_SKETCH}seen"] = torch.from_numpy(self._sketch.seen.copy())
        destination[prefix + "keys"] = torch.frombuffer(bytearray(json.dumps(self._keys).encode()), dtype=torch.uint8)
        for name in ("_advanced", "trained_until"):
            value = getattr(self, name)
            destination[prefix + name.strip("_")] = torch.tensor([] if value is None else [value], dtype=torch.int64)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any, **kwargs: Any) -> None:
        engine = {
            name.removeprefix(prefix + _ENGINE): state_dict.pop(name).cpu().numpy()
            for name in list(state_dict)
            if name.startswith(prefix + _ENGINE)
        }
        told = {name: state_dict.pop(f"{prefix}{_SKETCH}{name}", None) for name in ("vectors", "seen")}
        if self._sketch is not None and told["vectors"] is not None and told["seen"] is not None:
            self._sketch.vectors, self._sketch.seen = (np.array(value.cpu().numpy()) for value in told.values())
        if (names := state_dict.pop(prefix + "keys", None)) is not None:
            self._keys = json.loads(bytes(names.cpu().numpy()).decode())
            self._last_nodes = None
            self._state = SignedState.from_export(engine, keys=self._keys) if engine else None
        for name in ("_advanced", "trained_until"):
            if (value := state_dict.pop(prefix + name.strip("_"), None)) is not None:
                setattr(self, name, int(value[0]) if len(value) else None)
        levels = state_dict.get(prefix + "levels")
        if levels is not None and len(levels) != len(self.levels):
            self._set_levels(levels.cpu().numpy())
        for name, buffer in self._buffers.items():
            stored = state_dict.get(prefix + name)
            if buffer is not None and stored is not None and stored.shape != buffer.shape and name != "levels":
                self._put(name, torch.empty(stored.shape, dtype=buffer.dtype, device=buffer.device))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Load weights and state; the number of nodes and of levels becomes that which was stored."""
        levels = state_dict.get("levels")
        # The decoder must have its size before its own entries are read.
        if levels is not None and len(levels) != len(self.levels):
            self._set_levels(levels.cpu().numpy())
        return super().load_state_dict(state_dict, strict=strict, assign=assign)


_PENDING = {"source": torch.int64, "target": torch.int64, "x": torch.float64, "time": torch.int64}


def keep(
    work: Work, table: tuple[Tensor, ...], stores: tuple[Tensor, ...], last_update: Tensor, counts: Tensor
) -> None:
    """Write the newest version of each node that has one into a store; other rows are not touched."""
    versions, rows = work.versions, work.versions.final_rows
    if not len(rows):
        return
    with torch.no_grad():
        for store, m in zip(stores, table, strict=True):
            store[work.final_nodes] = m.detach()[work.final_rows].to(store.dtype)
        last_update[work.final_nodes] = torch.from_numpy(versions.row_time[rows]).to(last_update.device)
        counts[work.final_nodes] = torch.from_numpy(versions.row_counts[rows]).to(counts.device, counts.dtype)
