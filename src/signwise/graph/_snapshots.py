"""Graph networks on snapshots: the committed network at the beginning of each batch, embedded anew."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from signwise.events import EventStream, Split

from ._contract import Online, Queries, Scores, Task
from ._order import batch_starts, canonical_order

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
NodeInputs = Literal["counts", "zeros"]

INPUTS: dict[str, int] = {"counts": 4, "zeros": 8}
"""Number of features of a node: log counts of ratings given and received by sign, or zeros as published."""


@dataclass(frozen=True, kw_only=True)
class SnapshotOptions:
    """How a network on snapshots is built and trained.

    Args:
        dim: length of the vectors; even.
        layers: of the network.
        node_inputs: log counts of ratings given and received, or ``zeros`` as published.
        batch_size: events of a batch, extended to the end of its last tie group.
        epochs: passes over the training part; the one of best validation loss is kept.
        lr: of Adam.
    """

    dim: int = 64
    layers: int = 2
    node_inputs: NodeInputs = "counts"
    batch_size: int = 500
    epochs: int = 15
    lr: float = 0.01

    def __post_init__(self) -> None:
        if self.node_inputs not in INPUTS:
            raise ValueError(f"node_inputs is {self.node_inputs!r}; expected counts or zeros")
        if self.dim < 2 or self.dim % 2 or min(self.layers, self.batch_size, self.epochs) < 1:
            raise ValueError(f"expected an even dim and positive layers, batch_size and epochs; got {self}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Snapshot:
    """The committed network at the beginning of a batch, and the pairs that are asked about.

    Rows of nodes stand in the order of their first event; one more row stands for every node not seen yet.

    Args:
        inputs: float32, shape ``(nodes + 1, f)``.
        edges: int64, shape ``(2, m)``; committed ratings, rater above ratee.
        positive: bool, shape ``(m,)``.
        pairs: int64, shape ``(2, b)``; rows of the events' ends, then of the queries'.
        events, queries: which ones.
    """

    inputs: Tensor
    edges: Tensor
    positive: Tensor
    pairs: Tensor
    events: slice
    queries: slice


def snapshots(stream: EventStream, queries: Queries | None, batch_size: int, node_inputs: NodeInputs) -> list[Snapshot]:
    """The batches of a stream, each with the network of the events before it."""
    order = canonical_order(stream)
    u, v, positive = stream.source[order], stream.target[order], stream.sign[order] > 0
    ends = np.stack([u, v], axis=1).ravel()
    nodes, first = np.unique(ends, return_index=True)
    place = np.full(stream.num_nodes + 1, len(nodes), np.int64)
    place[nodes[np.argsort(first)]] = np.arange(len(nodes))
    first = np.sort(first)
    edges = np.stack([place[u], place[v]])
    asked = np.zeros(0, np.int64) if queries is None else queries.time
    starts = batch_starts(stream, batch_size)
    counts = np.zeros((len(nodes), 4))
    found = []
    known = since = 0
    for start, end in pairwise(starts.tolist()) if len(stream) else [(0, 0)]:
        new = slice(known, start)
        for column, at, sign in ((0, u, True), (1, u, False), (2, v, True), (3, v, False)):
            np.add.at(counts[:, column], place[at[new]][positive[new] == sign], 1.0)
        known = start
        until = int(np.searchsorted(asked, stream.time[end], side="left")) if end < len(stream) else len(asked)
        size = int(np.searchsorted(first, 2 * start))
        inputs = np.zeros((size + 1, INPUTS[node_inputs]), np.float32)
        if node_inputs == "counts":
            inputs[:size] = np.log1p(counts[:size])
        pairs = [np.stack([stream.source[start:end], stream.target[start:end]])]
        if queries is not None:
            pairs.append(np.stack([queries.source[since:until], queries.target[since:until]]))
        rows = place[np.concatenate(pairs, axis=1)]
        found.append(
            Snapshot(
                inputs=torch.from_numpy(inputs),
                edges=torch.from_numpy(edges[:, :start]),
                positive=torch.from_numpy(positive[:start]),
                # Nodes of the batch itself have no row yet: they are as unknown as any other.
                pairs=torch.from_numpy(np.minimum(rows, size)),
                events=slice(start, end),
                queries=slice(since, until),
            )
        )
        since = until
    return found


class SnapshotModel(nn.Module):
    """A network on snapshots with a linear decoder of both ends' vectors; :class:`GCN` and :class:`SGCN` fill it in.

    The loss is a mean over classes of class means; the log odds are shifted back by the share of the classes in
    training, which makes them calibrated again. The measures of rank do not change by that.

    Args:
        task: what to forecast.
        options: how it is built and trained.
        seed: of the initial weights.
    """

    def __init__(self, task: Task = "sign", *, options: SnapshotOptions | None = None, seed: int = 0) -> None:
        super().__init__()
        if task not in ("sign", "link", "signed_link", "weight"):
            raise ValueError(f"task is {task!r}; expected sign, link, signed_link or weight")
        self._task: Task = task
        self.options = options or SnapshotOptions()
        self.seed = seed
        self.scale: float | None = None
        outputs = 3 if task == "signed_link" else 1
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layers = nn.ModuleList(self._make_layers())
            self.decoder = nn.Linear(2 * self.options.dim, outputs)
        self.register_buffer("shift", torch.zeros(outputs))

    @property
    def task(self) -> Task:
        """What the model forecasts."""
        return self._task

    def _make_layers(self) -> list[nn.Module]:
        raise NotImplementedError

    def embed(self, snapshot: Snapshot) -> Tensor:
        """The vectors of all rows of a snapshot; float32, shape ``(nodes + 1, dim)``."""
        raise NotImplementedError

    def logits(self, snapshot: Snapshot) -> Tensor:
        """Of the pairs of a snapshot, before the shift; float32, shape ``(b, c)``."""
        z = self.embed(snapshot)
        both = torch.cat([z[snapshot.pairs[0]], z[snapshot.pairs[1]]], dim=1)
        # A sum along each row, and not a matrix product, so that a row does not depend on how many there are.
        return (both[:, None, :] * self.decoder.weight).sum(2) + self.decoder.bias

    def fit(self, stream: EventStream, split: Split, *, negatives: Queries | None = None) -> SnapshotModel:
        """Train on the training part; the epoch of best validation loss is kept.

        Raises:
            ValueError: the task needs non-events and none are given.
        """
        past = stream.select(split.train | split.validation)
        exists = self._task in ("link", "signed_link")
        if exists and negatives is None:
            raise ValueError(f"the task {self._task!r} needs non-events; give negatives=draw_negatives(stream)")
        queries = None
        if exists and negatives is not None:
            kept = negatives.time <= split.validation_end
            queries = Queries(**{name: column[kept] for name, column in vars(negatives).items()})
        self.scale = stream.weight_max or float(stream.weight[split.train].max())
        n_train = int(split.train.sum())
        batches = snapshots(past, queries, self.options.batch_size, self.options.node_inputs)
        targets = [self._targets(past, batch) for batch in batches]
        train = [i for i, batch in enumerate(batches) if batch.events.start < n_train]
        # A batch that begins in training and ends in validation is learnt from in its first part only.
        masks = [self._until(past, queries, batch, split.train_end) for batch in batches]
        counts = torch.bincount(torch.cat([targets[i][masks[i]] for i in train]).long().clamp(min=0), minlength=3)
        optimizer = torch.optim.Adam(self.parameters(), lr=self.options.lr)
        best, kept_weights = float("inf"), None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            for _ in range(self.options.epochs):
                self.train()
                for i in train:
                    optimizer.zero_grad()
                    loss = self._loss(self.logits(batches[i])[masks[i]], targets[i][masks[i]])
                    loss.backward()  # type: ignore[no-untyped-call]
                    optimizer.step()
                after = self._validation(batches, targets, masks)
                if after < best:
                    best = after
                    kept_weights = {name: value.clone() for name, value in self.state_dict().items()}
        if kept_weights is not None:
            self.load_state_dict(kept_weights)
        if self._task == "signed_link":
            self.shift = torch.log(counts.clamp(min=1).float())
        elif self._task != "weight":
            self.shift = torch.log(counts[1:2].clamp(min=1) / counts[0:1].clamp(min=1))
        return self.eval()

    def scores(self, stream: EventStream, *, queries: Queries | None = None, online: Online = "off") -> Scores:
        """Score every event and query from the network at the beginning of its batch; ``online`` must be ``off``."""
        if self.scale is None:
            raise ValueError("the model is not fitted; call fit first")
        if online != "off":
            raise ValueError(f"online is {online!r}; a network on snapshots learns nothing while asked: use 'off'")
        columns = 3 if self._task == "signed_link" else 1
        events = np.zeros((len(stream), columns))
        asked = np.zeros((0 if queries is None else len(queries), columns))
        mode = self.training
        self.eval()
        with torch.no_grad():
            for batch in snapshots(stream, queries, self.options.batch_size, self.options.node_inputs):
                logits = (self.logits(batch) + self.shift).double()
                if self._task == "signed_link":
                    logits = torch.log_softmax(logits, dim=1)
                elif self._task == "weight":
                    logits = self.scale * logits.clamp(-1.0, 1.0)
                n = batch.events.stop - batch.events.start
                events[batch.events], asked[batch.queries] = logits[:n].numpy(), logits[n:].numpy()
        self.train(mode)
        return Scores(events=events, queries=asked)

    def _targets(self, stream: EventStream, batch: Snapshot) -> Tensor:
        sign = torch.from_numpy(np.array(stream.sign[batch.events], np.int64))
        none = batch.queries.stop - batch.queries.start
        if self._task == "sign":
            return (sign > 0).float()
        if self._task == "weight":
            assert self.scale is not None
            return torch.from_numpy((stream.rating[batch.events] / self.scale).clip(-1.0, 1.0)).float()
        if self._task == "link":
            return torch.cat([torch.ones(len(sign)), torch.zeros(none)])
        return torch.cat([(sign < 0).long(), torch.full((none,), 2)])

    def _until(self, stream: EventStream, queries: Queries | None, batch: Snapshot, time: int) -> Tensor:
        times = [stream.time[batch.events]]
        if queries is not None:
            times.append(queries.time[batch.queries])
        return torch.from_numpy(np.concatenate(times) <= time)

    def _loss(self, logits: Tensor, target: Tensor) -> Tensor:
        if not len(target):
            return logits.sum()
        if self._task == "weight":
            return F.mse_loss(logits[:, 0], target)
        if self._task == "signed_link":
            each = F.cross_entropy(logits, target, reduction="none")
        else:
            each = F.binary_cross_entropy_with_logits(logits[:, 0], target, reduction="none")
        classes = range(3 if self._task == "signed_link" else 2)
        return torch.stack([each[target == c].mean() for c in classes if (target == c).any()]).mean()

    def _validation(self, batches: list[Snapshot], targets: list[Tensor], masks: list[Tensor]) -> float:
        self.eval()
        rows, wanted = [], []
        with torch.no_grad():
            for batch, target, mask in zip(batches, targets, masks, strict=True):
                if not mask.all():
                    rows.append(self.logits(batch)[~mask])
                    wanted.append(target[~mask])
        return float(self._loss(torch.cat(rows), torch.cat(wanted))) if rows else 0.0


def geometric(purpose: str) -> Any:
    """PyG's layers, or the error that names the extra."""
    from signwise.errors import import_extra

    with warnings.catch_warnings():
        # PyG compiles parts of itself on import in a way that torch deprecates; the caller can do nothing about it.
        warnings.simplefilter("ignore", DeprecationWarning)
        return import_extra("torch_geometric.nn", "graph", purpose)
