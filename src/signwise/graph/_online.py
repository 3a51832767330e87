"""Learning from committed events while a stream is scored."""

from __future__ import annotations

import copy

import numpy as np
import torch
from scipy.special import expit
from torch import Tensor

from ._blocks import chunks
from ._contract import Online, Scores
from ._options import OnlineOptions, TrainingOptions
from ._scoring import Followed, decode, embed_stream, outputs
from ._stream_module import StreamModule
from ._training import task_loss


def score_stream(
    model: StreamModule, data: Followed, online: Online, *, training: TrainingOptions, options: OnlineOptions, seed: int
) -> Scores:
    """Score a whole stream in one pass, learning as ``online`` allows.

    Raises:
        ValueError: ``online`` is unknown, or asks to learn existence, of which committed events show one class only.
    """
    if online not in ("off", "calibrate", "finetune"):
        raise ValueError(f"online is {online!r}; expected 'off', 'calibrate' or 'finetune'")
    if online != "off" and model.task not in ("sign", "weight"):
        raise ValueError(
            f"online={online!r} learns from committed events, which hold no non-events for {model.task!r}; use 'off'"
        )
    if online == "calibrate" and model.task != "sign":
        raise ValueError("calibration is of log odds of signs; for weights use 'finetune'")
    events, queries, z, query_z = [], [], [], []
    for piece in embed_stream(model, data, model.options.granularity):
        if online == "finetune":
            z.append(piece.z)
            query_z.append(piece.query_z)
            continue
        events.append(outputs(model, decode(model, piece.z, data.features[piece.events])))
        queries.append(outputs(model, decode(model, piece.query_z, data.query_features[piece.queries])))
    if online == "finetune":
        return _finetuned(model, data, torch.cat(z), torch.cat(query_z), training=training, options=options, seed=seed)
    scores = Scores(events=np.concatenate(events), queries=np.concatenate(queries), levels=_levels(model, events[0]))
    return _calibrated(model, data, scores, options) if online == "calibrate" else scores


def _levels(model: StreamModule, events: np.ndarray) -> np.ndarray | None:
    return model.levels.double().cpu().numpy() if model.task == "weight" and events.shape[1] > 1 else None


def _rounds(model: StreamModule, data: Followed, every: int) -> tuple[int, list[tuple[int, int]]]:
    """The number of events that the model was trained on, and the ranges of later ones between rounds."""
    time = data.stream.time
    known = 0 if model.trained_until is None else int(np.searchsorted(time, model.trained_until, side="right"))
    groups = np.cumsum(np.concatenate([[0], np.diff(time[known:]) != 0])) if known < len(time) else time[:0]
    return known, [(known + start, known + end) for start, end in chunks(groups, every)]


def _finetuned(
    model: StreamModule,
    data: Followed,
    z: Tensor,
    query_z: Tensor,
    *,
    training: TrainingOptions,
    options: OnlineOptions,
    seed: int,
) -> Scores:
    known, rounds = _rounds(model, data, options.every)
    features, query_features = data.features, data.query_features
    stream, queries = data.stream, data.queries
    frozen = model.decoder
    asked = int(np.searchsorted(queries.time, stream.time[known - 1], side="right")) if known else 0
    events = [outputs(model, decode(model, z[:known], features[:known]))]
    answers = [outputs(model, decode(model, query_z[:asked], query_features[:asked]))]
    f = torch.from_numpy(np.ascontiguousarray(features)).to(z.device)
    sign = torch.from_numpy(np.array(stream.sign, np.int64)).to(z.device)
    rating = torch.from_numpy(stream.rating).to(z)
    generator = torch.Generator().manual_seed(seed)
    try:
        # What is learnt stays in this pass: the model keeps the decoder that it was fitted with.
        model.decoder = copy.deepcopy(frozen)
        optimizer = torch.optim.AdamW(
            model.decoder.parameters(), lr=options.lr, weight_decay=options.weight_decay, fused=True
        )
        for start, end in rounds:
            events.append(outputs(model, decode(model, z[start:end], features[start:end])))
            until = int(np.searchsorted(queries.time, stream.time[end - 1], side="right"))
            answers.append(outputs(model, decode(model, query_z[asked:until], query_features[asked:until])))
            asked = until
            oldest = max(0, end - options.buffer)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
                model.decoder.train()
                for _ in range(options.steps):
                    half = options.batch // 2
                    late = max(oldest, end - options.newest)
                    every = torch.randint(oldest, end, (half,), generator=generator)
                    newest = torch.randint(late, end, (options.batch - half,), generator=generator)
                    rows = torch.cat([every, newest]).to(z.device)
                    loss = task_loss(model, model.decoder(z[rows], f[rows]), sign[rows], rating[rows], 0, training)
                    optimizer.zero_grad(set_to_none=True)
                    loss.backward()  # type: ignore[no-untyped-call]
                    optimizer.step()
                model.decoder.eval()
        answers.append(outputs(model, decode(model, query_z[asked:], query_features[asked:])))
    finally:
        model.decoder = frozen
    return Scores(events=np.concatenate(events), queries=np.concatenate(answers), levels=_levels(model, events[0]))


def _calibrated(model: StreamModule, data: Followed, scores: Scores, options: OnlineOptions) -> Scores:
    """Bias and temperature from the newest committed events, before each round."""
    known, rounds = _rounds(model, data, options.every)
    queries, time = data.queries, data.stream.time
    asked = int(np.searchsorted(queries.time, time[known - 1], side="right")) if known else 0
    raw, positive = scores.events[:, 0], data.stream.sign > 0
    events, answers = scores.events.copy(), scores.queries.copy()
    slope, bias = 1.0, 0.0
    for start, end in rounds:
        until = len(queries) if end == len(time) else int(np.searchsorted(queries.time, time[end - 1], side="right"))
        events[start:end, 0] = slope * raw[start:end] + bias
        answers[asked:until, 0] = slope * scores.queries[asked:until, 0] + bias
        asked = until
        since = max(known, end - options.newest)
        slope, bias = _platt(raw[since:end], positive[since:end], options.prior)
    return Scores(events=events, queries=answers, levels=None)


def _platt(logit: np.ndarray, positive: np.ndarray, prior: float) -> tuple[float, float]:
    """Slope and bias of largest likelihood, pulled to 1 and 0 as by ``prior`` events; Newton's method."""
    w = np.array([1.0, 0.0])
    design = np.stack([logit, np.ones(len(logit))], 1)
    pull = prior * 0.1 * np.eye(2)
    for _ in range(20):
        p = expit(design @ w)
        gradient = design.T @ (p - positive) + pull @ (w - [1.0, 0.0])
        hessian = (design * (p * (1 - p))[:, None]).T @ design + pull
        step = np.linalg.solve(hessian, gradient)
        w = w - step
        if np.abs(step).max() < 1e-9:
            break
    # A slope that is not positive would turn the order around.
    return (float(w[0]), float(w[1])) if w[0] > 0.05 else (1.0, 0.0)
