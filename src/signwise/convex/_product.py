"""Convex functions side by side, each on its own piece of a tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ._base import Convex, convex
from ._tensors import check, norm

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor


@dataclass(frozen=True)
class Product(Convex):
    r"""K(z) = Σ_g K_g(z_g) over pieces z_g of a tensor along one dimension; its set is the product of sets.

    One function per block of a fused weight, as the query, key and value parts of an attention layer.

    Args:
        functions: one K_g for each piece.
        sizes: the lengths of the pieces; equal ones by default.
        dim: the dimension that is cut.

    Example:
        >>> import torch
        >>> from signwise.convex import L1, LInf, Product
        >>> Product([L1(), LInf()], sizes=[1, 2]).subgradient(torch.tensor([-5.0, 1.0, 2.0]))
        tensor([-1.,  0.,  1.])
    """

    functions: tuple[Convex, ...]
    sizes: tuple[int, ...] | None = None
    dim: int = 0

    def __init__(self, functions: Iterable[Convex], sizes: Sequence[int] | None = None, dim: int = 0) -> None:
        parts = tuple(convex(K, f"functions[{i}]") for i, K in enumerate(functions))
        if not parts:
            raise ValueError("functions must hold at least one convex function, got none")
        if sizes is not None:
            sizes = tuple(sizes)
            if len(sizes) != len(parts) or not all(isinstance(size, int) and size >= 0 for size in sizes):
                raise ValueError(f"sizes must be {len(parts)} lengths, one per function; got {sizes!r}")
        self._declare(
            functions=parts,
            sizes=sizes,
            dim=dim,
            lipschitz=max(K.lipschitz for K in parts),
            even=all(K.even for K in parts),
            homogeneous=all(K.homogeneous for K in parts),
            solid=all(K.solid for K in parts),
            bounded=all(K.bounded for K in parts),
            exact=all(K.exact for K in parts),
        )

    def value(self, z: Tensor) -> Tensor:
        """Σ_g K_g(z_g)."""
        return torch.stack([K.value(piece) for K, piece in self._pieces(z, "z")]).sum()

    def subgradient(self, z: Tensor) -> Tensor:
        """∂K_g(z_g) side by side."""
        return torch.cat([K.subgradient(piece) for K, piece in self._pieces(z, "z")], self.dim)

    def conjugate(self, y: Tensor, *, tolerance: float | None = None) -> Tensor:
        """Σ_g K_g*(y_g)."""
        parts = [K.conjugate(piece, tolerance=tolerance) for K, piece in self._pieces(y, "y")]
        return torch.stack(parts).sum()

    def conjugate_subgradient(self, y: Tensor) -> Tensor:
        """∂K_g*(y_g) side by side."""
        return torch.cat([K.conjugate_subgradient(piece) for K, piece in self._pieces(y, "y")], self.dim)

    def project(self, y: Tensor) -> Tensor:
        """The projections side by side."""
        return torch.cat([K.project(piece) for K, piece in self._pieces(y, "y")], self.dim)

    def distance(self, y: Tensor) -> Tensor:
        """The root of the sum of squared distances."""
        return norm(torch.stack([K.distance(piece) for K, piece in self._pieces(y, "y")]))

    def gauge(self, y: Tensor) -> Tensor:
        """The largest of the gauges."""
        return torch.stack([K.gauge(piece) for K, piece in self._pieces(y, "y")]).amax()

    def tolerance(self, y: Tensor) -> float:
        """The largest of the parts'."""
        return max(K.tolerance(piece) for K, piece in self._pieces(y, "y"))

    def _pieces(self, x: Tensor, name: str) -> list[tuple[Convex, Tensor]]:
        check(x, name)
        count = len(self.functions)
        if not -x.ndim <= self.dim < x.ndim:
            raise ValueError(f"dim={self.dim} does not fit {name} of shape {tuple(x.shape)}")
        length = x.shape[self.dim]
        if self.sizes is None and length % count:
            raise ValueError(f"{name} has length {length} along dim {self.dim}, not a multiple of {count}; give sizes")
        sizes = [length // count] * count if self.sizes is None else list(self.sizes)
        if sum(sizes) != length:
            raise ValueError(f"{name} has length {length} along dim {self.dim}, but sizes add up to {sum(sizes)}")
        return list(zip(self.functions, torch.split(x, sizes, self.dim), strict=True))
