"""What events say besides their rating: JSON documents as short vectors, and features of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from signwise.graph import Neighbors
from signwise.vsa import JSONEncoder

Vectors = npt.NDArray[np.float32]

ENCODER_DIM = 1024
"""Components of the vector of a document, before it is shortened."""

PAYLOAD_RING = 10
"""Newest events of each end that :func:`payload_features` reads."""

_BATCH = 8_192
_PER_END = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class PayloadEncoder:
    r"""JSON documents as vectors of p components: the principal ones of :class:`~signwise.vsa.JSONEncoder`'s.

    .. math:: \mathrm{payload} = (V(\mathrm{document}) - \mu)\, W / \sigma_1

    with V the encoder's vector of norm 1, μ the mean of the training documents, W their p directions of largest
    spread, and σ₁ the spread along the first. An event without a document has the zero vector, which is that of the
    mean document.

    Args:
        settings: of the :class:`~signwise.vsa.JSONEncoder`, which learns nothing.
        mean: float64, shape ``(d,)``; μ.
        components: float64, shape ``(d, p)``; W / σ₁.

    Example:
        >>> from signwise.forecast import PayloadEncoder
        >>> encoder = PayloadEncoder.fit([b'{"topic": "rent"}', b'{"topic": "food"}', None], dim=4)
        >>> encoder([b'{"topic": "rent"}', None]).round(3).tolist()
        [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    """

    settings: Mapping[str, Any]
    mean: npt.NDArray[np.float64]
    components: npt.NDArray[np.float64]

    @classmethod
    def fit(cls, documents: Sequence[bytes | None], *, dim: int, seed: int = 0) -> PayloadEncoder:
        """Find the principal components of training documents.

        Args:
            documents: JSON texts; None where an event has none.
            dim: p.
            seed: of the encoder.
        """
        settings = JSONEncoder(ENCODER_DIM, seed=seed).get_params()
        d = ENCODER_DIM
        total, square, count = np.zeros(d), np.zeros((d, d)), 0
        for _, vectors in _encoded(JSONEncoder(**settings), documents):
            x = vectors.astype(np.float64)
            total += x.sum(0)
            square += x.T @ x
            count += len(x)
        mean = total / max(count, 1)
        spread, directions = np.linalg.eigh(square / max(count, 1) - np.outer(mean, mean))
        spread, directions = spread[::-1][:dim].clip(0.0), directions[:, ::-1][:, :dim]
        # A direction's own sign is arbitrary, and one without spread is rounding alone.
        directions = directions * np.sign(directions[np.abs(directions).argmax(0), np.arange(directions.shape[1])])
        directions[:, spread <= 1e-9 * max(spread[0], 1e-12)] = 0.0
        scale = np.sqrt(spread[0]) if spread[0] > 1e-12 else 1.0
        return cls(settings=settings, mean=mean, components=directions / scale)

    @property
    def dim(self) -> int:
        """p, the length of the vectors."""
        return int(self.components.shape[1])

    def __call__(self, documents: Sequence[bytes | None]) -> Vectors:
        """The vectors of JSON texts; float32, shape ``(n, p)``."""
        out = np.zeros((len(documents), self.dim), np.float32)
        for rows, vectors in _encoded(JSONEncoder(**self.settings), documents):
            out[rows] = (vectors - self.mean) @ self.components
        return out

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays to store beside ``settings``."""
        return {"mean": self.mean, "components": self.components}

    @classmethod
    def from_tensors(cls, settings: Mapping[str, Any], tensors: Mapping[str, npt.NDArray[Any]]) -> PayloadEncoder:
        """The encoder of stored settings, as JSON has them, and arrays."""
        own: dict[str, Any] = dict(settings)
        own |= {name: tuple(value) for name, value in settings.items() if isinstance(value, list)}
        JSONEncoder(**own)
        return cls(settings=own, mean=tensors["mean"], components=tensors["components"])


def _encoded(
    encoder: JSONEncoder, documents: Sequence[bytes | None]
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
    """Rows that have a document, and the vectors of it, a batch at a time."""
    rows = np.flatnonzero([document is not None for document in documents])
    for at in range(0, len(rows), _BATCH):
        part = rows[at : at + _BATCH]
        yield part, encoder.transform([documents[i] for i in part.tolist()])


def payload_features(neighbors: Neighbors, payload: Vectors) -> Vectors:
    """What both ends of a pair said and were told lately: features of payloads of strictly earlier events.

    Args:
        neighbors: arrays of shape ``(b, 2, K)``; the newest events of rater and ratee, newest first, whose ``event``
            is a row of ``payload``.
        payload: float32, shape ``(n, p)``.

    Returns:
        float32, shape ``(b, 6 p)``: for the rater, then for the ratee, the payload of the newest event that it gave,
        of the newest that it was given, and the mean over its K newest; zeros where there is none.
    """
    p = payload.shape[1]
    out = np.zeros((len(neighbors.event), 2 * _PER_END * p), np.float32)
    for at in range(0, len(out), _BATCH):
        part = slice(at, at + _BATCH)
        event, mask, role = neighbors.event[part], neighbors.mask[part], neighbors.role[part]
        told = np.where(mask[..., None], payload[np.where(mask, event, 0)], np.float32(0))
        rows = np.arange(len(event))
        for end in (0, 1):
            columns = []
            for wanted in (1, -1):
                chosen = mask[:, end] & (role[:, end] == wanted)
                newest = told[rows, end, chosen.argmax(1)]
                columns.append(np.where(chosen.any(1)[:, None], newest, np.float32(0)))
            columns.append(told[:, end].sum(1) / np.maximum(mask[:, end].sum(1), 1)[:, None])
            out[part, end * _PER_END * p : (end + 1) * _PER_END * p] = np.concatenate(columns, 1)
    return out
