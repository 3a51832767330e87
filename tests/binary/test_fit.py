import math

import numpy as np
import pytest
import torch
from torch import nn

from signwise.binary import (
    BiPerConv2d,
    DivergedError,
    GroupRule,
    StageConfig,
    TwoStageConfig,
    evaluate,
    fit,
    learning_rate,
    param_groups,
    recipe,
    recipe_names,
    set_stage,
)
from signwise.binary._augment import crop_flip
from signwise.errors import ArtifactError, ConfigError
from signwise.optim import Lion

STAGES = TwoStageConfig(
    stage1=StageConfig(epochs=3, lr=0.05, batch_size=32, tau=0.01),
    stage2=StageConfig(epochs=3, lr=0.02, batch_size=32, weight_decay=1e-3),
)


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        BiPerConv2d(8, 8, 3, padding=1, stage=1),
        nn.BatchNorm2d(8),
        nn.Hardtanh(),
        nn.Dropout(0.1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 2),
    )


@pytest.fixture(scope="module")
def images():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 1, 6, 6, generator=generator)
    y = torch.randint(0, 2, (200,), generator=generator)
    x[:, :, :, ::2] += (2 * y - 1).reshape(-1, 1, 1, 1)
    return (x[:150], y[:150]), (x[150:], y[150:])


def same(left, right):
    return all(torch.equal(a, b) for a, b in zip(left.state_dict().values(), right.state_dict().values(), strict=True))


def test_schedules_are_those_of_the_recipes():
    stage = StageConfig(epochs=600, lr=0.021, warmup=True)
    assert [learning_rate(stage, e) for e in range(5)] == [0.021 * (e + 1) / 5 for e in range(5)]
    for e in (5, 100, 599):
        assert learning_rate(stage, e) == 0.021 * 0.5 * (1 + math.cos(math.pi * (e - 4) / 596))
    stage = StageConfig(epochs=100, lr=0.01)
    for e in (0, 1, 99):
        assert learning_rate(stage, e) == 0.01 * 0.5 * (1 + math.cos(math.pi * e / 100))


def test_it_learns_in_two_stages(images):
    train, val = images
    model = network()
    result = fit(model, train, val, config=STAGES, progress=False)
    assert [(e.stage, e.epoch) for e in result.history] == [(s, e) for s in (1, 2) for e in range(3)]
    assert [e.lr for e in result.history[:3]] == [learning_rate(STAGES.stage1, e) for e in range(3)]
    assert result.finished
    assert not model.training
    assert int(model[2].stage) == 2
    loss, accuracy = evaluate(model, val)
    assert (loss, accuracy) == (result.history[-1].val_loss, result.history[-1].val_accuracy)
    assert accuracy > 0.8


@pytest.mark.parametrize("kind", ["sgd", "adam", "lion"])
@pytest.mark.parametrize("stop", [1, 3, 4])
def test_a_resumed_run_equals_one_that_was_not_interrupted(images, tmp_path, monkeypatch, kind, stop):
    train, val = images
    make = {
        "sgd": None,
        "adam": lambda groups: torch.optim.Adam(groups, lr=1e-3),
        "lion": lambda groups: Lion(groups, lr=1e-3),
    }[kind]
    options = dict(config=STAGES, optimizer=make, augment="crop_flip", progress=False)
    whole = network()
    expected = fit(whole, train, val, **options)

    from signwise.binary import _fit

    right, calls = _fit._Run._epoch, []

    def failing(self, *arguments):
        calls.append(1)
        if len(calls) > stop:
            raise KeyboardInterrupt
        return right(self, *arguments)

    monkeypatch.setattr(_fit._Run, "_epoch", failing)
    with pytest.raises(KeyboardInterrupt):
        fit(network(), train, val, out=tmp_path, **options)
    monkeypatch.setattr(_fit._Run, "_epoch", right)
    torch.manual_seed(77)  # the state of the generators comes from the checkpoint
    other = network(seed=5)
    result = fit(other, train, val, out=tmp_path, **options)
    assert same(other, whole)
    assert result == expected
    finished = network(seed=6)
    assert fit(finished, train, val, out=tmp_path, **options) == expected
    assert same(finished, whole)


def test_time_that_is_over_ends_a_run_that_goes_on_later(images, tmp_path):
    train, val = images
    result = fit(network(), train, val, config=STAGES, out=tmp_path, max_minutes=-1, progress=False)
    assert not result.finished
    assert result.history == ()


def test_patience_and_the_best_on_validation(images):
    train, val = images
    stage = StageConfig(epochs=40, lr=0.05, batch_size=32)
    config = TwoStageConfig(stage2=stage, select="val", patience=3)
    model = network()
    result = fit(model, train, val, config=config, progress=False)
    accuracies = [e.val_accuracy for e in result.history]
    assert result.stopped_early == (2,)
    assert len(accuracies) - 1 - accuracies.index(max(accuracies)) == 3
    assert evaluate(model, val)[1] == max(accuracies)


def test_a_checkpoint_of_something_else(images, tmp_path):
    train, val = images
    config = TwoStageConfig(stage2=StageConfig(epochs=1))
    fit(network(), train, val, config=config, out=tmp_path, progress=False)
    with pytest.raises(ConfigError, match="another configuration"):
        fit(network(), train, val, config=STAGES, out=tmp_path, progress=False)
    with pytest.raises(ArtifactError, match="another model"):
        fit(nn.Sequential(nn.Flatten(), nn.Linear(36, 2)), train, val, config=config, out=tmp_path, progress=False)
    fit(network(), train, val, config=STAGES, out=tmp_path, resume=False, progress=False)


def test_wrong_arguments(images):
    train, val = images
    with pytest.raises(ValueError, match="need validation images"):
        fit(network(), train, config=TwoStageConfig(select="val"))
    with pytest.raises(ValueError, match="150 images and 50 labels"):
        fit(network(), (train[0], val[1]))
    broken = network()
    nn.init.constant_(broken[8].bias, math.nan)
    with pytest.raises(DivergedError, match="lower lr"):
        fit(broken, train, config=STAGES, progress=False)
    for wrong in ({"epochs": 0}, {"lr": 0.0}, {"warmup": True, "epochs": 4}):
        with pytest.raises(ValueError, match=r"must be|takes 5 epochs"):
            StageConfig(**wrong)
    with pytest.raises(ValueError, match="one of stage1 and stage2"):
        TwoStageConfig(stage2=None)


def test_a_step_of_sgd_moves_latents_by_their_own_factor(images):
    (x, y), _ = images
    model = set_stage(network(), 2)
    groups = param_groups(model, 0.1, binary=GroupRule(lr_factor=30.0))
    optimizer = torch.optim.SGD(groups)
    before = model[2].weight.detach().clone()
    nn.functional.cross_entropy(model.train()(x), y).backward()
    optimizer.step()
    torch.testing.assert_close(model[2].weight, before - 3.0 * model[2].weight.grad)


def test_crops_are_windows_of_the_padded_image():
    x = torch.arange(1.0, 1 + 2 * 3 * 5 * 4).reshape(2, 3, 5, 4)
    padded = nn.functional.pad(x, (4, 4, 4, 4))
    generator = torch.Generator().manual_seed(0)
    seen = set()
    for _ in range(40):
        y = crop_flip(x, generator)
        for image in range(2):
            found = [
                (top, left, flip)
                for top in range(9)
                for left in range(9)
                for flip in (False, True)
                if torch.equal(
                    padded[image, :, top : top + 5, left : left + 4].flip(2)
                    if flip
                    else padded[image, :, top : top + 5, left : left + 4],
                    y[image],
                )
            ]
            assert found
            seen.add(found[0])
    assert len(seen) > 30


def test_recipes_are_read_and_hold_the_published_settings():
    assert {"cifar10-resnet18", "cifar10-resnet20", "cifar10-vgg_small", "digits-small", "fashion-mnist-resnet20",
            "imagenet-resnet18", "imagenet-resnet34"} == set(recipe_names())  # fmt: skip
    for name in recipe_names():
        assert recipe(name).title
    one, two = recipe("cifar10-resnet18").training.stage1, recipe("cifar10-resnet18").training.stage2
    assert (one.epochs, one.lr, one.weight_decay, one.batch_size, one.warmup, one.tau) == (
        600,
        0.021,
        1.6e-3,
        256,
        True,
        0.037,
    )
    assert (two.epochs, two.lr, two.weight_decay, two.batch_size, two.warmup, two.tau) == (
        300,
        0.0037,
        1.6e-4,
        256,
        True,
        0.0468,
    )
    one, two = recipe("imagenet-resnet18").training.stage1, recipe("imagenet-resnet18").training.stage2
    assert (one.epochs, one.lr, one.weight_decay, one.batch_size, one.warmup, one.tau) == (200, 0.1, 1e-4, 512, True, 0)
    assert (two.epochs, two.lr, two.weight_decay, two.batch_size, two.warmup, two.tau) == (
        100,
        0.01,
        1e-4,
        512,
        False,
        0,
    )
    assert recipe("cifar10-resnet18").model.omega == 20
    with pytest.raises(ConfigError, match="no recipe 'cifar'; there are"):
        recipe("cifar")


def test_one_step_of_the_cifar_recipe():
    import dataclasses

    from signwise.binary import build

    made = recipe("cifar10-resnet20")
    stages = [
        dataclasses.replace(stage, epochs=1, warmup=False, batch_size=8)
        for stage in (made.training.stage1, made.training.stage2)
    ]
    config = dataclasses.replace(made.training, stage1=stages[0], stage2=stages[1])
    draws = np.random.default_rng(0)
    x = torch.from_numpy(draws.standard_normal((8, 3, 32, 32)).astype(np.float32))
    result = fit(build(made.model), (x, torch.arange(8)), config=config, augment=made.augment, progress=False)
    assert [e.stage for e in result.history] == [1, 2]
    assert all(math.isfinite(e.loss) for e in result.history)
