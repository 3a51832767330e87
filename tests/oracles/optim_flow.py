"""The differential equation that Lion-K discretises, its Lyapunov function and the rate at which that falls.

With the paper's sign of momentum: M' = −α∇f − γM and x' = ∂K(M̃) − λx, M̃ = (1−εγ)M − εα∇f.
"""

from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True)
class Flow:
    """The equation of a loss f under K, with α, γ, ε and λ."""

    loss: object
    K: object
    alpha: float = 1.3
    gamma: float = 0.7
    eps: float = 0.4
    decay: float = 1.5

    def gradient(self, x):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            return torch.autograd.grad(self.loss(x), x)[0]

    def ahead(self, x, M):
        """M̃."""
        return (1 - self.eps * self.gamma) * M - self.eps * self.alpha * self.gradient(x)

    def velocity(self, x, M):
        """(x', M')."""
        return (
            self.K.subgradient(self.ahead(x, M)) - self.decay * x,
            -self.alpha * self.gradient(x) - self.gamma * M,
        )

    def euler(self, x, M, h):
        dx, dM = self.velocity(x, M)
        return x + h * dx, M + h * dM

    def runge_kutta(self, x, M, h):
        """The classical step of order four."""
        slopes = []
        for share in (0, h / 2, h / 2, h):
            dx, dM = slopes[-1] if slopes else (0 * x, 0 * M)
            slopes.append(self.velocity(x + share * dx, M + share * dM))
        return tuple(end + h / 6 * (a + 2 * b + 2 * c + d) for end, a, b, c, d in zip((x, M), *slopes, strict=True))

    def energy(self, x, M):
        """H = αf + (γ/λ)K*(λx) + c(K*(λx) + K(M) − λ⟨x, M⟩), c = (1−εγ)/(1+ελ)."""
        conjugate, share = self.K.conjugate(self.decay * x), (1 - self.eps * self.gamma) / (1 + self.eps * self.decay)
        young = conjugate + self.K.value(M) - self.decay * (x * M).sum()
        return float(self.alpha * self.loss(x) + self.gamma / self.decay * conjugate + share * young)

    def fall(self, x, M):
        """−dH/dt, a sum of two products of monotone differences."""
        ahead, y = self.ahead(x, M), self.decay * x
        u, w = self.K.subgradient(ahead), self.K.conjugate_subgradient(y)
        share = (1 - self.eps * self.gamma) / (1 + self.eps * self.decay)
        first = (self.decay + self.gamma) / (1 + self.eps * self.decay) * ((ahead - w) * (u - y)).sum()
        return float(first + share / self.eps * ((ahead - M) * (u - self.K.subgradient(M))).sum())
