import numpy as np
import pytest
import torch

from signwise import _native
from signwise._native._attention import attention_backward, attention_forward
from signwise.graph._attention import _gathered_sums

needs_native = pytest.mark.skipif(_native.core() is None, reason="the extension is not built")
TIERS = [
    isa
    for isa in _native.ISA_NAMES
    if _native.core() is not None and _native.ISA_NAMES.index(isa) <= _native.ISA_NAMES.index(_native.best_isa())
]


def case(dim, edge_dim, heads=3, n=300, k=5, rows=40, drop=True, seed=0):
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return rng.normal(size=shape).astype(np.float32)

    edge_weight = normal(heads, dim, edge_dim) / np.float32(dim**0.5)
    mask = (rng.random((n, k)) < 0.6).astype(np.uint8)
    mask[0] = 0
    factors = ((rng.random((n, heads, k)) < 0.7) / 0.7).astype(np.float32) if drop else None
    return (
        normal(n, heads, dim), edge_weight, normal(rows, 2, heads * dim), rng.integers(0, rows, (n, k)),
        mask, normal(n, k, edge_dim), factors,
    )  # fmt: skip


@needs_native
@pytest.mark.parametrize(("dim", "edge_dim"), [(16, 24), (8, 40), (5, 3), (12, 9)])
@pytest.mark.parametrize("drop", [False, True])
def test_both_ways_equal_torch(dim, edge_dim, drop):
    arrays = case(dim, edge_dim, drop=drop)
    tensors = [None if a is None else torch.from_numpy(a) for a in arrays]
    leaves = [tensors[i].requires_grad_() for i in (0, 1, 2, 5)]
    alpha, value = _gathered_sums(*tensors[:4], tensors[4].bool(), *tensors[5:])
    *ours, summed = attention_forward(*arrays)
    for mine, theirs in zip(ours, (alpha, value), strict=True):
        np.testing.assert_allclose(mine, theirs.detach().numpy(), rtol=1e-4, atol=1e-5)
    weights = np.random.default_rng(1).normal(size=ours[1].shape).astype(np.float32)
    (value * torch.from_numpy(weights)).sum().backward()
    for mine, leaf in zip(attention_backward(*arrays, ours[0], summed, weights), leaves, strict=True):
        np.testing.assert_allclose(mine, leaf.grad.numpy(), rtol=1e-3, atol=1e-4)


@needs_native
@pytest.mark.parametrize("isa", TIERS)
def test_every_tier_gives_the_same_bits(isa):
    for sizes in ((16, 24), (8, 40), (5, 3)):
        arrays = case(*sizes, n=700)
        with _native.force_isa("portable"):
            alpha, value, summed = expected = attention_forward(*arrays)
            gradients = attention_backward(*arrays, alpha, summed, value)
        with _native.force_isa(isa):
            assert all(map(np.array_equal, attention_forward(*arrays), expected))
            assert all(map(np.array_equal, attention_backward(*arrays, alpha, summed, value), gradients))


@needs_native
def test_a_row_that_the_table_lacks_is_an_error():
    arrays = list(case(4, 4))
    arrays[3] = arrays[3] + 40
    with pytest.raises(ValueError, match="table lacks"):
        attention_forward(*arrays)
