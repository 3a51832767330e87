"""One pair at the present, without the planning that a batch needs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ._memory import padded
from ._questions import Questions, about_events
from ._stream_module import StreamModule
from ._time_encoding import days
from ._versions import NEVER


def single_logits(model: StreamModule, source: int, target: int, time: int) -> Tensor:
    """What :meth:`StreamModule.forward` says of one pair, to rounding, in a fraction of the time.

    A batch is planned: which versions of which nodes it reads, and each is computed once. One pair after everything
    committed reads the stored memories of its two ends and of the peers of their newest events, and nothing else.

    Args:
        model: in evaluation mode, with a state.
        source: id of the rater; -1 for one without a history.
        target: id of the ratee.
        time: ticks, after everything committed.

    Returns:
        float, shape ``(1, c)``.

    Raises:
        LeakError: the time is not after everything committed.
    """
    if model.node_features is not None or model.attention is None or model.options.span != "query":
        logits: Tensor = model([source], [target], time)
        return logits
    asked = model.questions([source], [target], time)
    near = asked.neighbors
    rows = np.concatenate([[asked.source[0], asked.target[0]], near.peer[0].reshape(-1)])
    at = torch.from_numpy(rows).to(model.device)
    fresh = model.last_update.index_select(0, at) == NEVER
    memory = model.updater.stored(tuple(store.index_select(0, at) for store in model._stores()), fresh)
    table = torch.cat([*memory, _node_inputs(model, asked, at)], 1)
    k = near.peer.shape[-1]
    span = days(np.where(near.mask, asked.time[:, None, None] - near.time, 0), model.tick_seconds)
    reading = model.reading(model.tick_seconds)
    about = torch.from_numpy(about_events(near, span, reading)).to(model.device, model.dtype).flatten(0, 1)
    edge = torch.cat([model.time_encoding(torch.from_numpy(span).to(model.device).view(-1, k)), about], -1)
    index = torch.arange(2, 2 + 2 * k, device=model.device).view(2, k)
    mask = torch.from_numpy(near.mask.reshape(2, k)).to(model.device)
    z, _ = model.attention(table[:2], _padded(table), index, mask, edge)
    if model.options.rectify:
        z = torch.relu(z)
    features = torch.from_numpy(asked.features).to(model.device)
    return model.logits(z.view(1, 2, model.z_dim), features)


def _node_inputs(model: StreamModule, asked: Questions, at: Tensor) -> Tensor:
    if model.options.node_inputs != "counts":
        return torch.zeros(len(at), 8, dtype=model.dtype, device=model.device)
    inputs: npt.NDArray[np.float32] = np.log1p(model.counts.index_select(0, at).cpu().numpy()).astype(np.float32)
    # The engine's own log counts of both ends.
    inputs[:2] = asked.features[0, :8].reshape(2, 4)
    return torch.from_numpy(inputs).to(model.device, model.dtype)


def _padded(table: Tensor) -> Tensor:
    return torch.nn.functional.pad(table, (0, 0, 0, padded(len(table)) - len(table)))
