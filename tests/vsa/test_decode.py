"""Decoding: what a vector holds is found again out of what a memory knows."""

import numpy as np
import pytest

from signwise.vsa import JSONEncoder, Memory

rng = np.random.default_rng(11)
TOKENS = [f"token {''.join(rng.choice(list('abcdefghij'), 6))}" for _ in range(60)]
ENCODER = JSONEncoder(2048, strings=("whole",))


def flat(leaves, seed=0):
    draw = np.random.default_rng(seed)
    return {f"k{i}": TOKENS[draw.integers(60)] if i % 3 else round(float(draw.lognormal()), 2) for i in range(leaves)}


MEMORY = Memory.from_documents([flat(20, seed) for seed in range(40)])


@pytest.mark.parametrize("output", ["int32", "float32", "bits"])
def test_a_flat_record(output):
    document = flat(20, 7)
    found = ENCODER.decode(ENCODER.encode_one(document, output=output), MEMORY)
    by_name = {f.name: f for f in found}
    right = 0
    for key, value in document.items():
        if isinstance(value, str):
            right += by_name[key].value == value
        else:
            right += abs(by_name[key].value - value) <= 0.05 * abs(value)
            assert by_name[key].low <= by_name[key].value <= by_name[key].high
    assert right >= (20 if output != "bits" else 18)
    assert [f.name for f in found] == [f"k{i}" for i in range(20)]


def test_integers_are_decoded_to_nothing_left():
    document = flat(12, 3)
    y = ENCODER.encode_one(document, output="int32")
    found = ENCODER.decode(y, MEMORY)
    assert {f.name: f.value for f in found} == document
    for f in found:
        y = ENCODER.replace(y, f.path, f.value, None)
    assert np.array_equal(y, ENCODER.encode_one(dict.fromkeys(document), output="int32"))


def test_what_is_not_there_is_not_named():
    known = MEMORY.values[("k1",)][3]
    assert [(f.name, f.value) for f in ENCODER.decode(ENCODER.encode_one({"k1": known}), MEMORY)] == [("k1", known)]
    assert ENCODER.decode(ENCODER.encode_one({"other": "else"}), MEMORY) == []
    assert ENCODER.decode(np.zeros(2048, np.int32), MEMORY) == []
    assert ENCODER.decode(ENCODER.encode_one({"k1": "unknown"}), Memory({})) == []


def test_arrays_and_nesting():
    items = [[{"sku": f"sku-{i}", "n": i % 4 + 1}, {"sku": f"sku-{i * 3 % 20}", "n": 2}] for i in range(20)]
    documents = [{"order": {"items": items[i], "paid": bool(i % 2)}} for i in range(20)]
    memory = Memory.from_documents(documents)
    encoder = JSONEncoder(4096)
    for i in (1, 8, 13):
        found = {f.name: f.value for f in encoder.decode(encoder.encode_one(documents[i], output="int32"), memory)}
        expected = {f"order.items[{j}].{key}": item[key] for j, item in enumerate(items[i]) for key in ("sku", "n")}
        assert found == {**expected, "order.paid": documents[i]["order"]["paid"]}
    # One element where the memory knows two: the same value at the other index is no second find.
    one = encoder.encode_one({"order": {"items": [{"sku": "sku-5", "n": 1}]}}, output="int32")
    found = {f.name: f.value for f in encoder.decode(one, memory)}
    assert found == {"order.items[0].sku": "sku-5", "order.items[0].n": 1}


def test_a_fitted_encoder():
    documents = [flat(9, seed) for seed in range(30)]
    encoder = JSONEncoder(2048, idf=True, weights={"k1": 2.0}).fit(documents)
    found = encoder.decode(encoder.encode_one(documents[4], output="int32"), Memory.from_documents(documents))
    texts = {key: value for key, value in documents[4].items() if isinstance(value, str)}
    assert {f.name: f.value for f in found if f.name in texts} == texts


def test_memories():
    memory = Memory({"a": ["x", "x", 1, 1.0, True, None, {}, []], ("b", 0): [3, 1, 2]}, lengths={"b": 5})
    assert memory.values[("a",)] == ["x", True, None, {}, [], 1]
    assert memory.values[("b", 0)] == [1, 2, 3]
    assert memory.lengths == {("b",): 5}
    assert len(memory) == 9
    many = Memory({"n": range(-50, 10_000)})
    assert len(many) == 4096
    grid = many.values[("n",)]
    assert (grid[0], grid[-1]) == (pytest.approx(-50), pytest.approx(9999))
    assert np.all(np.diff(grid) > 0)
    learnt = Memory.from_documents(['{"t": [1, 2]}', {"t": [3]}, {"t": [4, 5]}])
    assert learnt.values == {("t", 0): [1, 2, 3, 4, 5], ("t", 1): [1, 2, 3, 4, 5]}
    assert learnt.lengths == {("t",): 2}
    with pytest.raises(ValueError, match="index of each element"):
        Memory({"t[*]": [1]})
    with pytest.raises(ValueError, match="leaf of a document"):
        Memory({"t": [[1]]})


def test_refusals():
    for bad in (np.zeros((1, 2048)), np.zeros(2048, np.uint8), np.zeros(256, np.int8)):
        with pytest.raises(ValueError, match="one vector"):
            ENCODER.decode(bad, MEMORY)
