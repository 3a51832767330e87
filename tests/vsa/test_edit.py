"""Edits give the bits of an encoding from scratch, or say what must be replaced instead."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signwise.vsa import JSONEncoder

VALUES = [None, True, "ada lovelace", "", 3, 2.5, 2**60, {}, [], {"x": [1, "b"], "y": {}}, [1, [2, "c"]]]
DOCUMENT = {"name": "charles", "born": 1791, "tags": ["a", {"deep": 1, "more": "x y"}, 3], "in": {"a": 1, "b": None}}
PLACES = [(("name",), ()), (("in", "b"), ()), (("tags", 0), (3,)), (("tags", 1, "deep"), (3,)), (("tags", 2), (3,))]
ENCODERS = {
    "plain": JSONEncoder(512),
    "views": JSONEncoder(512, arrays=("pos", "end"), strings=("words",), array_norm=False, seed=9),
    "fitted": JSONEncoder(512, idf=True, weights={"in": 2.5, "tags[*].more": 0.5}).fit(
        [{"born": float(i), "in": {"a": i * i}, "name": f"name {i % 3}"} for i in range(20)]
    ),
}
every_encoder = pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)


def with_value(document, path, value):
    out = copy.deepcopy(document)
    inner = out
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return out


def at(document, path):
    for step in path:
        document = document[step]
    return document


def encoded(encoder, document):
    return encoder.encode_one(document, output="int32")


@every_encoder
@given(st.sampled_from(PLACES), st.sampled_from(VALUES))
def test_replace(encoder, place, value):
    path, lengths = place
    y = encoded(encoder, DOCUMENT)
    before = y.copy()
    edited = encoder.replace(y, path, at(DOCUMENT, path), value, lengths=lengths)
    assert edited.dtype == np.int32
    assert np.array_equal(edited, encoded(encoder, with_value(DOCUMENT, path, value)))
    assert np.array_equal(y, before)


@every_encoder
@given(st.sampled_from([("new",), ("in", "new"), ("tags", 1, "new")]), st.sampled_from(VALUES))
def test_add_and_remove(encoder, path, value):
    lengths = (3,) if path[0] == "tags" else ()
    y, longer = encoded(encoder, DOCUMENT), encoded(encoder, with_value(DOCUMENT, path, value))
    assert np.array_equal(encoder.add(y, path, value, lengths=lengths), longer)
    assert np.array_equal(encoder.remove(longer, path, value, lengths=lengths), y)


@every_encoder
def test_the_whole_document(encoder):
    y = encoded(encoder, {"a": 1})
    assert np.array_equal(encoder.replace(y, (), {"a": 1}, {}), encoded(encoder, {}))
    with pytest.raises(ValueError, match="can only be replaced"):
        encoder.add(y, (), {"a": 1})


def test_what_an_edit_cannot_do():
    encoder = ENCODERS["plain"]
    y = encoded(encoder, DOCUMENT)
    for edit in (encoder.add, encoder.remove):
        with pytest.raises(ValueError, match="array at tags would change"):
            edit(y, "tags[2]", 3, lengths=(3,))
    with pytest.raises(ValueError, match=r"give its index"):
        encoder.replace(y, "tags[*]", 3, 4)
    for lengths in ((), (3, 3), (2,), (True,), (3.0,)):
        with pytest.raises(ValueError, match="length"):
            encoder.replace(y, "tags[2]", 3, 4, lengths=lengths)


ONLY = [(("in",), ()), (("in", "x"), ()), (("tags", 1), (3,)), (("tags", 1, "x"), (3,)), ((), ())]


@every_encoder
@given(st.sampled_from(ONLY), st.sampled_from(VALUES))
def test_the_only_member(encoder, place, value):
    path, lengths = place
    y, one = (
        encoded(encoder, with_value({"": DOCUMENT | {"in": {"x": 0}, "tags": [1, {"x": 0}, 2]}}, ("", *path), v)[""])
        for v in ({}, {"m": value})
    )
    assert np.array_equal(encoder.add(y, (*path, "m"), value, lengths=lengths, only=True), one)
    assert np.array_equal(encoder.remove(one, (*path, "m"), value, lengths=lengths, only=True), y)


def test_an_only_member_under_conjunctions_and_neighbours():
    encoder = JSONEncoder(512, conjunctions=True, arrays=("pos", "adj"))
    empty, one = encoded(encoder, {"a": 1, "in": {}}), encoded(encoder, {"a": 1, "in": {"m": "x"}})
    assert np.array_equal(encoder.remove(one, "in.m", "x", only=True), empty)
    assert np.array_equal(encoder.add(empty, "in.m", "x", only=True), one)


@pytest.mark.parametrize("outer", [(), ("in",), ("in", "x")])
def test_an_only_member_that_shows(outer):
    encoder = ENCODERS["plain"]
    empty, one = {}, {"m": 5}
    for step in reversed(outer):
        empty, one = {step: empty}, {step: one}
    path = (*outer, "m")
    with pytest.raises(ValueError, match=r"last member of the (object at in|document).*only=True"):
        encoder.remove(encoded(encoder, one), path, 5)
    with pytest.raises(ValueError, match=r"first member to the (object at in|document).*only=True"):
        encoder.add(encoded(encoder, empty), path, 5)
    with pytest.raises(ValueError, match="not end in a name"):
        encoder.add(encoded(encoder, empty), (), 5, only=True)


def test_only_false_where_what_is_left_is_silent():
    encoder = JSONEncoder(512, weights={"b": 0.0})
    y = encoded(encoder, {"a": 1, "b": 2})
    assert not encoder.remove(y, "a", 1, only=False).any()
    assert np.array_equal(encoder.add(y, "b2", 2), encoded(encoder, {"a": 1, "b2": 2}))
    assert np.array_equal(encoder.add(np.zeros_like(y), "a", 1), y)


def test_what_conjunctions_and_neighbours_forbid():
    encoder = JSONEncoder(512, conjunctions=True, arrays=("pos", "adj"))
    y = encoded(encoder, DOCUMENT)
    with pytest.raises(ValueError, match=r"neighbours of the array at tags; replace the whole array"):
        encoder.replace(y, "tags[1].deep", 1, 2, lengths=(3,))
    for path, old, new in (("in.a", 1, 2), ("in.a", 1, {"x": 1}), ("in.a", [1], 2)):
        with pytest.raises(ValueError, match="members of the object at in; replace the whole object"):
            encoder.replace(y, path, old, new)
    with pytest.raises(ValueError, match="object at in;"):
        encoder.add(y, "in.c", "scalar")
    # What touches no pair is allowed, and is exact.
    for path, value in (("tags", [9, 9]), ("in", {"a": 2, "b": 2})):
        edited = encoder.replace(y, path, DOCUMENT[path], value)
        assert np.array_equal(edited, encoded(encoder, {**DOCUMENT, path: value}))
    added = encoder.add(y, "in.c", ["container"])
    assert np.array_equal(added, encoded(encoder, with_value(DOCUMENT, ("in", "c"), ["container"])))


def test_forms_of_vectors():
    encoder = ENCODERS["plain"]
    y = encoded(encoder, DOCUMENT)
    assert encoder.add(y.astype(np.int64), "x", 1).dtype == np.int64
    for bad in (y.astype(np.float32), encoder.encode_one(DOCUMENT, output="bits"), y.tolist()):
        with pytest.raises(TypeError, match="exact on the integers"):
            encoder.add(bad, "x", 1)
    with pytest.raises(ValueError, match="shape"):
        encoder.add(y[None], "x", 1)
    with pytest.raises(OverflowError, match="int64"):
        encoder.add(np.full(512, 2**31 - 1, np.int32), "x", 1)
