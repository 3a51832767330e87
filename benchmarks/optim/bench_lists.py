"""Lion-K's step of lists of tensors: those of a ResNet-50, and 2,000 of 64 elements."""

from benchmarks._runner import Bench, Target
from benchmarks.optim._contenders import all_optimizers, same, values

ROUNDS = 15


def resnet50_shapes() -> list[tuple[int, ...]]:
    """The 161 parameters of a ResNet-50 with 1,000 classes, 25.6 million elements."""
    shapes: list[tuple[int, ...]] = [(64, 3, 7, 7), (64,), (64,)]
    inputs = 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            convolutions = [(width, inputs, 1, 1), (width, width, 3, 3), (4 * width, width, 1, 1)]
            if block == 0:
                convolutions.append((4 * width, inputs, 1, 1))
            for convolution in convolutions:
                shapes += [convolution, convolution[:1], convolution[:1]]
            inputs = 4 * width
    return [*shapes, (1000, 2048), (1000,)]


def run(bench: Bench) -> None:
    for title, shapes, target in (
        ("one step of the 161 tensors of a ResNet-50", resnet50_shapes(), 3),
        ("one step of 2,000 tensors of 64 elements", [(64,)] * 2000, 8),
    ):
        bench.group(
            title,
            all_optimizers(values(shapes, 0), values(shapes, 1)),
            baseline="lion_pytorch",
            equal=same,
            targets=[Target(contender=name, ratio=target) for name in ("signwise", "LionK")],
            rounds=min(bench.rounds, ROUNDS),
        )
