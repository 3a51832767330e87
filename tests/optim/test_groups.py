"""Which parameters are left unconstrained."""

import pytest
import torch
from torch import nn

from signwise.optim import Lion, split_parameters


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5, 4)
        self.conv = nn.Conv1d(4, 4, 3)
        self.batch = nn.BatchNorm1d(4)
        self.layer = nn.LayerNorm((4, 2))
        self.rms = nn.RMSNorm(4)
        self.group = nn.GroupNorm(2, 4)
        self.attention = nn.MultiheadAttention(4, 2)
        self.scale = nn.Parameter(torch.ones(()))
        self.frozen = nn.Parameter(torch.ones(3, 3), requires_grad=False)


def names(groups):
    return [{name for name, _ in group["params"]} for group in groups]


def test_biases_norms_and_scalars_are_free():
    decayed, free = names(split_parameters(Block()))
    assert decayed == {
        "embed.weight",
        "conv.weight",
        "attention.in_proj_weight",
        "attention.out_proj.weight",
    }
    assert {"conv.bias", "layer.weight", "layer.bias", "rms.weight", "scale", "attention.in_proj_bias"} <= free
    assert len(decayed | free) == len([p for p in Block().parameters() if p.requires_grad])


def test_patterns_free_more():
    decayed, free = names(split_parameters(Block(), unconstrained=["embed.*"]))
    assert "embed.weight" in free - decayed
    with pytest.raises(ValueError, match=r"no trainable parameter matches 'head\.\*'; their names are: scale, "):
        split_parameters(Block(), unconstrained=["head.*"])


def test_the_groups_fit_an_optimizer_with_a_radius():
    optimizer = Lion(split_parameters(Block()), 1e-3, radius=2.0)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.5, 0.0]


def test_an_empty_group_is_left_out():
    assert [group.get("weight_decay") for group in split_parameters(nn.Linear(2, 2, bias=False))] == [None]
    assert [group.get("weight_decay") for group in split_parameters(nn.LayerNorm(2))] == [0.0]
