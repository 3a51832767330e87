"""A sign is one subgradient of many: the constraint set that each convex K stands for."""

import torch

from signwise.convex import L1, DeadZone, GroupL2, Huber, Nuclear, Scaled

z = torch.tensor([[3.0, -0.2, 0.0], [0.1, -4.0, 1.0]], dtype=torch.float64)
for k in (L1(), Scaled(L1(), 0.5), DeadZone(0.5), Huber(1.0), GroupL2(), Nuclear()):
    u = k.subgradient(z)
    # Fenchel-Young: K(z) + K*(u) = <z, u> exactly at a subgradient.
    gap = k.value(z) + k.conjugate(u) - (z * u).sum()
    print(f"{k!r:32} gap {gap.item():+.1e}  distance of 2z to the set {k.distance(2 * z).item():.3f}")
