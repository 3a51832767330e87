import warnings

import pytest
import torch
from torch import nn

from signwise.binary import (
    BiPerConv2d,
    BiPerLinear,
    GroupRule,
    PerLayer,
    binarize,
    binary_layers,
    param_groups,
    periodic_penalty,
    set_omega,
    set_stage,
)


def network():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3),
        nn.ReLU6(),
        nn.Flatten(),
        nn.Linear(8, 8),
        nn.PReLU(),
        nn.Linear(8, 2),
    )


def test_inner_layers_become_binary_and_the_argument_stays():
    net = network()
    made = binarize(net, omega=2.0, stage=1)
    assert [name for name, _ in binary_layers(made)] == ["3", "6"]
    assert type(made[0]) is nn.Conv2d
    assert type(made[8]) is nn.Linear
    assert isinstance(made[2], nn.Hardtanh)
    assert isinstance(made[4], nn.Hardtanh)
    assert isinstance(made[7], nn.PReLU)
    assert not list(binary_layers(net))
    assert torch.equal(made[3].weight, net[3].weight)
    every = binarize(net, omega=1.0, skip_first=False, skip_last=False, act_surrogate=None)
    assert len(list(binary_layers(every))) == 4
    assert isinstance(binarize(nn.Linear(2, 2), omega=1.0, skip_first=False, skip_last=False), BiPerLinear)


def test_weights_past_the_second_flip_are_named():
    with pytest.warns(UserWarning, match=r"past the second flip.*: 3 \d"):
        binarize(network(), omega=100.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        binarize(network(), omega=100.0, weight_surrogate="ste")


def test_nothing_left_to_binarize():
    with pytest.raises(ValueError, match="none is left"):
        binarize(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)))


def test_settings_reach_every_layer():
    net = binarize(network(), omega=2.0)
    set_stage(set_omega(net, PerLayer(1.5)), 1)
    for _, layer in binary_layers(net):
        assert layer.stage.item() == 1
        assert layer.omega.item() * layer.weight.std().item() == pytest.approx(1.5, rel=1e-5)


@pytest.mark.parametrize("pull", ["zero", "peak"])
def test_penalty(pull):
    net = nn.Sequential(BiPerConv2d(2, 3, 3, omega=3.0), BiPerLinear(4, 2, omega=5.0))
    sines = [torch.sin(3.0 * net[0].weight), torch.sin(5.0 * net[1].weight)]
    expected = sum((s**2 if pull == "zero" else 1 - s**2).mean() for s in sines)
    penalty = periodic_penalty(net, 0.3, pull=pull)
    torch.testing.assert_close(penalty, 0.3 * expected)
    penalty.backward()
    got = net[1].weight.grad
    slope = torch.sin(10.0 * net[1].weight.detach()) * 5.0 * 0.3 / 8
    torch.testing.assert_close(got, slope if pull == "zero" else -slope)
    assert periodic_penalty(net, 0.0).item() == 0
    with pytest.raises(ValueError, match="pull"):
        periodic_penalty(net, 0.1, pull="one")
    with pytest.raises(ValueError, match="tau"):
        periodic_penalty(net, -0.1)


def test_groups_hold_every_parameter_once():
    net = binarize(network(), omega=2.0)
    net[0].weight.requires_grad_(False)
    rule = GroupRule(lr_factor=3.0, weight_decay=0.1)
    groups = {g["name"]: g for g in param_groups(net, 0.5, binary=rule, norm=GroupRule(weight_decay=0.2))}
    assert {name: len(g["params"]) for name, g in groups.items()} == {"binary": 2, "scale": 2, "norm": 2, "float": 6}
    assert (groups["binary"]["lr"], groups["binary"]["weight_decay"]) == (1.5, 0.1)
    assert (groups["float"]["lr"], groups["norm"]["weight_decay"]) == (0.5, 0.2)
    every = [id(p) for g in groups.values() for p in g["params"]]
    assert sorted(every) == sorted(id(p) for p in net.parameters() if p.requires_grad)
