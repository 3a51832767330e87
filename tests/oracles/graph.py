"""Running features and newest events, computed anew for every pair from all earlier events, after the formulas."""

from __future__ import annotations

import math

DAY = 86_400.0


def features_at(past, u, v, t, tick_seconds):
    """The 34 features of (u, v) at t from ``past``, the events in commit order.

    An event is (source, target, time, x, expected, number), where ``expected`` is the mean that the target had
    received, as it stood before the tie group of the event.
    """
    past = [e for e in past if e[2] < t]
    total, positive, s = len(past), sum(e[3] > 0 for e in past), sum(e[3] for e in past)
    g = (s + 0.1) / (total + 1)
    pi = (positive + 9) / (total + 10)

    def given(i):
        return [e for e in past if e[0] == i]

    def got(i):
        return [e for e in past if e[1] == i]

    def pos(events):
        return sum(e[3] > 0 for e in events)

    def neg(events):
        return sum(e[3] < 0 for e in events)

    def mean(events):
        return (sum(e[3] for e in events) + 3 * g) / (len(events) + 3)

    def rate(events):
        return (pos(events) + 2 * pi) / (len(events) + 2)

    def lag(events):
        return math.log1p((t - events[-1][2]) * tick_seconds / DAY) if events else 0.0

    newest = {(a, b): x for a, b, _, x, _, _ in past if a != b}
    f = [math.log1p(n(part(i))) for i in (u, v) for part in (given, got) for n in (pos, neg)]
    f += [mean(given(u)), mean(got(v)), mean(got(u)), mean(given(v))]
    f += [sum(x - e for _, _, _, x, e, _ in given(u)) / (len(given(u)) + 3)]
    f += [rate(given(u)), rate(got(v)), rate(got(u)), rate(given(v))]
    f += [newest.get((v, u), 0.0), float((v, u) in newest), pi, lag(given(u)), lag(got(v))]
    nodes = {i for pair in newest for i in pair}
    for first, second in (
        (lambda z: (u, z), lambda z: (z, v)),
        (lambda z: (u, z), lambda z: (v, z)),
        (lambda z: (z, u), lambda z: (z, v)),
        (lambda z: (z, u), lambda z: (v, z)),
    ):
        products = [
            newest[first(z)] * newest[second(z)] for z in nodes if u != v and first(z) in newest and second(z) in newest
        ]
        f += [float(len(products)), sum(products), sum(math.copysign(1.0, p) for p in products)]
    return f


def newest_events(past, node, t, k):
    """The last k events of a node before t, newest first, as (peer, time, x, role, number).

    An event with itself is there twice, as rated and, before that, as rater.
    """
    found = []
    for source, target, time, x, _, number in past:
        if time < t and source == node:
            found.append((target, time, x, 1, number))
        if time < t and target == node:
            found.append((source, time, x, -1, number))
    return found[::-1][:k]


def replay(source, target, time, x, keys, tick_seconds):
    """Features of every event, and all events in commit order with their numbers; the arrays are in order of time."""
    past, rows = [], [None] * len(source)
    for t in sorted(set(time)):
        group = [i for i in range(len(time)) if time[i] == t]
        for i in group:
            rows[i] = features_at(past, source[i], target[i], t, tick_seconds)
        group.sort(key=lambda i: (keys[source[i]], keys[target[i]], x[i]))
        # Feature 9 of the pair is the mean that the target has received.
        past = past + [(source[i], target[i], t, x[i], rows[i][9], i) for i in group]
    return rows, past
