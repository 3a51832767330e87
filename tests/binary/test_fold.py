import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signwise.binary import _fold

floats = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(floats, floats), min_size=1, max_size=20), st.integers(1, 300))
def test_thresholds_agree_with_the_finish_at_every_sum(pairs, k):
    a, b = (np.array(values, np.float32) for values in zip(*pairs, strict=True))
    threshold, flip = _fold.thresholds(a, b, k)
    s = np.arange(-k, k + 1)[:, None]
    np.testing.assert_array_equal((s >= threshold) ^ flip.astype(bool), _fold.apply(a, b, s) >= 0)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (1.0, 0.0, (0, 0)),
        (1.0, -0.5, (1, 0)),
        (-1.0, 0.0, (1, 1)),  # bit = s < 1
        (0.0, 0.0, (-8, 0)),
        (0.0, -0.0, (-8, 0)),
        (0.0, -1.0, (9, 0)),
        (1e-3, 5.0, (-8, 0)),
        (1e-3, -5.0, (9, 0)),
        (-1e-3, -5.0, (-8, 1)),
        (-1e-3, 5.0, (9, 1)),
    ],
)
def test_thresholds_by_hand(a, b, expected):
    threshold, flip = _fold.thresholds(np.array([a], np.float32), np.array([b], np.float32), 8)
    assert (int(threshold[0]), int(flip[0])) == expected


def test_where_division_would_round_wrongly():
    draws = np.random.default_rng(0)
    k = 4608
    a = (draws.integers(1, 200, 4000) / 64 / 3).astype(np.float32)
    b = (-a * draws.integers(-k, k, 4000).astype(np.float32)).astype(np.float32)
    threshold, flip = _fold.thresholds(a, b, k)
    assert not flip.any()
    assert (_fold.apply(a, b, threshold) >= 0).all()
    assert (_fold.apply(a, b, threshold - 1) < 0).all()


def test_rows_of_bits():
    w = np.random.default_rng(0).standard_normal((3, 5, 2, 3))
    rows = _fold.pack_rows(w)
    assert rows.shape == (3, 4)
    bit = (rows[2, (1 * 3 + 2) * 5 // 8 + 0] >> ((1 * 3 + 2) * 5 % 8)) & 1
    assert bit == (w[2, 0, 1, 2] >= 0)
    signs = _fold.unpack_rows(rows, 30)
    np.testing.assert_array_equal(signs.reshape(3, 2, 3, 5), np.where(w >= 0, 1, -1).transpose(0, 2, 3, 1))
