"""Measurements shared out among processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ._operator import LinearOperator, measure, products

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup


class Sharded:
    """Measurements of which each process of a group holds a part: the operator of all of them.

    The parts follow each other by rank. ``forward`` gathers the m values, so that scale and outliers are computed from
    all residuals alike on every process; A*(w)R and A*(w)ᵀL are sums over the parts, in one all-reduce each. Only
    factors, products and vectors of m numbers travel. Give every process the full y and the same ``random_state``;
    every process then ends with the same fit.

    Args:
        local: the measurements of this process.
        group: process group; None is the default group.

    Raises:
        RuntimeError: torch.distributed is not initialised.

    Example:
        >>> import torch.distributed as dist, numpy as np, tempfile, pathlib
        >>> from signwise.recovery import RankOne, Sharded
        >>> store = dist.FileStore(tempfile.mkdtemp() + "/store", 1)
        >>> dist.init_process_group("gloo", store=store, rank=0, world_size=1)
        >>> Sharded(RankOne(np.ones((5, 2)))).m
        5
        >>> dist.destroy_process_group()
    """

    def __init__(self, local: LinearOperator, group: ProcessGroup | None = None) -> None:
        import torch.distributed as dist

        if not dist.is_available() or not dist.is_initialized():
            raise RuntimeError("Sharded needs a process group: call torch.distributed.init_process_group first")
        self.local, self.group, self.shape = local, group, local.shape
        self.device = torch.device(getattr(local, "device", "cpu"))
        rank, size = dist.get_rank(group), dist.get_world_size(group)
        sizes = torch.zeros(size, dtype=torch.int64, device=self.device)
        sizes[rank] = local.m
        dist.all_reduce(sizes, group=group)
        self._sizes = [int(n) for n in sizes]
        self.m = sum(self._sizes)
        begin = sum(self._sizes[:rank])
        self._mine = slice(begin, begin + local.m)

    def gain(self) -> float:
        """The sum of the parts' gains."""
        total = torch.tensor([self.local.gain()], dtype=torch.float64, device=self.device)
        return float(self._sum(total))

    def forward(self, L: Tensor, R: Tensor) -> Tensor:
        """A(LRᵀ) of all measurements, shape ``(m,)``."""
        values = L.new_zeros(self.m)
        values[self._mine] = measure(self.local, L, R)
        return self._sum(values)

    def adjoint_times(self, w: Tensor, R: Tensor) -> Tensor:
        """A*(w)R for w of all measurements."""
        return self._sum(torch.as_tensor(self.local.adjoint_times(w[self._mine], R)))

    def adjoint_t_times(self, w: Tensor, L: Tensor) -> Tensor:
        """A*(w)ᵀL for w of all measurements."""
        return self._sum(torch.as_tensor(self.local.adjoint_t_times(w[self._mine], L)))

    def adjoint_products(self, w: Tensor, L: Tensor, R: Tensor) -> tuple[Tensor, Tensor]:
        """A*(w)R and A*(w)ᵀL in one all-reduce."""
        both = torch.cat(products(self.local, w[self._mine], L, R))
        self._sum(both)
        return both[: self.shape[0]], both[self.shape[0] :]

    def subset(self, idx: Tensor) -> Sharded:
        """The operator of the measurements `idx`, which must be in rising order so that the parts stay in theirs."""
        if len(idx) > 1 and bool((idx[1:] < idx[:-1]).any()):
            raise ValueError("the measurements of a subset of shards must be in rising order")
        mine = idx[(idx >= self._mine.start) & (idx < self._mine.stop)] - self._mine.start
        return Sharded(self.local.subset(mine), self.group)

    def _sum(self, x: Tensor) -> Tensor:
        import torch.distributed as dist

        x = x.contiguous()
        dist.all_reduce(x, group=self.group)
        return x
