"""Train a small network inside |w| <= 1/4 and print certificates that the constraint holds."""

import warnings

import torch

from signwise.optim import CertificateMonitor, Lion, split_parameters

STEPS = 300


def main() -> None:
    torch.manual_seed(0)
    inputs = torch.randn(256, 8)
    targets = torch.sin(inputs.sum(1, keepdim=True))
    model = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.LayerNorm(32), torch.nn.GELU(), torch.nn.Linear(32, 1))
    weights, free = split_parameters(model)

    # Start outside, to see the weights enter; the optimizer would warn of that.
    warnings.filterwarnings("ignore", message=".*start outside the radius")
    with torch.no_grad():
        for _, weight in weights["params"]:
            weight.mul_(4.0)

    optimizer = Lion([weights, free], lr=0.01, radius=0.25, nan_policy="raise")
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    monitor = CertificateMonitor(optimizer, every=30)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(inputs), targets)
        loss.backward()
        return loss

    for _ in range(STEPS):
        monitor.record(optimizer.step(closure))
        schedule.step()

    print("step   loss  distance  <=   bound")
    for entry in monitor.history.entries:
        constrained = entry.certificate.groups[0]
        bound = constrained.feasibility_bound
        print(f"{entry.step:4d}  {entry.loss:.3f}  {constrained.distance:8.4f}  <=  {bound:.4f}")
    largest = max(weight.abs().max().item() for _, weight in weights["params"])
    print(f"largest weight {largest:.3f}, radius {constrained.radius}")


if __name__ == "__main__":
    main()
