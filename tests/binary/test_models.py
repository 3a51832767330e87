import pytest
import torch
from torch import nn

from signwise.binary import (
    BiPerConv2d,
    ModelConfig,
    PerLayer,
    binary_layers,
    build,
    pack,
    resnet18,
    resnet20,
    resnet34,
    verify,
    vgg_small,
)

from .nets import randomize

COUNTS = [
    (resnet18, {}, 11_005_002, 10_985_472),
    (resnet34, {}, 21_116_874, 21_086_208),
    (resnet20, {}, 270_522, 267_264),
    (vgg_small, {}, 4_661_770, 4_571_136),
    (resnet18, {"form": "imagenet", "num_classes": 1000}, 11_694_376, None),
    (resnet34, {"form": "imagenet", "num_classes": 1000}, 21_806_248, None),
]


@pytest.mark.parametrize(("make", "options", "total", "binary"), COUNTS)
def test_published_parameter_counts(make, options, total, binary):
    model = make(**options)
    assert sum(p.numel() for p in model.parameters()) == total
    if binary is not None:
        assert sum(layer.weight.numel() for _, layer in binary_layers(model)) == binary


SMALL = [
    ModelConfig(name="resnet18", width=8),
    ModelConfig(name="resnet18", form="imagenet", width=8, num_classes=7),
    ModelConfig(name="resnet34", width=4),
    ModelConfig(name="resnet20", width=8, in_channels=1, image_size=28),
    ModelConfig(name="vgg_small", width=16, image_size=16),
    ModelConfig(name="small", in_channels=1, image_size=8),
]


@pytest.mark.parametrize("config", SMALL, ids=lambda c: f"{c.name}-{c.form}")
def test_every_model_trains_and_packs(config):
    model = build(config)
    size = 45 if config.form == "imagenet" else config.image_size
    x = torch.randn(2, config.in_channels, size, size)
    y = model.train()(x)
    assert y.shape == (2, config.num_classes)
    y.square().mean().backward()
    assert all(p.grad is not None for p in model.parameters())
    randomize(model)
    packed = pack(model, x)
    report = verify(packed, model, x)
    assert report.weight_bits == sum(layer.weight.numel() for _, layer in binary_layers(model))


def test_start_of_training():
    model = resnet18(form="imagenet", width=8)
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all(torch.equal(m.weight, torch.full_like(m.weight, 1e-8)) for m in norms)
    deep = [m for m in resnet18(width=32).modules() if isinstance(m, BiPerConv2d)][-1]
    assert deep.weight.std().item() == pytest.approx((2 / (9 * 256)) ** 0.5, rel=0.02)
    convs = [m for m in vgg_small(width=32).modules() if isinstance(m, nn.Conv2d)]
    assert convs[-1].weight.std().item() == pytest.approx((2 / (9 * 128)) ** 0.5, rel=0.02)


def test_options():
    model = resnet20(width=8, omega=PerLayer(1.5), stage=1, weight_surrogate="biper")
    for _, layer in binary_layers(model):
        assert (layer.omega * layer.weight.std()).item() == pytest.approx(1.5, rel=1e-4)
        assert int(layer.stage) == 1
    assert not list(binary_layers(build(ModelConfig(binary=False, width=8))))
    with pytest.raises(ValueError, match="no ImageNet form"):
        ModelConfig(name="resnet20", form="imagenet")
    with pytest.raises(ValueError, match="multiple of 8"):
        vgg_small(image_size=28)


def test_without_an_activation_the_resnet18_stem_feeds_signs_directly():
    assert [type(m) for m in resnet18(width=8).stem] == [nn.Conv2d, nn.BatchNorm2d]
    assert [type(m) for m in resnet20(width=8).stem] == [nn.Conv2d, nn.BatchNorm2d, nn.Hardtanh]
