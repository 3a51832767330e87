"""A signed graph convolutional network on snapshots of the network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ._snapshots import INPUTS, Snapshot, SnapshotModel, geometric


class SGCN(SnapshotModel):
    """Signed graph convolutions: one half of a vector gathers friends, the other enemies, by the rule of balance.

    Two layers of :class:`torch_geometric.nn.SignedConv` over the committed ratings in both directions, with ReLU
    between them, embed the network at the beginning of each batch; a linear decoder reads both ends. Needs the extra
    ``graph``.

    Args:
        task: ``sign``, ``link``, ``signed_link`` or ``weight``.
        options: :class:`SnapshotOptions`.
        seed: of the initial weights.

    References:
        Derr, Ma, Tang, Signed graph convolutional network, arXiv 1808.06354.
    """

    def _make_layers(self) -> list[nn.Module]:
        conv = geometric("for SGCN").SignedConv
        o = self.options
        return [
            conv(INPUTS[o.node_inputs] if i == 0 else o.dim // 2, o.dim // 2, first_aggr=i == 0)
            for i in range(o.layers)
        ]

    def embed(self, snapshot: Snapshot) -> Tensor:
        """The vectors of all rows of a snapshot; float32, shape ``(nodes + 1, dim)``."""
        positive, negative = (
            torch.cat([edges, edges.flip(0)], dim=1)
            for edges in (snapshot.edges[:, snapshot.positive], snapshot.edges[:, ~snapshot.positive])
        )
        z = snapshot.inputs
        for i, layer in enumerate(self.layers):
            z = layer(torch.relu(z) if i else z, positive, negative)
        return z
