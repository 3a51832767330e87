"""Sums of vectors and the search of the nearest in a memory."""

import numpy as np
import pytest

from signwise.vsa import Match, bundle, cleanup


def test_bundle():
    x = np.array([[1, -1, 1], [1, 1, -1]], np.int32)
    assert np.array_equal(bundle(x), [2, 0, 0])
    assert bundle(x).dtype.kind == "i"
    assert np.array_equal(bundle(iter(x), [0.5, 2]), [2.5, 1.5, -1.5])
    with pytest.raises(ValueError, match="at least one"):
        bundle([])
    with pytest.raises(ValueError, match="zip"):
        bundle(x, [1.0])


def test_cleanup_is_in_falling_order_with_ties_by_place():
    memory = {"b": np.array([0, 2]), "a": np.array([0, 1]), "c": np.array([1, 1]), "zero": np.zeros(2)}
    found = cleanup(np.array([0, 3.0]), memory, k=10)
    assert [m.name for m in found] == ["b", "a", "c", "zero"]
    assert [m.cosine for m in found] == pytest.approx([1, 1, 0.5**0.5, 0])
    assert cleanup(np.array([0, 3.0]), memory) == (Match(name="b", cosine=1.0),)
    assert all(m.cosine == 0 for m in cleanup(np.zeros(2), memory, k=4))


def test_cleanup_refuses():
    with pytest.raises(ValueError, match="0 entries"):
        cleanup(np.zeros(2), {})
    with pytest.raises(ValueError, match="k must be"):
        cleanup(np.zeros(2), {"a": np.zeros(2)}, k=0)
    with pytest.raises(ValueError, match="shape"):
        cleanup(np.zeros(2), {"a": np.zeros(3)})
