"""A graph convolutional network on snapshots of the unsigned network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ._snapshots import INPUTS, Snapshot, SnapshotModel, geometric


class GCN(SnapshotModel):
    """Graph convolutions over the committed ratings in both directions, without their signs.

    Two layers of :class:`torch_geometric.nn.GCNConv` with ReLU between them embed the network at the beginning of each
    batch; a linear decoder reads both ends. Needs the extra ``graph``.

    Args:
        task: ``sign``, ``link``, ``signed_link`` or ``weight``.
        options: :class:`SnapshotOptions`.
        seed: of the initial weights.

    References:
        Kipf, Welling, Semi-supervised classification with graph convolutional networks, arXiv 1609.02907.
    """

    def _make_layers(self) -> list[nn.Module]:
        conv = geometric("for GCN").GCNConv
        o = self.options
        return [conv(INPUTS[o.node_inputs] if i == 0 else o.dim, o.dim) for i in range(o.layers)]

    def embed(self, snapshot: Snapshot) -> Tensor:
        """The vectors of all rows of a snapshot; float32, shape ``(nodes + 1, dim)``."""
        both = torch.cat([snapshot.edges, snapshot.edges.flip(0)], dim=1)
        z = snapshot.inputs
        for i, layer in enumerate(self.layers):
            z = layer(torch.relu(z) if i else z, both)
        return z
