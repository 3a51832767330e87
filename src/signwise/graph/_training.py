"""Training of models with memories: epochs of batches in order of time, each predicted before it is committed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from signwise.events import EventStream, Split
from signwise.progress import Progress

from ._blocks import blocks
from ._contract import Queries, Task
from ._decoders import nearest_level, weight_levels
from ._losses import binary_loss, three_class_loss, weight_loss
from ._options import TrainingOptions
from ._questions import Questions, Work, prepare
from ._scoring import Followed, decode, embed_stream, follow, outputs
from ._state import tie_order
from ._stream_module import StreamModule, keep
from ._versions import NEVER


def fit_stream(
    model: StreamModule,
    stream: EventStream,
    split: Split,
    *,
    negatives: Queries | None,
    training: TrainingOptions,
    seed: int,
    progress: bool | None = None,
) -> None:
    """Train a model on the training part of a stream, choosing an epoch on the validation part.

    An interrupt keeps the weights of the best epoch so far, and leaves the model in evaluation mode with an empty
    state before it is raised again.
    """
    seen = stream.select(slice(0, int(np.searchsorted(stream.time, split.validation_end, side="right"))))
    asked = _until(model.task, negatives, split.validation_end)
    train = int(np.searchsorted(seen.time, split.train_end, side="right"))
    if not train:
        raise ValueError("the training part has no events")
    scale = stream.weight_max if stream.weight_max is not None else float(seen.weight[:train].max())
    model.reset_stream()
    model.updater.weight_max.fill_(scale)
    if model.task == "weight" and model.options.distribution and not len(model.levels):
        with _seeded(seed):
            model._set_levels(weight_levels(seen.rating[:train], stream.weight_max))
    data = follow(model, seen, asked)
    asked_train = int(np.searchsorted(data.queries.time, split.train_end, side="right"))
    model.decoder.fit_features(np.concatenate([data.features[:train], data.query_features[:asked_train]]))
    model.trained_until = split.train_end
    model.log_prior.copy_(_log_prior(model, seen.sign[:train], asked_train, training))
    run = _Run(model, data, train, asked_train, training)
    title = f"Training {type(model).__name__}"
    try:
        with _seeded(seed), Progress(title, total=training.epochs * train, enabled=progress) as bar:
            for epoch in range(training.epochs):
                run.epoch(epoch, bar)
                run.choose(bar)
    finally:
        run.restore()
        model.reset_stream()
        model.eval()


class _Run:
    """The optimizer, the planned batches and the best weights of one fit."""

    def __init__(self, model: StreamModule, data: Followed, train: int, asked: int, training: TrainingOptions) -> None:
        self.model, self.data, self.train, self.asked, self.training = model, data, train, asked, training
        groups = [p for p in model.parameters() if p.requires_grad]
        if training.optimizer is not None:
            self.optimizer = training.optimizer(groups)
        else:
            fused = model.device.type in ("cpu", "cuda")
            self.optimizer = torch.optim.AdamW(groups, lr=training.lr, weight_decay=training.weight_decay, fused=fused)
        self.parameters = groups
        self.best: tuple[float, list[Tensor]] | None = None
        self.scores: list[float] = []
        self.labels, self.plans = self._plan()

    def _plan(self) -> tuple[list[tuple[slice, slice]], list[Work]]:
        """Everything of each batch that does not depend on parameters, once for all epochs."""
        model, stream, queries = self.model, self.data.stream, self.data.queries
        block = blocks(stream.time[: self.train], self.training.batch_size)
        starts = [*np.searchsorted(block, np.arange(block[-1] + 1)).tolist(), self.train]
        ends = stream.time[np.asarray(starts[1:]) - 1]
        asked = [0, *np.searchsorted(queries.time[: self.asked], ends, side="right").tolist()]
        order = tie_order(stream.source, stream.target, self.data.x, stream.time, stream.nodes)
        nodes = max([stream.num_nodes, *(int(c.max()) + 1 for c in (queries.source, queries.target) if len(c))])
        self.nodes = nodes
        last_update, counts = np.full(nodes, NEVER, np.int64), np.zeros((nodes, 4))
        payload = model._payload(stream)
        reading = model.reading(stream.tick_seconds)
        parts, plans = [], []
        waiting = slice(0, 0)
        for i, (start, end) in enumerate(pairwise(starts)):
            part, also = slice(start, end), slice(asked[i], asked[i + 1])
            questions = [
                self.data.events(part, np.ones(end - start, np.int64)),
                self.data.asked(also, np.ones(also.stop - also.start, np.int64)),
            ]
            applied = order[waiting]
            plan = prepare(
                stream.source[applied], stream.target[applied], self.data.x[applied], stream.time[applied],
                np.zeros(len(applied), np.int64), Questions.joined(questions),
                payload=None if payload is None else payload[applied],
                last_update=last_update, counts=counts, reading=reading,
            )  # fmt: skip
            final, versions = plan.versions.final_rows, plan.versions
            last_update[versions.row_node[final]] = versions.row_time[final]
            counts[versions.row_node[final]] = versions.row_counts[final]
            parts.append((part, also))
            plans.append(plan)
            waiting = part
        return parts, plans

    def epoch(self, epoch: int, progress: Progress) -> None:
        model, training, o = self.model, self.training, self.model.options
        model.train()
        device = model.device
        stores = tuple(torch.zeros(self.nodes, o.dim, dtype=o.store, device=device) for _ in model.memory_names)
        last = torch.full((self.nodes,), NEVER, dtype=torch.int64)
        counts = torch.zeros(self.nodes, 4, dtype=torch.float64)
        sign = torch.from_numpy(np.array(self.data.stream.sign, np.int64)).to(device)
        rating = torch.from_numpy(self.data.stream.rating).to(device, model.dtype)
        for (part, also), plan in zip(self.labels, self.plans, strict=True):
            table = model.roll(plan, stores)
            logits = model.decoder(model.embed(plan, table), plan.features)[: plan.pairs]
            loss = task_loss(model, logits, sign[part], rating[part], also.stop - also.start, training)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.parameters, training.clip, foreach=True)
            self.optimizer.step()
            keep(plan, table, stores, last, counts)
            progress.advance(part.stop - part.start)

    def choose(self, progress: Progress) -> None:
        """Keep the weights if they are the best on validation."""
        model = self.model
        model.eval()
        score = self._validation() if self.training.choose else float(len(self.scores))
        self.scores.append(score)
        if self.best is None or score > self.best[0]:
            self.best = (score, [p.detach().clone() for p in self.parameters])
        progress.advance(0, note=f"validation {score:.4f}")

    def restore(self) -> None:
        if self.best is not None:
            _copy(self.best[1], self.parameters)

    def _validation(self) -> float:
        data, model = self.data, self.model
        z, q = [], []
        for piece in embed_stream(model, data, model.options.granularity):
            z.append(piece.z)
            q.append(piece.query_z)
        late, after = slice(self.train, None), slice(self.asked, None)
        events = outputs(model, decode(model, torch.cat(z)[late], data.features[late]))
        queries = outputs(model, decode(model, torch.cat(q)[after], data.query_features[after]))
        return validation_score(model.task, events, queries, data.stream.sign[late], data.stream.rating[late])


def task_loss(
    model: StreamModule, logits: Tensor, sign: Tensor, rating: Tensor, null: int, training: TrainingOptions
) -> Tensor:
    """The loss of a batch: events first, then ``null`` non-events."""
    n = len(sign)
    if model.task == "sign":
        return binary_loss(logits[:n, 0], sign > 0, training.negative_weight, pooled=training.pooled)
    if model.task == "link":
        exists = torch.arange(len(logits), device=logits.device) < n
        return binary_loss(logits[:, 0], exists, training.null_weight, pooled=training.pooled)
    if model.task == "signed_link":
        label = torch.cat([(sign < 0).long(), sign.new_full((null,), 2)])
        return three_class_loss(logits, label, (1.0, training.negative_weight, training.null_weight))
    if logits.shape[1] == 1:
        scale = model.updater.weight_max
        return weight_loss(logits[:n, 0], rating / scale)
    levels = model.levels.to(logits)
    p = torch.softmax(logits[:n], 1)
    likely = F.cross_entropy(logits[:n], nearest_level(levels, rating))
    scale = model.updater.weight_max
    return likely + 4 * weight_loss(p @ levels / scale, rating / scale)


def validation_score(
    task: Task, events: np.ndarray, queries: np.ndarray, sign: np.ndarray, rating: np.ndarray
) -> float:
    """What an epoch is chosen by, higher is better: AUROC for ``sign`` and ``link``, else minus the error."""
    from sklearn.metrics import roc_auc_score

    if task == "sign":
        both = bool((sign > 0).any() and (sign < 0).any())
        return float(roc_auc_score(sign > 0, events[:, 0])) if both else 0.0
    if task == "link":
        label = np.concatenate([np.ones(len(events)), np.zeros(len(queries))])
        both = bool(len(events) and len(queries))
        return float(roc_auc_score(label, np.concatenate([events[:, 0], queries[:, 0]]))) if both else 0.0
    if task == "signed_link":
        label = np.concatenate([(sign < 0).astype(int), np.full(len(queries), 2)])
        likely = np.concatenate([events, queries])[np.arange(len(label)), label]
        return float(np.mean([likely[label == c].mean() for c in np.unique(label)]))
    return -float(np.sqrt(np.mean((events[:, 0] - rating) ** 2)))


def _log_prior(model: StreamModule, sign: np.ndarray, null: int, training: TrainingOptions) -> Tensor:
    """What to add to logits that were learnt under weighted classes, so that they speak of the training part as it is.

    A loss with weights ω_c on classes of n_c events is smallest where the odds of two classes are those of the events
    times the ratio of the weights.
    """
    positive, negative = max(int((sign > 0).sum()), 1), max(int((sign < 0).sum()), 1)
    shift = torch.zeros_like(model.log_prior)
    n = float(positive + negative)
    if model.task == "sign":
        odds = training.negative_weight if training.pooled else training.negative_weight * positive / negative
        shift += math.log(odds)
    elif model.task == "link":
        odds = training.null_weight if training.pooled else training.null_weight * n / max(null, 1)
        shift += math.log(odds)
    elif model.task == "signed_link":
        counts = [positive, negative, max(null, 1)]
        weights = [1.0, training.negative_weight, training.null_weight]
        shift += torch.tensor([math.log(c / w) for c, w in zip(counts, weights, strict=True)], dtype=shift.dtype)
    return shift


def _until(task: Task, negatives: Queries | None, end: int) -> Queries | None:
    if task in ("sign", "weight"):
        return None
    if negatives is None or not len(negatives):
        raise ValueError(f"the task {task!r} learns from non-events; give negatives")
    n = int(np.searchsorted(negatives.time, end, side="right"))
    return Queries(**{name: getattr(negatives, name)[:n] for name in ("source", "target", "time", "event")})


def _copy(values: Sequence[Tensor], into: Sequence[Tensor]) -> None:
    with torch.no_grad():
        for p, value in zip(into, values, strict=True):
            p.copy_(value)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
