"""Train a network of one bit on handwritten digits, pack it, and time it beside torch."""

import time

import torch
from sklearn.datasets import load_digits

from signwise.binary import StageConfig, TwoStageConfig, evaluate, fit, pack, small_net, verify

EPOCHS = 6


def milliseconds(call, runs: int = 50) -> float:
    call()
    start = time.perf_counter()
    for _ in range(runs):
        call()
    return 1e3 * (time.perf_counter() - start) / runs


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16 - 0.3
    y = torch.tensor(digits.target)
    order = torch.randperm(len(x))
    train, test = order[:1400], order[1400:]

    model = small_net(width=64)
    stage = StageConfig(epochs=EPOCHS, lr=0.1, weight_decay=1e-4, batch_size=64)
    fit(model, (x[train], y[train]), config=TwoStageConfig(stage2=stage))
    print(f"test accuracy {100 * evaluate(model, (x[test], y[test]))[1]:.1f} %")

    example = x[test][:64]
    packed = pack(model, example)
    report = verify(packed, model, example)
    print(f"{report.sums:,} sums and {report.signs:,} signs are those of the module")
    memory = packed.memory()
    print(f"{memory.float32:,} bytes in float32, {memory.file:,} packed")

    one = x[test][:1]
    with torch.inference_mode():
        module_ms = milliseconds(lambda: model(one))
    print(f"the module takes {module_ms:.2f} ms an image, packed {milliseconds(lambda: packed(one)):.3f} ms")


if __name__ == "__main__":
    main()
