"""SEMBA event by event, in loops that read like the equations; numpy float64."""

import math

import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


class Semba:
    """Memories and attention from the weights of a module, one event at a time."""

    def __init__(self, weights, *, options, tick_seconds, weight_max=1.0):
        self.w = {name: np.asarray(value, np.float64) for name, value in weights.items()}
        self.o = options
        self.day = 86_400 / tick_seconds
        self.weight_max = weight_max
        self.memory = {}
        self.last = {}
        self.events = []  # (block, source, target, x, time, payload)

    def phi(self, days):
        days = float(np.float32(days))
        return np.cos(self.w["time_encoding.lin.weight"][:, 0] * days + self.w["time_encoding.lin.bias"])

    def a(self, x, role):
        x = float(np.float32(x))
        if self.o.event_features == "abs":
            return np.array([abs(x) * self.weight_max])
        return np.array([x, abs(x), 1.0 if x > 0 else 0.0, role])

    def get(self, i):
        return self.memory.get(i, list(self.w["updater.initial"]))

    def gru(self, k, given, h):
        p = f"updater.grus.{k}."
        gi = self.w[p + "weight_ih"] @ given + self.w[p + "bias_ih"]
        gh = self.w[p + "weight_hh"] @ h + self.w[p + "bias_hh"]
        d = len(h)
        r = sigmoid(gi[:d] + gh[:d])
        z = sigmoid(gi[d : 2 * d] + gh[d : 2 * d])
        n = np.tanh(gi[2 * d :] + r * gh[2 * d :])
        return (1 - z) * n + z * h

    def message(self, k, i, j, x, role, time, payload):
        mine, theirs = self.get(i), self.get(j)
        if len(mine) == 1:
            peer = theirs[0]
        elif not self.o.balance:
            peer = theirs[k]
        elif k == 0:  # friend of friend, enemy of enemy
            peer = theirs[0] if x > 0 else theirs[1]
        else:  # enemy of friend, friend of enemy
            peer = theirs[1] if x > 0 else theirs[0]
        span = (time - self.last[i]) / self.day if i in self.last else 0.0
        about = [self.a(x, role)]
        if self.o.payload_dim:
            about.append(self.w["updater.payload.weight"] @ payload + self.w["updater.payload.bias"])
        raw = np.concatenate([mine[k], peer, *about, self.phi(span)])
        if self.o.message == "linear":
            kind = (2 if role < 0 else 0) + (1 if x < 0 else 0)
            raw = raw @ self.w["updater.linear.weight"][k, kind] + self.w["updater.linear.bias"][k, kind]
        return raw

    def commit(self, events):
        """One block: every message is made from the memories before it."""
        told = {}
        for source, target, x, time, payload in events:
            for i, j, role in ((source, target, 1.0), (target, source, -1.0)):
                made = [self.message(k, i, j, x, role, time, payload) for k in range(self.o.memories)]
                told.setdefault(i, []).append((made, time))
        new = {}
        for i, messages in told.items():
            rows = []
            for k in range(self.o.memories):
                stack = [made[k] for made, _ in messages]
                given = np.mean(stack, 0) if self.o.aggregate == "mean" else stack[-1]
                rows.append(self.gru(k, given, self.get(i)[k]))
            new[i] = rows
        self.memory.update(new)
        for i, messages in told.items():
            self.last[i] = max(time for _, time in messages)
        self.events += list(events)

    def counts(self, i):
        c = [0, 0, 0, 0]
        for source, target, x, _, _ in self.events:
            if source == i:
                c[0 if x > 0 else 1] += 1
            if target == i:
                c[2 if x > 0 else 3] += 1
        return np.log1p(c).astype(np.float32)

    def h(self, i):
        inputs = self.counts(i) if self.o.node_inputs == "counts" else np.zeros(8)
        return np.concatenate([*self.get(i), inputs])

    def newest(self, i):
        found = []
        for source, target, x, time, _ in reversed(self.events):
            # An event with oneself counts in both roles.
            if target == i:
                found.append((source, x, -1.0, time))
            if source == i:
                found.append((target, x, 1.0, time))
        return found[: self.o.neighbors]

    def attend(self, i, time):
        heads, c = self.o.heads, self.o.head_dim
        w = self.w
        h = self.h(i)
        lin = lambda name, value: w[f"attention.{name}.weight"] @ value + w.get(f"attention.{name}.bias", 0.0)  # noqa: E731
        out = np.zeros(heads * c)
        near = self.newest(i)
        if near:
            q = lin("lin_query", h).reshape(heads, c)
            keys, values = [], []
            for j, x, role, then in near:
                ticks = time - then if self.o.span == "query" else self.last[j] - then
                days = np.float32(ticks / self.day)
                edge = [self.phi(days), self.a(x, role)]
                if self.o.edge_lag:
                    edge.append([math.log1p(max(float(days), 0.0) * 1440) / 8])
                e = lin("lin_edge", np.concatenate(edge)).reshape(heads, c)
                keys.append(lin("lin_key", self.h(j)).reshape(heads, c) + e)
                values.append(lin("lin_value", self.h(j)).reshape(heads, c) + e)
            for head in range(heads):
                score = np.array([q[head] @ key[head] for key in keys]) / math.sqrt(c)
                alpha = np.exp(score - score.max())
                alpha /= alpha.sum()
                out[head * c : (head + 1) * c] = sum(p * v[head] for p, v in zip(alpha, values, strict=True))
        out += lin("lin_skip", h)
        return np.maximum(out, 0) if self.o.rectify else out
