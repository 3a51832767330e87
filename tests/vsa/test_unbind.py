"""Unbinding: the operators of a path are undone on every form of a vector."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signwise.ortho import Domain, SignedPermutation, hash_bytes
from signwise.vsa import JSONEncoder

ENCODER = JSONEncoder(512, seed=4)


def operator(step):
    if step == "[*]":
        return SignedPermutation.from_hash(512, hash_bytes(Domain.VIEW, b"set", 4))
    return SignedPermutation(512, step, seed=4)


@given(st.lists(st.one_of(st.sampled_from(["a", "bc", "ä", "[*]"]), st.integers(0, 9)), max_size=4))
def test_the_operators_are_undone_root_first(path):
    x = np.arange(1024, dtype=np.int32).reshape(2, 512)
    y = x
    for step in reversed(path):
        y = operator(step).apply(y)
    assert np.array_equal(ENCODER.unbind(y, tuple(path)), x)
    assert ENCODER.unbind(y.astype(np.float32), tuple(path)).dtype == np.float32
    bits = np.packbits(np.arange(512) % 3 == 0, bitorder="little")
    bound = bits
    for step in reversed(path):
        bound = operator(step).apply_packed(bound)
    assert np.array_equal(ENCODER.unbind(bound, tuple(path)), bits)


def test_what_stands_at_a_path():
    document = {"trip": {"from": "turin", "via": ["oslo", "bonn"]}}
    y = ENCODER.encode_one(document, output="int32").astype(np.float64)
    for path, value in (("trip.from", "turin"), ("trip.via[1]", "bonn"), ("trip.via[*]", "oslo")):
        found = ENCODER.unbind(y, path)
        cosines = {}
        for word in ("turin", "oslo", "bonn", "rome"):
            # A string has no vector of its own here: it is that of a member, unbound.
            code = ENCODER.unbind(ENCODER.encode_one({"x": word}, output="int32"), "x").astype(np.float64)
            cosines[word] = found @ code / np.linalg.norm(found) / np.linalg.norm(code)
        assert cosines["rome"] < 0.2 < cosines[value]
    assert ENCODER.unbind(y, "trip") is not y
    # Keys that are one in normal form C have one operator.
    assert np.array_equal(ENCODER.unbind(y, ("a\u0308",)), ENCODER.unbind(y, ("ä",)))


def test_refusals():
    y = np.zeros(512, np.int32)
    for bad in (np.zeros(511), np.zeros(512, np.uint8), np.zeros(64, np.int8), np.zeros(()), np.zeros(512, complex)):
        with pytest.raises(ValueError, match="last axis"):
            ENCODER.unbind(bad, "a")
    with pytest.raises(ValueError, match="look like"):
        ENCODER.unbind(y, "a[")
    with pytest.raises(ValueError, match="'pos'"):
        JSONEncoder(512, arrays=("set",)).unbind(y, "a[0]")
    with pytest.raises(ValueError, match="'set'"):
        JSONEncoder(512, arrays=("pos",)).unbind(y, "a[*]")
