"""Explanations: the parts add up, name their values, and know their noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signwise.vsa import JSONEncoder

scalars = st.one_of(st.none(), st.booleans(), st.text(max_size=5), st.integers(-99, 99))
values = st.recursive(
    scalars, lambda v: st.one_of(st.lists(v, max_size=3), st.dictionaries(st.text("ab", max_size=2), v, max_size=3))
)
documents = st.dictionaries(st.sampled_from("abc"), values, max_size=3)
ENCODERS = [JSONEncoder(512), JSONEncoder(512, arrays=("pos", "set", "adj", "end"), conjunctions=True)]


def cosine(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


@pytest.mark.parametrize("encoder", ENCODERS, ids=["plain", "all"])
@given(a=documents, b=documents)
def test_the_contributions_add_up(encoder, a, b):
    expected = cosine(encoder.encode_one(a, output="int32"), encoder.encode_one(b, output="int32"))
    for other in (b, encoder.encode_one(b, output="int32"), encoder.encode_one(b)):
        found = encoder.explain(a, other)
        assert found.cosine == pytest.approx(expected, abs=1e-6)
        assert sum(c.contribution for c in found.contributions) == pytest.approx(expected, abs=1e-6)
    sizes = [abs(c.contribution) for c in found.contributions]
    assert sizes == sorted(sizes, reverse=True)


def test_a_document_with_itself():
    found = ENCODERS[0].explain({"a": "x", "b": [1, 2]}, '{"b": [1, 2], "a": "x"}')
    assert found.cosine == pytest.approx(1, abs=1e-12)
    parts = {c.name: (c.a, c.b, c.contribution) for c in found.contributions}
    assert set(parts) == {"a", "b[0]", "b[1]"}
    for name, value, share in (("a", "x", 0.5), ("b[0]", 1, 0.25), ("b[1]", 2, 0.25)):
        assert parts[name] == (value, value, pytest.approx(share, abs=0.05))


def test_paths_of_one_side_and_pseudo_paths():
    found = ENCODERS[1].explain({"a": 1, "b": 2, "c": ["x", "y"]}, {"a": 1, "b": 2, "d": ["x", "y"]})
    parts = {c.name: c for c in found.contributions}
    assert set(parts) == {
        "a",
        "b",
        "c[0]",
        "c[1]",
        "d[0]",
        "d[1]",
        "c (order)",
        "d (order)",
        "the document (conjunctions)",
    }
    assert (parts["c[0]"].a, parts["c[0]"].b) == ("x", None)
    assert (parts["d[0]"].a, parts["d[0]"].b) == (None, "x")
    assert parts["the document (conjunctions)"].contribution > 0.1
    assert parts["c (order)"].part == "pairs"
    other = ENCODERS[1].encode_one({"a": 1, "b": 2, "d": ["x", "y"]}, output="int32")
    assert not any(c.path[:1] == ("d",) for c in ENCODERS[1].explain({"a": 1, "b": 2, "c": ["x"]}, other).contributions)


def test_the_noise_is_what_chance_gives():
    # Unrelated values: contributions scatter about 0 with the deviation that is stated.
    ratios = []
    for seed in range(40):
        encoder = JSONEncoder(512, seed=seed, strings=("whole",))
        a = {f"k{i}": f"left {i}" for i in range(6)}
        b = {f"k{i}": f"right {i}" for i in range(6)}
        ratios += [c.contribution / c.noise for c in encoder.explain(a, b).contributions]
        ratios += [c.contribution / c.noise for c in encoder.explain(a, encoder.encode_one(b)).contributions]
    assert np.mean(ratios) == pytest.approx(0, abs=0.15)
    assert np.std(ratios) == pytest.approx(1, abs=0.15)


def test_refusals_and_zero():
    with pytest.raises(ValueError, match="of shape"):
        ENCODERS[0].explain({"a": 1}, np.zeros(511))
    assert ENCODERS[0].explain({"a": 1}, np.zeros(512)).cosine == 0
    silent = JSONEncoder(512, weights={"a": 0})
    assert silent.explain({"a": 1}, {"a": 1}).cosine == 0
