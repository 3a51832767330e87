"""Near-duplicate groups: every pair against sampled pairs, and the distance of a cosine."""

import numpy as np
import pytest

from signwise.bits import pack
from signwise.vsa import _duplicates
from signwise.vsa._duplicates import near_groups, radius

D = 1024


def noisy(rng, code, flips):
    out = code.copy()
    out[rng.choice(D, flips, replace=False)] *= -1
    return out


@pytest.fixture
def planted(rng=None):
    """300 unlike codes that share a half, of which some come again with noise; the groups by row."""
    rng = np.random.default_rng(3)
    common = rng.choice([-1, 1], D)
    rows = [np.where(rng.random(D) < 0.5, common, rng.choice([-1, 1], D)) for _ in range(300)]
    groups = []
    for i in range(0, 60, 3):
        copies = [noisy(rng, rows[i], flips) for flips in (0, 20, 40)]
        groups.append([i, *range(len(rows), len(rows) + 3)])
        rows += copies
    return pack(np.stack(rows)).words, groups


def test_radius():
    assert radius(1.0, 2048) == 0
    assert radius(0.5, 2048) == 2048 // 3
    assert radius(0.95, 2048) == 207


def test_all_pairs(planted):
    words, groups = planted
    assert [g.tolist() for g in near_groups(words, D, 0.95)] == groups


def test_sampled_pairs(planted, monkeypatch):
    words, groups = planted
    monkeypatch.setattr(_duplicates, "EXACT_ROWS", 10)
    assert [g.tolist() for g in near_groups(words, D, 0.95)] == groups


def test_only_equal_rows():
    words = pack(np.array([[1] * D, [-1] * D, [1] * D, [-1] * D, [1] * (D - 1) + [-1]])).words
    assert [g.tolist() for g in near_groups(words, D, 1.0)] == [[0, 2], [1, 3]]
    assert near_groups(words[:0], D, 0.9) == []
    assert near_groups(words[:1], D, 0.9) == []


def test_groups_are_connected_pairs():
    # Each of a chain is near the next; the ends are far from each other.
    code = np.ones(D)
    chain = []
    for i in range(8):
        step = code.copy()
        step[: 40 * i] = -1
        chain.append(step)
    words = pack(np.stack(chain)).words
    assert [g.tolist() for g in near_groups(words, D, 0.99)] == [list(range(8))]
    assert near_groups(words, D, 0.999) == []
