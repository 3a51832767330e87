"""Lion-K in float64 numpy with the paper's sign, M = −exp_avg, and its K by their formulas; slow and plain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    Function = Callable[[np.ndarray], np.ndarray | float]


@dataclass(frozen=True)
class K:
    """A convex function: its value, one subgradient, its conjugate on C, and one subgradient of that."""

    value: Function
    subgradient: Function
    conjugate: Function
    conjugate_subgradient: Function


def zero(y):
    return 0.0


def zeros(y):
    return np.zeros_like(y)


def top(z, k):
    chosen = np.argsort(-np.abs(z).ravel(), kind="stable")[:k]
    d = np.zeros(z.size)
    d[chosen] = np.sign(z.ravel()[chosen])
    return d.reshape(z.shape)


def unit(z):
    norm = np.linalg.norm(z)
    return z / norm if norm else np.zeros_like(z)


def polar(z):
    u, s, vh = np.linalg.svd(z, full_matrices=False)
    return (u * (s > 1e-14 * s[0])) @ vh


def p_norm(z, p):
    return (np.abs(z) ** p).sum() ** (1 / p)


def soft(z, eps):
    return np.sign(z) * np.maximum(np.abs(z) - eps, 0)


FUNCTIONS: dict[str, K] = {
    "L1": K(lambda z: np.abs(z).sum(), np.sign, zero, zeros),
    "Lp(1.5)": K(
        lambda z: p_norm(z, 1.5), lambda z: np.sign(z) * (np.abs(z) / (p_norm(z, 1.5) or 1)) ** 0.5, zero, zeros
    ),
    "GroupL2": K(np.linalg.norm, unit, zero, zeros),
    "DeadZone(0.1)": K(
        lambda z: np.maximum(np.abs(z) - 0.1, 0).sum(),
        lambda z: np.sign(z) * (np.abs(z) > 0.1),
        lambda y: 0.1 * np.abs(y).sum(),
        lambda y: 0.1 * np.sign(y),
    ),
    "Huber(0.5)": K(
        lambda z: np.where(np.abs(z) <= 0.5, z**2 / 1.0, np.abs(z) - 0.25).sum(),
        lambda z: np.clip(z / 0.5, -1, 1),
        lambda y: 0.25 * (y**2).sum(),
        lambda y: 0.5 * y,
    ),
    "LogCosh": K(
        lambda z: np.log(np.cosh(z)).sum(),
        np.tanh,
        lambda y: 0.5 * ((1 + y) * np.log1p(y) + (1 - y) * np.log1p(-y)).sum(),
        np.arctanh,
    ),
    "PseudoHuber": K(
        lambda z: np.sqrt(1 + z**2).sum(),
        lambda z: z / np.sqrt(1 + z**2),
        lambda y: -np.sqrt(1 - y**2).sum(),
        lambda y: y / np.sqrt(1 - y**2),
    ),
    "TopK(3)": K(lambda z: np.sort(np.abs(z).ravel())[-3:].sum(), lambda z: top(z, 3), zero, zeros),
    "LInf": K(lambda z: np.abs(z).max(), lambda z: top(z, 1), zero, zeros),
    "Nuclear": K(lambda z: np.linalg.norm(z, "nuc"), polar, zero, zeros),
    "HalfSquare": K(lambda z: 0.5 * (z**2).sum(), lambda z: z, lambda y: 0.5 * (y**2).sum(), lambda y: y),
    "AsymmetricBox(-0.5, 1)": K(
        lambda z: np.maximum(-0.5 * z, z).sum(), lambda z: np.where(z > 0, 1.0, np.where(z < 0, -0.5, 0)), zero, zeros
    ),
}


@dataclass
class LionK:
    """x ← x + η(∂K(M̃) − λx), M̃ = β₁M − (1−β₁)∇f, M ← β₂M − (1−β₂)∇f."""

    k: K
    lam: float
    beta1: float
    beta2: float
    x: np.ndarray
    momentum: np.ndarray

    def step(self, grad: np.ndarray, eta: float) -> None:
        mixed = self.beta1 * self.momentum - (1 - self.beta1) * grad
        self.x = self.x + eta * (self.k.subgradient(mixed) - self.lam * self.x)
        self.momentum = self.beta2 * self.momentum - (1 - self.beta2) * grad

    def gap(self, grad: np.ndarray) -> float:
        """[K(−g) + K*(λx) + λ⟨x, g⟩]/λ."""
        both = self.k.value(-grad) + self.k.conjugate(self.lam * self.x)
        return both / self.lam + (self.x * grad).sum()

    def weight(self, eta: float) -> float:
        """c = eβ₁/(eλ(1−β₁) + 1 − β₂), e = η/(1−ηλ)."""
        e = eta / (1 - eta * self.lam)
        return e * self.beta1 / (e * self.lam * (1 - self.beta1) + 1 - self.beta2)

    def lyapunov(self, loss: float, c: float) -> float:
        """H = f + K*(λx)/λ + c·(K*(λx) + K(M) − λ⟨x, M⟩)."""
        conjugate = self.k.conjugate(self.lam * self.x)
        young = conjugate + self.k.value(self.momentum) - self.lam * (self.x * self.momentum).sum()
        return loss + conjugate / self.lam + c * young

    def decrease(self, grad: np.ndarray, eta: float, after: LionK) -> float:
        """eΔ of the step to `after`."""
        e, c = eta / (1 - eta * self.lam), self.weight(eta)
        mixed = self.beta1 * self.momentum - (1 - self.beta1) * grad
        u = self.k.subgradient(mixed)
        w = self.k.conjugate_subgradient(self.lam * after.x)
        result = e * (1 + c * self.lam) * ((mixed - w) * (u - self.lam * after.x)).sum()
        if self.beta1 != self.beta2:
            second = ((mixed - after.momentum) * (u - self.k.subgradient(after.momentum))).sum()
            result += c * (1 - self.beta2) / (self.beta2 - self.beta1) * second
        return result
