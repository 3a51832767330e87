"""The step that a vote decides by kernels: float32 on the CPU, straight between momentum and planes of bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from signwise._native._optim_votes import VoteTensor, cast, fits, step, votes_available

from ._fused import bump_
from ._options import real
from ._state import Slot, begin_, new_momentum
from ._step import Rule
from ._vote import WORD, Buffers, Poll, decode, encode, exchange, padded_length


def fusable(flat: list[tuple[Slot, Rule]], groups: list[dict[str, Any]], poll: Poll) -> bool:
    """Whether the kernels can take the step; what travels is the same if other processes take it otherwise."""
    if poll.vote == "mean" or poll.size == 1 or not votes_available() or poll.device(flat[0][0].x).type != "cpu":
        return False
    if any(group["fused"] is False or group["foreach"] for group in groups):
        return False
    return all(
        rule.cautious is None
        and rule.decay == "plain"
        and fits(slot.x)
        and (slot.p.grad is None or fits(slot.g))
        and (fits(real(slot.state["exp_avg"])) if "exp_avg" in slot.state else True)
        for slot, rule in flat
    ) and all(group["momentum_dtype"] in (None, torch.float32) for group in groups)


def fused_(
    slots: list[list[Slot]],
    rules: list[Rule],
    groups: list[dict[str, Any]],
    poll: Poll,
    buffers: Buffers,
    ends: list[int],
    updates: int,
) -> None:
    """Take the step by kernels that write the planes of the ballot, and read those of the result.

    Args:
        slots, rules, groups, poll, buffers: of :func:`vote_step_`.
        ends: where each parameter's votes end.
        updates: the number of the step for the coin.
    """
    flat = [(slot, rule) for some, rule in zip(slots, rules, strict=True) for slot in some]
    count = ends[-1]
    words = padded_length(count + len(ends), poll.size) // WORD
    planes = buffers.take("planes", (2, words), torch.int64, torch.device("cpu")).zero_()
    numbers, number = [], 0
    for some in slots:
        numbers.append(range(number, number + len(some)))
        number += len(some)
    for some, rule, group, which in zip(slots, rules, groups, numbers, strict=True):
        voting = []
        for slot, i in zip(some, which, strict=True):
            if slot.p.grad is not None and "exp_avg" not in slot.state:
                slot.state.update(new_momentum(slot.p, group["momentum_dtype"]))
            if "exp_avg" in slot.state:
                voting.append(_vote_tensor(slot, ends[i] - slot.x.numel()))
        cast(voting, _words(planes), beta1=rule.beta1, maximize=rule.maximize)
    # The flags behind the parameters, with the word in which they start.
    start = count // WORD
    tail = torch.zeros((words - start) * WORD, dtype=torch.int8)
    where = slice(count - start * WORD, count - start * WORD + len(ends))
    tail[where] = flags(flat)
    planes[:, start:] |= encode(tail)
    won = exchange(planes, poll, buffers, seed=groups[0]["seed"], step=updates).contiguous()
    moved = decode(won[:, start:])[where].tolist()
    for some, rule, group, which in zip(slots, rules, groups, numbers, strict=True):
        chosen = [(slot, i) for slot, i in zip(some, which, strict=True) if moved[i]]
        begin_([slot for slot, _ in chosen], rule, momentum_dtype=group["momentum_dtype"], capturable=False)
        step(
            [_vote_tensor(slot, ends[i] - slot.x.numel()) for slot, i in chosen],
            _words(won),
            lr=float(rule.eta),
            beta2=rule.beta2,
            weight_decay=rule.weight_decay,
            maximize=rule.maximize,
        )
        bump_([slot.p for slot, _ in chosen])


def _vote_tensor(slot: Slot, first: int) -> VoteTensor:
    return VoteTensor(slot.x, None if slot.p.grad is None else slot.g, real(slot.state["exp_avg"]), first)


def flags(flat: list[tuple[Slot, Rule]]) -> Tensor:
    """Whether this process has a gradient of each parameter, as votes: int8."""
    return torch.tensor([slot.p.grad is not None for slot, _ in flat], dtype=torch.int8)


def _words(planes: Tensor) -> Any:
    return planes.numpy().view(np.uint64)
