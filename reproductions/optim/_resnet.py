"""Residual networks for pictures, in their two usual forms."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


def convolution(a: int, b: int, size: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(a, b, size, stride, padding=size // 2, bias=False)


class Residual(nn.Module):
    """Two 3x3 convolutions, or 1x1, 3x3, 1x1 with four times the width at the end; beside a shortcut."""

    def __init__(self, inputs: int, width: int, stride: int, *, bottleneck: bool) -> None:
        super().__init__()
        outputs = 4 * width if bottleneck else width
        layers = (
            [(inputs, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)]
            if bottleneck
            else [(inputs, width, 3, stride), (width, width, 3, 1)]
        )
        parts: list[nn.Module] = []
        for a, b, size, step in layers:
            parts += [convolution(a, b, size, step), nn.BatchNorm2d(b), nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*parts[:-1])
        # The last norm starts at zero, so that each block starts as its shortcut.
        nn.init.zeros_(self.body[-1].weight)
        self.shortcut = (
            nn.Identity()
            if stride == 1 and inputs == outputs
            else nn.Sequential(convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.body(x) + self.shortcut(x))


class ResNet(nn.Module):
    """A residual network.

    Args:
        depths: residual blocks in each of the four stages.
        bottleneck: the form of ResNet-50 and deeper ones.
        classes: of the pictures.
        small: a 3x3 stem without pooling, for pictures of 32 x 32.
    """

    def __init__(self, depths: Sequence[int], *, bottleneck: bool, classes: int, small: bool) -> None:
        super().__init__()
        self.stem = (
            nn.Sequential(convolution(3, 64, 3), nn.BatchNorm2d(64), nn.ReLU(inplace=True))
            if small
            else nn.Sequential(
                convolution(3, 64, 7, 2), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, padding=1)
            )
        )
        blocks, inputs = [], 64
        for stage, depth in enumerate(depths):
            width = 64 * 2**stage
            for number in range(depth):
                stride = 2 if stage and not number else 1
                blocks.append(Residual(inputs, width, stride, bottleneck=bottleneck))
                inputs = 4 * width if bottleneck else width
        self.body = nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(self.stem(x)))


def resnet18_small(classes: int) -> ResNet:
    """ResNet-18 for 32 x 32 pictures."""
    return ResNet((2, 2, 2, 2), bottleneck=False, classes=classes, small=True)


def resnet50(classes: int) -> ResNet:
    """ResNet-50 for 224 x 224 pictures."""
    return ResNet((3, 4, 6, 3), bottleneck=True, classes=classes, small=False)
