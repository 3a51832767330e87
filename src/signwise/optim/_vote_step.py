"""The step that a vote decides, and momentum for another number of processes."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from ._apply import store_, widened
from ._options import real
from ._precision import dequantize, quantize
from ._state import Slot, begin_, new_momentum
from ._step import Rule, decay_, direction
from ._vote import Buffers, Poll, check_agreement, check_votable, hold_, padded_length
from ._vote_fused import flags, fusable, fused_

Groups = list[dict[str, Any]]
_PIECE = 1 << 16


def vote_step_(slots: list[list[Slot]], rules: list[Rule], groups: Groups, poll: Poll, buffers: Buffers) -> None:
    """Step the weights of all groups along what the processes vote, and each momentum along its own gradient.

    With c from the momentum and gradient of this process, s = sign(c) is its vote; of the result r,
    x ← (1 − ηλ)x − ηr and m ← β₂m + (1 − β₂)g. All parameters make one ballot, in order, each flat in
    row-major order; after them comes one vote a parameter for whether this process has a gradient of it. A
    parameter is stepped if some process has one, and the others then count a gradient of zeros.

    Args:
        slots: every parameter by group, those without a gradient with one of zeros (:func:`every_slot`).
        rules: of the groups.
        groups: their options.
        poll: the voters.
        buffers: of this optimizer.
    """
    for group in groups:
        check_votable(group)
    flat = [(slot, rule) for some, rule in zip(slots, rules, strict=True) for slot in some]
    if not flat:
        return
    ends = list(accumulate(slot.x.numel() for slot, _ in flat))
    updates = sum(int(slot.state.get("step", 0)) for slot, _ in flat)
    take = fused_ if fusable(flat, groups, poll) else _unfused_
    take(slots, rules, groups, poll, buffers, ends, updates)


def _unfused_(
    slots: list[list[Slot]],
    rules: list[Rule],
    groups: Groups,
    poll: Poll,
    buffers: Buffers,
    ends: list[int],
    updates: int,
) -> None:
    """The step by torch's operations, with a tensor of votes; `ends` are those of the parameters in it."""
    flat = [(slot, rule) for some, rule in zip(slots, rules, strict=True) for slot in some]
    length = padded_length(ends[-1] + len(ends), poll.size)
    ballot = buffers.take("ballot", (length,), torch.int8, poll.device(flat[0][0].x))
    parts = ballot.tensor_split([*ends, ends[-1] + len(ends)])
    parts[len(flat)].copy_(flags(flat))
    options = [group for some, group in zip(slots, groups, strict=True) for _ in some]
    for (slot, rule), group, part in zip(flat, options, parts, strict=False):
        if slot.p.grad is not None or "exp_avg" in slot.state:
            _cast_(part, slot, rule, group)
        else:
            part.zero_()
    # The parts are views, and hold the result from here on.
    hold_(ballot, poll, buffers, seed=groups[0]["seed"], step=updates)
    moved = parts[len(flat)].tolist()
    voters = poll.size if poll.vote == "mean" else 1
    first = 0
    for some, rule, group in zip(slots, rules, groups, strict=True):
        chosen = [i for i in range(first, first + len(some)) if moved[i]]
        begin_([flat[i][0] for i in chosen], rule, momentum_dtype=group["momentum_dtype"], capturable=False)
        for i in chosen:
            _apply_(flat[i][0], parts[i], voters, rule, group)
        first += len(some)


def every_slot(groups: Groups, states: Mapping[Tensor, dict[str, Any]], found: list[list[Slot]]) -> list[list[Slot]]:
    """All parameters by group: those that have a gradient as they were found, the others with one of zeros."""
    by_number = {slot.number: slot for some in found for slot in some}
    result, number = [], 0
    for group in groups:
        some = []
        for p in group["params"]:
            slot = by_number.get(number)
            if slot is None:
                x = real(p.detach())
                slot = Slot(p, x, x.new_zeros(()).expand_as(x), states[p], number)
            some.append(slot)
            number += 1
        result.append(some)
    return result


def check_alike(slots: list[list[Slot]], rules: list[Rule], groups: Groups, poll: Poll) -> None:
    """Raise RuntimeError on every process unless all hold the same weights, options and step counts."""
    flat = [slot for some in slots for slot in some]
    if not flat:
        return
    names = ("seed", "nan_policy", "rounding")
    options = [
        (rule, len(some), *(group[name] for name in names))
        for rule, some, group in zip(rules, slots, groups, strict=True)
    ]
    weights = 0
    for slot in flat:
        if not slot.x.numel():
            continue  # torch does not view it as octets
        octets = slot.x.detach().cpu().contiguous().view(-1).view(torch.uint8)
        weights = zlib.crc32(octets.numpy().data, weights)
    facts = {
        "the shapes of their parameters": _checksum([(tuple(slot.p.shape), slot.p.dtype) for slot in flat]),
        "their options": _checksum((poll.vote, poll.ties, options)),
        "their weights": weights,
        "their step counts": _checksum([int(slot.state.get("step", 0)) for slot in flat]),
    }
    check_agreement(facts, poll, poll.device(flat[0].x))


def mean_momentum(state_dicts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Compute a state dict whose momentum is the mean of those that processes of a vote saved.

    Momentum differs by process in a vote, so each saves its own, and the same number of processes goes on
    from them bit by bit. Another number of processes loads this mean on every rank, which is the running
    mean of the averaged gradient.

    Args:
        state_dicts: of ``LionK.state_dict()``, one of each process, at least one, of the same step.

    Returns:
        A new state dict: `exp_avg` is the mean, rounded to nearest in the dtype it has; other entries are those of
        the first.

    Raises:
        ValueError: there is none, or they are not of the same parameters and step.

    Example:
        >>> import torch
        >>> from signwise.optim import Lion, mean_momentum
        >>> saved = []
        >>> for gradient in (1.0, 3.0):
        ...     x = torch.nn.Parameter(torch.zeros(2))
        ...     x.grad = torch.full((2,), gradient)
        ...     optimizer = Lion([x], lr=0.1, betas=(0.5, 0.5))
        ...     optimizer.step()
        ...     saved.append(optimizer.state_dict())
        >>> optimizer.load_state_dict(mean_momentum(saved))
        >>> optimizer.state[x]["exp_avg"]
        tensor([1., 1.])
    """
    if not state_dicts:
        raise ValueError("state_dicts must hold at least one state dict, got none")
    states = [state_dict["state"] for state_dict in state_dicts]
    first = states[0]
    for rank, other in enumerate(states):
        if other.keys() != first.keys() or any(_outline(other[key]) != _outline(first[key]) for key in first):
            raise ValueError(
                f"state dict {rank} is of other parameters or another step than state dict 0; give those that the "
                "processes of one run saved at one step"
            )
    merged = {key: {**entries, **_mean([state[key] for state in states])} for key, entries in first.items()}
    return {**state_dicts[0], "state": merged}


def _cast_(part: Tensor, slot: Slot, rule: Rule, group: dict[str, Any]) -> None:
    """Write sign(c), masked if the rule is cautious, to the slot's part of a ballot."""
    if "exp_avg" not in slot.state:
        slot.state.update(new_momentum(slot.p, group["momentum_dtype"]))
    _, g, m = widened(slot)
    for votes, g_, m_ in _pieces(part.view(slot.x.shape), g, m):
        signed = -g_ if rule.maximize else g_
        c = m_.mul(rule.beta1).add_(signed, alpha=1.0 - rule.beta1)
        votes.copy_(direction(c, signed, rule)[0])


def _apply_(slot: Slot, part: Tensor, voters: int, rule: Rule, group: dict[str, Any]) -> None:
    x, g, m = widened(slot)
    for votes, x_, g_, m_ in _pieces(part.view(slot.x.shape), x, g, m):
        u = votes.to(x.device, x.dtype)
        decay_(x_, u, -1, rule)
        x_.add_(u if voters == 1 else u.div_(voters), alpha=-float(rule.eta))
        m_.mul_(rule.beta2).add_(-g_ if rule.maximize else g_, alpha=1.0 - rule.beta2)
    store_(slot, x, m, group)


def _pieces(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Tensors of one shape piece by piece: what is computed on the way stays in the cache."""
    on_cpu = all(t.device.type == "cpu" and t.is_contiguous() for t in tensors)
    if not on_cpu or tensors[0].numel() <= _PIECE:
        yield tensors
    else:
        flat: list[Any] = [t.view(-1) for t in tensors]
        yield from zip(*(t.split(_PIECE) for t in flat), strict=True)


def _mean(entries: list[dict[str, Any]]) -> dict[str, Tensor]:
    if "exp_avg" not in entries[0]:
        return {}
    kept = entries[0]["exp_avg"]
    if kept.dtype == torch.int8:
        mean = torch.stack([dequantize(e["exp_avg"], e["exp_avg_scale"]) for e in entries]).double().mean(0)
        q, scale = quantize(mean.float(), None)
        return {"exp_avg": q, "exp_avg_scale": scale}
    wide = torch.complex128 if kept.is_complex() else torch.float64
    return {"exp_avg": torch.stack([e["exp_avg"].to(wide) for e in entries]).mean(0).to(kept.dtype)}


def _outline(entries: dict[str, Any]) -> tuple[Any, ...]:
    m = entries.get("exp_avg")
    return int(entries.get("step", 0)), None if m is None else (m.shape, m.dtype)


def _checksum(value: object) -> int:
    return zlib.crc32(repr(value).encode())
