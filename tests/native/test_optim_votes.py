import math

import numpy as np
import pytest
import torch

from signwise import _native
from signwise._native import _bits, _optim_votes
from signwise._native._optim_votes import VoteTensor, cast, step

from .test_optim import TIERS, assert_same, plain, wide_values

if not _optim_votes.votes_available():
    pytest.skip("no fused step: the extension is not built, or no fused multiply-add", allow_module_level=True)

SIZES = [3, 0, 1, 61, 64, 130, 20_000, 17, 5]
WORDS = -(-(sum(SIZES) + 40) // 64)


@pytest.fixture(params=TIERS)
def tier(request):
    with _native.force_isa(request.param):
        yield request.param


@pytest.fixture(params=[1, 3])
def threads(request, monkeypatch):
    monkeypatch.setattr(_optim_votes, "num_threads", lambda: request.param)


def tensors(start):
    """Tensors whose votes begin at the bit `start`; the fourth has no gradient."""
    result, first = [], start
    for k, n in enumerate(SIZES):
        g = wide_values(n, k, span=40)
        if n > 60:
            g[5], g[7] = math.nan, -math.inf
        m = wide_values(n, k + 50, span=40)
        result.append(VoteTensor(plain(n, k + 90), None if k == 3 else g, m, first))
        first += n
    return result


@pytest.mark.parametrize("start", [0, 1, 40])
@pytest.mark.parametrize("maximize", [False, True])
def test_a_ballot_is_the_signs_in_two_planes(start, maximize, tier, threads):
    some = tensors(start)
    planes = np.zeros((2, WORDS), np.uint64)
    cast(some, planes, beta1=0.9, maximize=maximize)
    votes = torch.zeros(WORDS * 64)
    for x, g, m, first in some:
        g = torch.zeros_like(x) if g is None else -g if maximize else g
        votes[first : first + x.numel()] = m.mul(0.9).add(g, alpha=1 - 0.9)
    expected = _bits.pack_ternary(votes.numpy())
    np.testing.assert_array_equal(planes, np.stack([plane.reshape(-1) for plane in expected]))


@pytest.mark.parametrize("start", [0, 1, 40])
@pytest.mark.parametrize("weight_decay", [0.0, 0.4])
def test_the_step_along_a_vote_has_the_bits_of_torch(start, weight_decay, tier, threads):
    some = tensors(start)
    votes = np.random.default_rng(0).integers(-1, 2, WORDS * 64).astype(np.int8)
    planes = np.stack([plane.reshape(-1) for plane in _bits.pack_ternary(votes)])
    expected = []
    for x, g, m, first in some:
        r = torch.tensor(votes[first : first + x.numel()]).float()
        x = x.mul(1 - 0.05 * weight_decay) if weight_decay else x
        g = torch.zeros_like(m) if g is None else g
        expected.append((x.add(r, alpha=-0.05), m.mul(0.99).add(g, alpha=1 - 0.99)))
    step(some, planes, lr=0.05, beta2=0.99, weight_decay=weight_decay, maximize=False)
    for tensor, (x, m) in zip(some, expected, strict=True):
        assert_same(tensor.x, x)
        assert_same(tensor.m, m)


def test_a_zero_vote_keeps_the_sign_of_zero(tier):
    x, m = torch.full((70,), -0.0), torch.zeros(70)
    step([VoteTensor(x, None, m, 3)], np.zeros((2, 2), np.uint64), lr=0.1, beta2=0.9, weight_decay=0.0, maximize=False)
    assert torch.signbit(x).all()


@pytest.mark.parametrize(
    ("tensor", "error", "message"),
    [
        (VoteTensor(torch.zeros(3).double(), None, torch.zeros(3), 0), TypeError, "x of tensor 0"),
        (VoteTensor(torch.zeros(6)[::2], None, torch.zeros(3), 0), TypeError, "x of tensor 0"),
        (VoteTensor(torch.zeros(3), torch.zeros(3), torch.zeros(4), 0), ValueError, "m of tensor 0 has 4"),
        (VoteTensor(torch.zeros(3), None, torch.zeros(3), 126), ValueError, "outside the planes"),
        (VoteTensor(torch.zeros(3), None, torch.zeros(3), -1), ValueError, "outside the planes"),
    ],
)
def test_tensors_that_a_vote_does_not_take(tensor, error, message):
    with pytest.raises(error, match=message):
        cast([tensor], np.zeros((2, 2), np.uint64), beta1=0.9, maximize=False)
