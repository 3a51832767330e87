"""The networks of the paper: ResNet and VGG with binary inner convolutions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._layers import BiPerConv2d, PerLayer
from ._surrogates import Stage

Form = Literal["cifar", "imagenet"]


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A network of the zoo; :func:`build` makes it.

    Attributes:
        name: ``"resnet18"``, ``"resnet34"``, ``"resnet20"``, ``"vgg_small"`` or ``"small"``.
        form: ``"cifar"`` (small images, 3×3 stem) or ``"imagenet"`` (7×7 stem, pooled), for ResNet-18 and 34.
        num_classes: values of the result.
        in_channels: of the images.
        width: channels of the first stage, or None for the published ones (64, 64, 16, 128; 16 for the small network).
        image_size: height and width of the images, which the classifiers of VGG-Small and the small network need.
        omega: frequency of the binary layers.
        stage: 1 or 2.
        weight_surrogate: of the binary layers.
        act_surrogate: of the binary layers.
        binary: False builds the same network with float convolutions in place of binary ones.
    """

    name: Literal["resnet18", "resnet34", "resnet20", "vgg_small", "small"] = "resnet20"
    form: Form = "cifar"
    num_classes: int = 10
    in_channels: int = 3
    width: int | None = None
    image_size: int = 32
    omega: float = 20.0
    stage: Stage = 2
    weight_surrogate: str = "biper"
    act_surrogate: str = "bireal"
    binary: bool = True

    def __post_init__(self) -> None:
        if self.form == "imagenet" and self.name not in ("resnet18", "resnet34"):
            raise ValueError(f"{self.name} has no ImageNet form; resnet18 and resnet34 have one")


def build(config: ModelConfig) -> nn.Module:
    """The network of a configuration.

    Example:
        >>> from signwise.binary import ModelConfig, build
        >>> net = build(ModelConfig(name="resnet20"))
        >>> sum(p.numel() for p in net.parameters())
        270522
    """
    options: dict[str, Any] = {
        "num_classes": config.num_classes,
        "in_channels": config.in_channels,
        "omega": config.omega,
        "stage": config.stage,
        "weight_surrogate": config.weight_surrogate,
        "act_surrogate": config.act_surrogate,
        "binary": config.binary,
    }
    if config.width is not None:
        options["width"] = config.width
    if config.name in ("vgg_small", "small"):
        return (vgg_small if config.name == "vgg_small" else small_net)(image_size=config.image_size, **options)
    if config.name == "resnet20":
        return resnet20(**options)
    return (resnet18 if config.name == "resnet18" else resnet34)(form=config.form, **options)


@dataclass(frozen=True, kw_only=True)
class _Convs:
    """Makes 3×3 convolutions without a bias, binary or float."""

    omega: float | PerLayer
    stage: Stage
    weight_surrogate: str
    act_surrogate: str
    binary: bool

    def __call__(self, inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
        if not self.binary:
            return nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        return BiPerConv2d(
            inputs,
            outputs,
            3,
            stride,
            1,
            bias=False,
            weight_surrogate=self.weight_surrogate,
            act_surrogate=self.act_surrogate,
            omega=self.omega if isinstance(self.omega, float | int) else 1.0,
            stage=self.stage,
        )


class _PadShortcut(nn.Module):
    """Average pool 2×2, then zero channels on both sides."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.before = (outputs - inputs) // 2
        self.after = outputs - inputs - self.before

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(F.avg_pool2d(x, 2, ceil_mode=True), (0, 0, 0, 0, self.before, self.after))


class _OuterBlock(nn.Module):
    """Two convolutions with one shortcut round both."""

    def __init__(self, convs: _Convs, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = convs(inputs, outputs, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = convs(outputs, outputs), nn.BatchNorm2d(outputs)
        same = stride == 1 and inputs == outputs
        self.shortcut: nn.Module = nn.Identity() if same else _PadShortcut(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = F.hardtanh(self.bn1(self.conv1(x)))
        return F.hardtanh(self.bn2(self.conv2(y)) + self.shortcut(x))


class _InnerBlock(nn.Module):
    """Two convolutions with a shortcut round each."""

    def __init__(self, convs: _Convs, inputs: int, outputs: int, stride: int, projected: bool) -> None:
        super().__init__()
        self.conv1, self.bn1 = convs(inputs, outputs, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = convs(outputs, outputs), nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module
        if stride == 1 and inputs == outputs:
            self.shortcut = nn.Identity()
        elif projected:
            project = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(project, nn.BatchNorm2d(outputs))
        else:
            self.shortcut = _PadShortcut(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = F.hardtanh(self.bn1(self.conv1(x)) + self.shortcut(x))
        return F.hardtanh(self.bn2(self.conv2(y)) + y)


class _ResNet(nn.Module):
    def __init__(self, stem: nn.Module, body: nn.Module, features: int, num_classes: int) -> None:
        super().__init__()
        self.stem, self.body = stem, body
        self.pool, self.bn = nn.AdaptiveAvgPool2d(1), nn.BatchNorm1d(features)
        self.fc = nn.Linear(features, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        features = torch.flatten(self.pool(self.body(self.stem(x))), 1)
        result: Tensor = self.fc(self.bn(features))
        return result


def _kaiming(model: nn.Module, *, small_norms: bool = False) -> nn.Module:
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        if small_norms and isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.weight, 1e-8)
    return model


def _resnet(
    blocks: Sequence[int],
    width: int,
    form: Literal["cifar", "imagenet", "resnet20"],
    num_classes: int,
    in_channels: int,
    convs: _Convs,
    omega: float | PerLayer,
) -> nn.Module:
    if form == "imagenet":
        stem = nn.Sequential(
            nn.Conv2d(in_channels, width, 7, 2, 3, bias=False),
            nn.BatchNorm2d(width),
            nn.Hardtanh(),
            nn.MaxPool2d(3, 2, 1),
        )
    else:
        stem = nn.Sequential(nn.Conv2d(in_channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))
        if form == "resnet20":
            stem.append(nn.Hardtanh())
    body, inputs = nn.Sequential(), width
    for number, count in enumerate(blocks):
        outputs = width * 2**number
        for block in range(count):
            stride = 2 if number > 0 and block == 0 else 1
            if form == "cifar":
                body.append(_OuterBlock(convs, inputs, outputs, stride))
            else:
                body.append(_InnerBlock(convs, inputs, outputs, stride, projected=form == "imagenet"))
            inputs = outputs
    model = _kaiming(_ResNet(stem, body, inputs, num_classes), small_norms=form == "imagenet")
    return _set_per_layer(model, omega)


def _set_per_layer(model: nn.Module, omega: float | PerLayer) -> nn.Module:
    """PerLayer looks at the weights, which have their final values only now."""
    if isinstance(omega, PerLayer):
        for module in model.modules():
            if isinstance(module, BiPerConv2d):
                module.put_omega(omega)
    return model


def resnet18(
    *,
    form: Form = "cifar",
    num_classes: int = 10,
    in_channels: int = 3,
    width: int = 64,
    omega: float | PerLayer = 20.0,
    stage: Stage = 2,
    weight_surrogate: str = "biper",
    act_surrogate: str = "bireal",
    binary: bool = True,
) -> nn.Module:
    """ResNet-18 with binary 3×3 convolutions; stem, 1×1 projections and classifier stay float.

    CIFAR form: 3×3 stem without an activation, one shortcut round two convolutions, padded with zero channels where the
    size changes. ImageNet form: 7×7 stem with a max pool, a shortcut round every convolution, projections by 1×1
    convolution; every BatchNorm2d weight starts at 1e-8.

    Args:
        form: ``"cifar"`` or ``"imagenet"``.
        num_classes: values of the result.
        in_channels: of the images.
        width: channels of the first stage.
        omega: frequency of the binary layers, or :class:`PerLayer`.
        stage: 1 or 2.
        weight_surrogate: of the binary layers.
        act_surrogate: of the binary layers.
        binary: False makes the 3×3 convolutions float.

    References:
        BiPer, arXiv 2404.01278, and its code.

    Example:
        >>> from signwise.binary import resnet18
        >>> sum(p.numel() for p in resnet18(form="imagenet", num_classes=1000).parameters())
        11694376
    """
    convs = _Convs(
        omega=omega, stage=stage, weight_surrogate=weight_surrogate, act_surrogate=act_surrogate, binary=binary
    )
    return _resnet((2, 2, 2, 2), width, form, num_classes, in_channels, convs, omega)


def resnet34(
    *,
    form: Form = "cifar",
    num_classes: int = 10,
    in_channels: int = 3,
    width: int = 64,
    omega: float | PerLayer = 20.0,
    stage: Stage = 2,
    weight_surrogate: str = "biper",
    act_surrogate: str = "bireal",
    binary: bool = True,
) -> nn.Module:
    """ResNet-34; the arguments are those of :func:`resnet18`."""
    convs = _Convs(
        omega=omega, stage=stage, weight_surrogate=weight_surrogate, act_surrogate=act_surrogate, binary=binary
    )
    return _resnet((3, 4, 6, 3), width, form, num_classes, in_channels, convs, omega)


def resnet20(
    *,
    num_classes: int = 10,
    in_channels: int = 3,
    width: int = 16,
    omega: float | PerLayer = 20.0,
    stage: Stage = 2,
    weight_surrogate: str = "biper",
    act_surrogate: str = "bireal",
    binary: bool = True,
) -> nn.Module:
    """ResNet-20 for small images, with a shortcut round every convolution and hardtanh after each sum.

    With ``in_channels=1`` and ``width=8`` it is the small network of the Fashion-MNIST experiments. The arguments are
    those of :func:`resnet18`.
    """
    convs = _Convs(
        omega=omega, stage=stage, weight_surrogate=weight_surrogate, act_surrogate=act_surrogate, binary=binary
    )
    return _resnet((3, 3, 3), width, "resnet20", num_classes, in_channels, convs, omega)


def vgg_small(
    *,
    num_classes: int = 10,
    in_channels: int = 3,
    width: int = 128,
    image_size: int = 32,
    omega: float | PerLayer = 20.0,
    stage: Stage = 2,
    weight_surrogate: str = "biper",
    act_surrogate: str = "bireal",
    binary: bool = True,
) -> nn.Module:
    """VGG-Small: a float convolution, five binary ones of 1, 2, 2, 4 and 4 times its width, and a linear classifier.

    Each binary convolution is followed by a 2×2 max pool (the first, third and fifth), BatchNorm and hardtanh.

    Args:
        num_classes: values of the result.
        in_channels: of the images.
        width: channels of the first convolution.
        image_size: height and width of the images, a multiple of 8.
        omega: frequency of the binary layers, or :class:`PerLayer`.
        stage: 1 or 2.
        weight_surrogate: of the binary layers.
        act_surrogate: of the binary layers.
        binary: False makes the inner convolutions float.
    """
    if image_size % 8 or image_size < 8:
        raise ValueError(f"image_size must be a positive multiple of 8, got {image_size}")
    convs = _Convs(
        omega=omega, stage=stage, weight_surrogate=weight_surrogate, act_surrogate=act_surrogate, binary=binary
    )
    layers: list[nn.Module] = [nn.Conv2d(in_channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.Hardtanh()]
    inputs = width
    for number, factor in enumerate((1, 2, 2, 4, 4)):
        layers.append(convs(inputs, factor * width))
        inputs = factor * width
        if number % 2 == 0:
            layers.append(nn.MaxPool2d(2))
        layers += [nn.BatchNorm2d(inputs), nn.Hardtanh()]
    layers += [nn.Flatten(), nn.Linear(inputs * (image_size // 8) ** 2, num_classes)]
    model = nn.Sequential(*layers)
    for module in model:
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=math.sqrt(2 / (9 * module.out_channels)))
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)
    return _set_per_layer(model, omega)


def small_net(
    *,
    num_classes: int = 10,
    in_channels: int = 1,
    width: int = 16,
    image_size: int = 8,
    omega: float | PerLayer = 20.0,
    stage: Stage = 2,
    weight_surrogate: str = "biper",
    act_surrogate: str = "bireal",
    binary: bool = True,
) -> nn.Module:
    """A float convolution, two binary ones and a linear classifier: a first network for tiny images.

    Args:
        num_classes: values of the result.
        in_channels: of the images.
        width: channels of the first two convolutions; the third has twice as many, behind a 2×2 max pool.
        image_size: height and width of the images, even.
        omega: frequency of the binary layers, or :class:`PerLayer`.
        stage: 1 or 2.
        weight_surrogate: of the binary layers.
        act_surrogate: of the binary layers.
        binary: False makes the inner convolutions float.
    """
    if image_size % 2 or image_size < 2:
        raise ValueError(f"image_size must be a positive even number, got {image_size}")
    convs = _Convs(
        omega=omega, stage=stage, weight_surrogate=weight_surrogate, act_surrogate=act_surrogate, binary=binary
    )
    model = nn.Sequential(
        nn.Conv2d(in_channels, width, 3, 1, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.Hardtanh(),
        convs(width, width),
        nn.BatchNorm2d(width),
        nn.Hardtanh(),
        convs(width, 2 * width),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(2 * width),
        nn.Hardtanh(),
        nn.Flatten(),
        nn.Linear(2 * width * (image_size // 2) ** 2, num_classes),
    )
    return _set_per_layer(_kaiming(model), omega)
