"""Signed propagation: a vector for each node, which events mix, so that paths of any length are felt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from signwise.events import EventStream
from signwise.ortho import atom, hash_key

from ._contract import Queries
from ._state import FEATURE_NAMES, Ints, tie_order

Vectors = npt.NDArray[np.float32]

SKETCH_RATE = 0.6


class SignedSketch:
    r"""Unit vectors of nodes, drawn from their names, that signed events pull together or push apart.

    .. math:: p_u \leftarrow \frac{p_u + \eta s\, p_v}{\lVert p_u + \eta s\, p_v \rVert}, \qquad
              p_v \leftarrow \frac{p_v + \eta s\, p_u}{\lVert p_v + \eta s\, p_u \rVert}

    at once for an event of sign s between u and v, and with the sum over all events of one time. It starts from
    :math:`p_i = \text{atom}(\text{name}_i)/\sqrt d`. What is added up are products of signs along paths through time:
    a power iteration of the signed adjacency matrix, event by event. So :math:`p_u \cdot p_v` is near 1 for friends of
    friends of friends, and near -1 for their enemies, where triads see two steps and memories that start equal see
    nobody in particular. A rating of oneself changes nothing.

    Args:
        dim: d; the noise of the product of strangers is 1/√d.
        rate: η, in (0, 1).

    References:
        Von Mises and Pollaczek-Geiringer, Praktische Verfahren der Gleichungsauflösung, 1929 (power iteration); Kunegis
        et al., Spectral analysis of signed graphs for clustering, prediction and visualization, SDM 2010.

    Example:
        >>> import numpy as np
        >>> from signwise.graph import SignedSketch
        >>> sketch = SignedSketch(64)
        >>> sketch.grow(["ann", "bob", "cy", "di"])
        >>> for u, v, sign in [(0, 1, 1), (1, 2, 1), (2, 3, -1)] * 5:
        ...     sketch.commit(np.array([u]), np.array([v]), np.array([sign]))
        >>> told = sketch.features(np.array([0, 0]), np.array([2, 3])).ravel()
        >>> told.astype(float).round(1).tolist()  # ann to cy, and to di
        [0.9, -0.9]
    """

    def __init__(self, dim: int, rate: float = SKETCH_RATE) -> None:
        if dim < 1:
            raise ValueError(f"dim is {dim}; expected at least 1")
        if not 0 < rate < 1:
            raise ValueError(f"rate is {rate}; expected a number between 0 and 1")
        self.dim, self.rate = dim, rate
        self.vectors: Vectors = np.zeros((0, dim), np.float32)
        self.seen: npt.NDArray[np.bool_] = np.zeros(0, np.bool_)

    def grow(self, names: Sequence[str]) -> None:
        """Make rows for the nodes of these names; those that there are stay."""
        known = len(self.vectors)
        if len(names) <= known:
            return
        hashes = np.array([hash_key(name) for name in names[known:]], np.uint64)
        new = atom(hashes, self.dim).astype(np.float32) / np.float32(np.sqrt(self.dim))
        self.vectors = np.concatenate([self.vectors, new])
        self.seen = np.concatenate([self.seen, np.zeros(len(new), np.bool_)])

    def features(self, source: Ints, target: Ints) -> Vectors:
        """The products of the vectors of pairs; float32, shape ``(b, 1)``; 0 for a node without events."""
        u, v = np.asarray(source, np.int64), np.asarray(target, np.int64)
        there = (u >= 0) & (v >= 0) & (u < len(self.seen)) & (v < len(self.seen))
        there[there] = self.seen[u[there]] & self.seen[v[there]]
        out = np.zeros((len(u), 1), np.float32)
        # A sum along each row, and not a matrix product, so that no row depends on how many there are.
        out[there, 0] = (self.vectors[u[there]].astype(np.float64) * self.vectors[v[there]]).sum(1)
        return out

    def commit(self, source: Ints, target: Ints, sign: npt.NDArray[np.integer]) -> None:
        """Take in the events of one time, in canonical order."""
        other = source != target
        if not other.all():
            self.seen[source[~other]] = True
            source, target, sign = source[other], target[other], sign[other]
        if not len(source):
            return
        ends, peers = np.concatenate([source, target]), np.concatenate([target, source])
        if len(source) == 1:
            nodes, pull = ends, sign * self.vectors[peers].astype(np.float64)
        else:
            nodes, place = np.unique(ends, return_inverse=True)
            pull = np.zeros((len(nodes), self.dim))
            np.add.at(pull, place, np.concatenate([sign, sign])[:, None] * self.vectors[peers].astype(np.float64))
        moved = self.vectors[nodes] + self.rate * pull
        length = np.sqrt((moved * moved).sum(1, keepdims=True))
        # Events of one time may cancel out; what is left then is rounding.
        good = length[:, 0] > 1e-6
        self.vectors[nodes[good]] = moved[good] / length[good]
        self.seen[nodes] = True

    def commit_stream(
        self, source: Ints, target: Ints, sign: npt.NDArray[np.integer], time: Ints, asked: Queries | None = None
    ) -> tuple[Vectors, Vectors]:
        """Take in events in canonical order, group by group of equal time.

        Args:
            source, target, sign, time: the events, shape ``(n,)`` each.
            asked: pairs beside them, in order of time.

        Returns:
            The features of every event, and of every query, from the events of earlier time.
        """
        found = np.zeros((len(source), 1), np.float32)
        answers = np.zeros((0 if asked is None else len(asked), 1), np.float32)
        starts = np.flatnonzero(np.diff(time, prepend=time[0] - 1)) if len(time) else np.zeros(0, np.int64)
        ends = np.append(starts[1:], len(time))
        until = np.zeros(len(starts), np.int64)
        if asked is not None:
            until = np.searchsorted(asked.time, time[starts], side="right")
        done = 0
        for start, end, upto in zip(starts.tolist(), ends.tolist(), until.tolist(), strict=True):
            if asked is not None and upto > done:
                answers[done:upto] = self.features(asked.source[done:upto], asked.target[done:upto])
                done = upto
            found[start:end] = self.features(source[start:end], target[start:end])
            self.commit(source[start:end], target[start:end], sign[start:end])
        if asked is not None:
            answers[done:] = self.features(asked.source[done:], asked.target[done:])
        return found, answers


def stream_sketch(
    stream: EventStream, *, dim: int, rate: float = SKETCH_RATE, queries: Queries | None = None
) -> tuple[Vectors, Vectors]:
    """The feature of :class:`SignedSketch` for every event of a stream and every query, from earlier events only.

    Args:
        stream: events in order of time.
        dim, rate: of the sketch.
        queries: pairs beside them, in order of time.

    Returns:
        float32, shape ``(n, 1)``, and float32, shape ``(q, 1)``.
    """
    sketch = SignedSketch(dim, rate)
    sketch.grow(stream.nodes)
    x = stream.sign.astype(np.float64)
    order = tie_order(stream.source, stream.target, x, stream.time, stream.nodes)
    ordered, answers = sketch.commit_stream(
        stream.source[order], stream.target[order], stream.sign[order].astype(np.int64), stream.time[order], queries
    )
    found = np.empty_like(ordered)
    found[order] = ordered
    return found, answers


def sketch_group(recent: int) -> dict[str, tuple[int, ...]]:
    """The column of the feature, behind the running features and so many recent ones."""
    return {"sketch": (len(FEATURE_NAMES) + recent,)}
