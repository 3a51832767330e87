"""Norms of vectors and sums of them: Lp, group, top-k and maximum norms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ._base import SupportFunction
from ._tensors import check, count, grouped_norm, max_abs, norm, number, widen
from ._thresholds import onto_capped_l1


@dataclass(frozen=True)
class Lp(SupportFunction):
    r"""K(z) = ‖z‖_p over the whole tensor, 1 < p < ∞.

    .. math:: \partial K(z) = \operatorname{sign}(z)\,(|z|/\|z\|_p)^{p-1},\ 0 \text{ at } 0; \qquad
              K^*(y) = 0 \text{ on } \|y\|_q \le 1,\ q = p/(p-1)

    Between L1 (p near 1: sign steps) and the normalised gradient (p = 2). There is no cheap projection
    onto the q-ball; measure with ``gauge``.

    Args:
        p: 1 < p < ∞; L1 and LInf are the ends.

    Example:
        >>> import torch
        >>> from signwise.convex import Lp
        >>> Lp(2.0).subgradient(torch.tensor([3.0, -4.0]))
        tensor([ 0.6000, -0.8000])
    """

    even = True
    solid = True

    p: float

    def __post_init__(self) -> None:
        number(self.p, "p (its ends are L1() and LInf())", 1)

    def value(self, z: Tensor) -> Tensor:
        """‖z‖_p."""
        return norm(widen(z), self.p)

    def subgradient(self, z: Tensor) -> Tensor:
        """``sign(z)(|z|/‖z‖_p)^(p−1)``, 0 at 0."""
        wide = widen(z)
        size = norm(wide, self.p)
        ratio = wide.abs() / torch.where(size > 0, size, 1.0)
        return (torch.sign(wide) * ratio.pow(self.p - 1)).to(z.dtype)

    def gauge(self, y: Tensor) -> Tensor:
        """‖y‖_q, q = p/(p−1)."""
        return norm(widen(y, "y"), self.p / (self.p - 1))

    def project(self, y: Tensor) -> Tensor:
        """Not available."""
        raise self._unavailable("project", "use gauge, or GroupL2() for p = 2")

    def distance(self, y: Tensor) -> Tensor:
        """Not available."""
        raise self._unavailable("distance", "use gauge, or GroupL2() for p = 2")


@dataclass(frozen=True)
class GroupL2(SupportFunction):
    r"""K(z) = Σ_g ‖z_g‖₂ over groups of coordinates; over the whole tensor without arguments.

    .. math:: \partial K(z)_g = z_g/\|z_g\|,\ 0 \text{ at } 0; \qquad
              K^*(y) = 0 \text{ where every } \|y_g\| \le 1

    Args:
        dims: the dimensions that a group runs over: ``dims=1`` makes each row of a matrix one group.
        block: instead of `dims`, groups of this many consecutive elements of the flattened tensor;
            the last may be shorter.

    Example:
        >>> import torch
        >>> from signwise.convex import GroupL2
        >>> GroupL2(dims=1).subgradient(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
        tensor([[0.6000, 0.8000],
                [0.0000, 0.0000]])
    """

    even = True
    solid = True

    dims: int | tuple[int, ...] | None = None
    block: int | None = None

    def __post_init__(self) -> None:
        if self.block is not None:
            count(self.block, "block")
            if self.dims is not None:
                raise ValueError(f"give dims or block, not both; got dims={self.dims!r}, block={self.block!r}")
        if self.dims is not None and not isinstance(self.dims, int):
            dims = tuple(self.dims)
            if not dims or not all(isinstance(dim, int) for dim in dims):
                raise ValueError(f"dims must be an int or a non-empty tuple of ints, got {self.dims!r}")
            self._declare(dims=dims)

    def value(self, z: Tensor) -> Tensor:
        """Σ_g ‖z_g‖."""
        groups, dims = self._groups(widen(z))
        return grouped_norm(groups, 2.0, dims).sum()

    def subgradient(self, z: Tensor) -> Tensor:
        """z_g/‖z_g‖, 0 at 0."""
        groups, dims = self._groups(widen(z))
        sizes = grouped_norm(groups, 2.0, dims)
        return self._ungroup(groups / torch.where(sizes > 0, sizes, 1.0), z)

    def gauge(self, y: Tensor) -> Tensor:
        """max_g ‖y_g‖."""
        groups, dims = self._groups(widen(y, "y"))
        return max_abs(grouped_norm(groups, 2.0, dims))

    def project(self, y: Tensor) -> Tensor:
        """y_g/max(1, ‖y_g‖)."""
        groups, dims = self._groups(widen(y, "y"))
        return self._ungroup(groups / grouped_norm(groups, 2.0, dims).clamp(min=1), y)

    def _groups(self, x: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        """x reshaped, and the dimensions of the result that a group runs over."""
        if self.block is not None:
            flat = x.flatten()
            padding = -flat.numel() % self.block
            return torch.nn.functional.pad(flat, (0, padding)).view(-1, self.block), (1,)
        if self.dims is None:
            return x.flatten(), (0,)
        dims = (self.dims,) if isinstance(self.dims, int) else self.dims
        if not all(-x.ndim <= dim < x.ndim for dim in dims):
            raise ValueError(f"dims={self.dims!r} do not fit a tensor of shape {tuple(x.shape)}")
        return x, dims

    def _ungroup(self, groups: Tensor, like: Tensor) -> Tensor:
        return groups.flatten()[: like.numel()].reshape(like.shape).to(like.dtype)


@dataclass(frozen=True)
class TopK(SupportFunction):
    r"""K(z) = the sum of the k largest ``|z_i|``.

    .. math:: \partial K(z) = \operatorname{sign} z \text{ on those } k,\ 0 \text{ elsewhere}; \qquad
              K^*(y) = 0 \text{ on } \|y\|_\infty \le 1,\ \|y\|_1 \le k

    Each step moves k coordinates; among equal entries those of lowest index are taken. k = 1 is LInf,
    k ≥ the number of coordinates is L1.

    Args:
        k: at least 1.

    Example:
        >>> import torch
        >>> from signwise.convex import TopK
        >>> TopK(2).subgradient(torch.tensor([1.0, -3.0, 1.0, 0.5]))
        tensor([ 1., -1.,  0.,  0.])
    """

    even = True
    solid = True

    k: int

    def __post_init__(self) -> None:
        count(self.k, "k")

    def value(self, z: Tensor) -> Tensor:
        """The sum of the k largest ``|z_i|``."""
        a = check(z).abs().flatten()
        return torch.topk(a, min(self.k, a.numel())).values.double().sum()

    def subgradient(self, z: Tensor) -> Tensor:
        """sign(z) on the k largest ``|z_i|``, lowest index first among equals."""
        a = check(z).abs().flatten()
        if self.k >= a.numel():
            return torch.sign(z)
        # topk orders equal entries as it likes, so only its k-th value is used.
        least = torch.topk(a, self.k).values[-1:]
        above, equal = a > least, a == least
        chosen = above | (equal & (equal.cumsum(0) <= self.k - above.sum()))
        return torch.sign(z) * chosen.view(z.shape)

    def gauge(self, y: Tensor) -> Tensor:
        """max(‖y‖_∞, ‖y‖₁/k)."""
        a = widen(y, "y").abs()
        return torch.maximum(max_abs(a), a.sum() / self.k)

    def project(self, y: Tensor) -> Tensor:
        """``sign(y)·clip(|y| − θ, 0, 1)`` with the least θ ≥ 0 for which the sum is at most k."""
        wide = widen(y, "y").flatten()
        sizes = onto_capped_l1(wide.abs(), float(self.k), 1.0)
        return (torch.sign(wide) * sizes).view(y.shape).to(y.dtype)


@dataclass(frozen=True)
class LInf(SupportFunction):
    r"""``K(z) = max|z_i|``.

    .. math:: \partial K(z) = \operatorname{sign} z \text{ at the first largest } |z_i|,\ 0 \text{ elsewhere};
              \qquad K^*(y) = 0 \text{ on } \|y\|_1 \le 1

    Greedy coordinate descent inside the l1 ball.

    Example:
        >>> import torch
        >>> from signwise.convex import LInf
        >>> LInf().subgradient(torch.tensor([1.0, -3.0, 3.0]))
        tensor([ 0., -1.,  0.])
        >>> LInf().project(torch.tensor([1.0, -0.5, 0.0]))
        tensor([ 0.7500, -0.2500,  0.0000])
    """

    even = True
    solid = True

    def value(self, z: Tensor) -> Tensor:
        """``max|z_i|``, 0 for an empty tensor."""
        return max_abs(check(z)).double()

    def subgradient(self, z: Tensor) -> Tensor:
        """sign(z) at the first largest ``|z_i|``, 0 elsewhere."""
        flat = check(z).flatten()
        if not flat.numel():
            return torch.zeros_like(z)
        first = flat.abs().argmax(0, keepdim=True)
        return torch.zeros_like(flat).scatter(0, first, torch.sign(flat.gather(0, first))).view(z.shape)

    def gauge(self, y: Tensor) -> Tensor:
        """‖y‖₁."""
        return widen(y, "y").abs().sum()

    def project(self, y: Tensor) -> Tensor:
        """``sign(y)·max(|y| − θ, 0)`` with the least θ ≥ 0 for which the sum is at most 1."""
        wide = widen(y, "y").flatten()
        return (torch.sign(wide) * onto_capped_l1(wide.abs(), 1.0, math.inf)).view(y.shape).to(y.dtype)
