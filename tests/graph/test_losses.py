import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from signwise.graph._losses import binary_loss, three_class_loss, weight_loss

ROWS = st.lists(st.tuples(st.floats(-8, 8), st.booleans()), min_size=1, max_size=20)


@given(ROWS, st.floats(0.1, 5), st.booleans())
def test_binary_loss_is_a_mean_over_each_class(rows, weight, pooled):
    logit, positive = (np.array(column) for column in zip(*rows, strict=True))
    loss = [math.log1p(math.exp(-x if p else x)) for x, p in rows]
    if pooled:
        expected = np.mean([v * (1 if p else weight) for v, (_, p) in zip(loss, rows, strict=True)])
    else:
        expected = sum(
            w * np.mean([v for v, (_, p) in zip(loss, rows, strict=True) if p == which] or [0.0])
            for which, w in ((True, 1.0), (False, weight))
        )
    ours = binary_loss(torch.tensor(logit, dtype=torch.float64), torch.tensor(positive), weight, pooled=pooled)
    assert ours.item() == pytest.approx(expected, rel=1e-10, abs=1e-10)


@given(st.lists(st.tuples(*[st.floats(-5, 5)] * 3, st.integers(0, 2)), min_size=1, max_size=15))
def test_three_class_loss_skips_absent_classes(rows):
    logits = np.array([r[:3] for r in rows])
    label = np.array([r[3] for r in rows])
    nll = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(rows)), label]
    weights = (1.0, 2.0, 0.5)
    expected = sum(w * nll[label == c].mean() for c, w in enumerate(weights) if (label == c).any()) / 3
    ours = three_class_loss(torch.tensor(logits), torch.tensor(label), weights)
    assert ours.item() == pytest.approx(expected, rel=1e-10, abs=1e-10)


def test_an_empty_batch_has_loss_and_gradient_zero():
    logit = torch.zeros(0, requires_grad=True)
    for loss in (binary_loss(logit, torch.zeros(0, dtype=torch.bool)), weight_loss(logit, torch.zeros(0))):
        assert loss.item() == 0
        loss.backward()


def test_gradients():
    x = torch.randn(6, dtype=torch.float64, requires_grad=True)
    positive = torch.tensor([True, False, True, True, False, True])
    assert torch.autograd.gradcheck(lambda x: binary_loss(x, positive, 2.0), (x,))
    wide = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: three_class_loss(x, torch.tensor([0, 1, 1, 0, 0])), (wide,))
