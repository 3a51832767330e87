"""Why a pair has its log odds: additive parts, the triads behind them, and the events attended to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from ._committed import CommittedEvents
from ._decoders import HybridDecoder
from ._event_model import EventModel
from ._state import FEATURE_GROUPS, FEATURE_NAMES

Reading = Literal["positive", "negative", "none"]
TriadShape = Literal["out_in", "out_out", "in_in", "in_out"]

# Whether u rated z, whether z rated v, and how much each edge's sign says of status(v) - status(u).
_SHAPES: dict[TriadShape, tuple[bool, bool, int, int]] = {
    "out_in": (True, True, 1, 1),
    "out_out": (True, False, 1, -1),
    "in_in": (False, True, -1, 1),
    "in_out": (False, False, -1, -1),
}


@dataclass(frozen=True, kw_only=True)
class Triad:
    """A common peer of a pair (u, v), and what its two ratings say of u rating v.

    Args:
        peer: name of the common peer z.
        shape: ``"out_in"`` is u→z→v; ``"out_out"`` u→z and v→z; ``"in_in"`` z→u and z→v; ``"in_out"`` z→u and v→z.
        edges: source and target of both ratings, that of u first.
        values: their signed weights.
        times: their times, in ticks.
        balance: the sign that balance theory expects, the product of both: a friend of a friend is a friend.
        status: the sign that status theory expects, where a positive rating points at the higher of two; "none" where
            the ratings cancel.
        contribution: share of the triad term of the log odds, exactly that which is lost without this triad, as long
            as no triad feature is clipped.
    """

    peer: str
    shape: TriadShape
    edges: tuple[tuple[str, str], tuple[str, str]]
    values: tuple[float, float]
    times: tuple[int, int]
    balance: Reading
    status: Reading
    contribution: float


@dataclass(frozen=True, kw_only=True)
class AttendedEvent:
    """One of the newest events of an end of a pair, and how much of the attention it has.

    Args:
        end: whose event it is.
        peer: name of the other node of the event.
        given: whether the end gave the rating; otherwise it received it.
        value: the signed weight.
        time: in ticks.
        attention: weight in [0, 1], the mean over heads; the weights of one end add up to 1.
    """

    end: Literal["rater", "ratee"]
    peer: str
    given: bool
    value: float
    time: int
    attention: float


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The log odds that one node rates another positively, taken apart.

    Args:
        source: name of the rater.
        target: name of the ratee.
        time: in ticks.
        logit: log odds of a positive sign, before calibration.
        terms: what adds up to ``logit``: ``bias``, the linear terms of the feature groups ``rater``, ``ratee``,
            ``pair``, ``global`` and ``triads`` (and ``rater_recent`` and ``ratee_recent`` where the model reads
            them), the ``interaction`` of all features, and ``memory``, the learnt history of both ends.
        triads: every triad, the largest contribution first.
        triad_remainder: what the triad term has beyond the triads: the value of having none, and clipping.
        clipped: triad features at the end of their range, whose triads contribute less than stated.
        events: the events attended to, by attention.
    """

    source: str
    target: str
    time: int
    logit: float
    terms: dict[str, float]
    triads: tuple[Triad, ...]
    triad_remainder: float
    clipped: tuple[str, ...]
    events: tuple[AttendedEvent, ...]

    @property
    def edges(self) -> dict[tuple[str, str], float]:
        """What each rating contributes to the triad term: the sum over the triads that it is part of."""
        shares: dict[tuple[str, str], float] = {}
        for triad in self.triads:
            for edge in triad.edges:
                shares[edge] = shares.get(edge, 0.0) + triad.contribution
        return dict(sorted(shares.items(), key=lambda item: -abs(item[1])))


def explain_pair(
    model: EventModel,
    events: CommittedEvents,
    names: Sequence[str],
    pair: tuple[str, str],
    ids: tuple[int, int],
    time: int,
) -> Explanation:
    """Explain one pair.

    Args:
        model: a model for signs with additive parts.
        events: those that the model committed.
        names: of nodes, by id.
        pair: names of rater and ratee.
        ids: their ids; -1 for a node without a history.
        time: ticks, after everything committed.

    Raises:
        LeakError: the time is not after everything committed.
        TypeError: the model has no additive parts.
    """
    decoder = model.decoder
    if not isinstance(decoder, HybridDecoder) or model.task != "sign":
        raise TypeError(
            f"{type(model).__name__} for the task {model.task!r} has no additive parts; explain SEMBAPlus('sign')"
        )
    u, v = ids
    with torch.no_grad():
        terms = {name: float(part[0, 0]) for name, part in model.terms([u], [v], time).items()}
        attended = _attended(model, names, ids, time)
        scale = float(model.updater.weight_max)
        columns = list(FEATURE_GROUPS["triads"])
        weight = decoder.linear.weight[0, columns].double() / decoder.standardize.scale[columns].double()
        features = torch.from_numpy(model.questions([u], [v], time).features[0, columns].astype("float64"))
        standardized = (features - decoder.standardize.mean[columns].cpu()) / decoder.standardize.scale[columns].cpu()
    if decoder.kind == "memory":
        weight = torch.zeros_like(weight)
    at_end = standardized.abs() > decoder.standardize.clip
    triads = [] if u == v else _triads(events, names, pair, ids, weight.tolist(), scale)
    return Explanation(
        source=pair[0],
        target=pair[1],
        time=time,
        logit=math.fsum(terms.values()),
        terms=terms,
        triads=tuple(sorted(triads, key=lambda t: (-abs(t.contribution), t.peer, t.shape))),
        triad_remainder=terms["triads"] - math.fsum(t.contribution for t in triads),
        clipped=tuple(FEATURE_NAMES[c] for c, end in zip(columns, at_end.tolist(), strict=True) if end),
        events=attended,
    )


def _triads(
    events: CommittedEvents,
    names: Sequence[str],
    pair: tuple[str, str],
    ids: tuple[int, int],
    weight: list[float],
    scale: float,
) -> list[Triad]:
    u, v = ids
    of_u = {given: events.edges(u, given=given) for given in (True, False)}
    of_v = {given: events.edges(v, given=given) for given in (True, False)}
    found = []
    for k, (shape, (out, into, first_up, second_up)) in enumerate(_SHAPES.items()):
        w_count, w_product, w_sign = weight[3 * k : 3 * k + 3]
        first, second = of_u[out], of_v[not into]
        seconds = {int(peer): i for i, peer in enumerate(second.peer.tolist())}
        for i, z in enumerate(first.peer.tolist()):
            j = seconds.get(z)
            if j is None:
                continue
            x1, x2 = float(first.x[i]), float(second.x[j])
            s1, s2 = math.copysign(1.0, x1), math.copysign(1.0, x2)
            rises = first_up * s1 + second_up * s2
            found.append(
                Triad(
                    peer=names[z],
                    shape=shape,
                    edges=(
                        (pair[0], names[z]) if out else (names[z], pair[0]),
                        (names[z], pair[1]) if into else (pair[1], names[z]),
                    ),
                    values=(x1 * scale, x2 * scale),
                    times=(int(first.time[i]), int(second.time[j])),
                    balance=_reading(s1 * s2),
                    status=_reading(rises),
                    contribution=w_count + w_product * x1 * x2 + w_sign * math.copysign(1.0, x1 * x2),
                )
            )
    return found


def _attended(model: EventModel, names: Sequence[str], ids: tuple[int, int], time: int) -> tuple[AttendedEvent, ...]:
    if model.attention is None:
        return ()
    scale = float(model.updater.weight_max)
    alpha, questions = model.attention_weights([ids[0]], [ids[1]], time)
    near = questions.neighbors
    found = []
    for end, name in enumerate(("rater", "ratee")):
        for k in range(near.mask.shape[-1]):
            if near.mask[0, end, k]:
                found.append(
                    AttendedEvent(
                        end="rater" if name == "rater" else "ratee",
                        peer=names[int(near.peer[0, end, k])],
                        given=bool(near.role[0, end, k] > 0),
                        value=float(near.x[0, end, k]) * scale,
                        time=int(near.time[0, end, k]),
                        attention=float(alpha[0, end, k]),
                    )
                )
    return tuple(sorted(found, key=lambda event: -event.attention))


def _reading(value: float) -> Reading:
    if value == 0:
        return "none"
    return "positive" if value > 0 else "negative"
