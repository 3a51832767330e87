"""What vectors mean: order, text forms, missing and null, numbers, arrays, weights, queries, outputs."""

from __future__ import annotations

import copy
import json
import math
import pickle
import unicodedata

import numpy as np
import orjson
import pytest
from hypothesis import given

from signwise import bits
from signwise.errors import ArtifactError
from signwise.vsa import JSONEncoder

from .documents import ANY_DOCUMENT, DOCUMENTS, ORDER


def cosine(encoder, one, two):
    a, b = encoder.transform([one, two]).astype(np.float64)
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def shuffled(value):
    if isinstance(value, dict):
        return {key: shuffled(item) for key, item in reversed(value.items())}
    if isinstance(value, list):
        return [shuffled(item) for item in value]
    return value


@given(document=ANY_DOCUMENT)
def test_key_order_does_not_matter(document):
    # Keys that share a normal form are one member, the last; their order does matter.
    encoder = JSONEncoder(d=512, conjunctions=True, arrays=("pos", "set", "adj", "end"))
    if "\\u" not in json.dumps(document):
        assert np.array_equal(encoder.encode_one(document), encoder.encode_one(shuffled(document)))


@given(document=ANY_DOCUMENT)
def test_text_equals_the_parsed_document(document):
    encoder = JSONEncoder(d=512)
    text = json.dumps(document, ensure_ascii=False)
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:  # whole numbers beyond float64 do not arise below 2**70
        pytest.fail("orjson refuses what json writes")
    expected = encoder.encode_one(document)
    for form in (text, text.encode(), bytearray(text.encode()), parsed):
        assert np.array_equal(encoder.encode_one(form), expected)


def test_numbers_that_are_equal_are_equal():
    encoder = JSONEncoder()
    for one, two in ((1, 1.0), (0, -0.0), (2**53, 2.0**53), (2**64, 2.0**64), (-(2**63) - 1, -(2.0**63))):
        assert np.array_equal(encoder.encode_one({"a": one}), encoder.encode_one({"a": two}))
    assert cosine(encoder, {"a": 1}, {"a": True}) < 0.2
    # Neighbours above 2^53 share the number's code, and differ in the exact term.
    assert cosine(encoder, {"a": 2**60}, {"a": 2**60 + 1}) == pytest.approx(0.5, abs=0.1)


def test_normal_forms_are_one():
    encoder = JSONEncoder()
    for form in ("NFC", "NFD"):
        document = {unicodedata.normalize(form, "Schlüssel"): unicodedata.normalize(form, "Größe é")}
        assert np.array_equal(encoder.encode_one(document), encoder.encode_one({"Schlüssel": "Größe é"}))
    # Of two keys with one normal form the last holds.
    assert np.array_equal(encoder.encode_one({"e\u0301": 1, "\u00e9": 2}), encoder.encode_one({"\u00e9": 2}))
    assert np.array_equal(encoder.encode_one({"\u00e9": 2, "e\u0301": 1}), encoder.encode_one({"\u00e9": 1}))
    assert np.array_equal(encoder.encode_one('{"a": 1, "a": 2}'), encoder.encode_one({"a": 2}))


@pytest.mark.parametrize("d", [512, 2048, 8192])
def test_null_is_not_missing(d):
    encoder = JSONEncoder(d)
    assert cosine(encoder, {"a": 1, "b": None}, {"a": 1}) == pytest.approx(1 / math.sqrt(2), abs=4 / math.sqrt(d))
    rest = [{"b": value} for value in (None, True, False, {}, [], "")]
    vectors = encoder.transform(rest)
    assert np.abs(vectors @ vectors.T - np.eye(6)).max() < 5 / math.sqrt(d)


def raw_kernel(one, two):
    """The closed form of E cos for raw numbers, lanes with steps from 2^-6 to 2^3."""
    a, b = -6, 3
    low, high, c = 2.0**a, 2.0**b, (b - a) * math.log(2)
    delta = abs(math.asinh(10 * one) - math.asinh(10 * two))
    if delta <= low:
        return 1 - delta * (1 / low - 1 / high) / c
    return math.log2(high / delta) / (b - a) - (1 - delta / high) / c if delta < high else 0.0


def test_the_number_kernel_is_the_closed_form():
    encoder = JSONEncoder(65536)
    numbers = [1, 1.001, 1.01, 1.1, 2, 10, 100, 1e6, 1e300, 0, 0.05, -1, -2.5]
    vectors = encoder.transform([[x] for x in numbers]).astype(np.float64)
    found = vectors @ vectors.T
    expected = np.array([[raw_kernel(x, y) for y in numbers] for x in numbers])
    assert np.abs(found - expected).max() < 0.04
    quoted = [found[0, numbers.index(y)] for y in (1.01, 1.1, 2, 10)]
    assert np.allclose(quoted, [0.90, 0.55, 0.25, 0.09], atol=0.04)


def test_positions_tell_nested_rows_from_columns():
    encoder = JSONEncoder(4096, arrays=("pos",))
    assert cosine(encoder, [[1, 200], [30, 4]], [[1, 30], [200, 4]]) < 0.65


def test_the_set_view_sees_through_order():
    tags = {"tags": ["red", "green", "blue", "gold"]}
    turned = {"tags": ["gold", "red", "green", "blue"]}
    assert cosine(JSONEncoder(arrays=("pos",)), tags, turned) < 0.3
    assert cosine(JSONEncoder(), tags, turned) == pytest.approx(0.5, abs=0.1)
    assert cosine(JSONEncoder(arrays=("set",)), tags, turned) == pytest.approx(1, abs=1e-6)


def test_array_norm_keeps_long_arrays_from_drowning_the_rest():
    one = {"id": "alpha", "log": [f"line {i}" for i in range(200)]}
    two = {"id": "alpha", "log": [f"entry {i * 7}" for i in range(200)]}
    with_norm, without = (JSONEncoder(arrays=("pos",), array_norm=norm) for norm in (True, False))
    assert cosine(with_norm, one, two) == pytest.approx(0.5, abs=0.1)
    assert cosine(without, one, two) < 0.1


def test_conjunctions_see_which_values_stand_together():
    one, two = {"a": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}, {"a": [{"x": 1, "y": 4}, {"x": 3, "y": 2}]}
    plain, paired = (JSONEncoder(4096, arrays=("set",), conjunctions=c) for c in (False, True))
    assert np.array_equal(plain.encode_one(one), plain.encode_one(two))
    assert cosine(paired, one, two) < 0.85


def test_objects_too_large_for_conjunctions_are_counted():
    encoder = JSONEncoder(d=512, conjunctions=True)
    large = {f"k{i}": i for i in range(65)}
    encoder.transform([large, {"a": [large, large]}, {f"k{i}": i for i in range(64)}])
    assert encoder.conjunctions_skipped_ == 3
    assert np.array_equal(encoder.encode_one(large), JSONEncoder(d=512).encode_one(large))


def test_weights_multiply_and_zero_drops():
    document = {"title": "red fox", "body": {"text": "long", "note": "x"}, "items": [{"n": 1, "m": 2}]}
    dropped = {"title": "red fox", "body": {"text": "long"}, "items": [{"m": 2}]}
    encoder = JSONEncoder(weights={"body.note": 0, "items[*].n": 0})
    assert np.array_equal(encoder.encode_one(document), JSONEncoder().encode_one(dropped))
    heavy = JSONEncoder(weights={"title": 5.0})
    assert cosine(heavy, document, {"title": "red fox"}) == pytest.approx(5 / math.sqrt(25 + 3), abs=0.05)
    nested = JSONEncoder(weights={"body": 2.0, "body.text": 3.0}, strings=("whole",))
    alone = JSONEncoder(weights={"body.text": 6.0}, strings=("whole",))
    assert np.array_equal(nested.encode_one({"body": {"text": "t"}}), alone.encode_one({"body": {"text": "t"}}))


def test_a_query_weighs_its_paths():
    encoder = JSONEncoder(output="int32")
    documents = [{"name": "Ada", "city": "Paris"}, {"name": "Bob", "city": "London"}]
    vectors = JSONEncoder().transform(documents)
    by_name = encoder.encode_query({"name": "Ada", "city": "London"}, {"name": 4.0})
    by_city = encoder.encode_query('{"name": "Ada", "city": "London"}', {"city": 4.0})
    assert np.argmax(vectors @ by_name) == 0
    assert np.argmax(vectors @ by_city) == 1
    assert np.array_equal(encoder.encode_query(ORDER), encoder.encode_one(ORDER))
    weighted = JSONEncoder(weights={"name": 2.0}, output="int32")
    both = weighted.encode_query({"name": "Ada"}, {"name": 3.0})
    assert np.array_equal(both, JSONEncoder(weights={"name": 6.0}, output="int32").encode_one({"name": "Ada"}))


def test_outputs_are_forms_of_one_sum():
    sums = JSONEncoder(output="int32").transform(DOCUMENTS)
    floats = JSONEncoder().transform(DOCUMENTS)
    packed = JSONEncoder(output="bits").transform(DOCUMENTS)
    assert (sums.dtype, floats.dtype, packed.dtype) == (np.int32, np.float32, np.uint8)
    assert packed.shape == (len(DOCUMENTS), 256)
    wide = sums.astype(np.float64)
    assert np.allclose(floats, wide / np.linalg.norm(wide, axis=1, keepdims=True), atol=1e-6)
    unpacked = np.unpackbits(packed, axis=1, bitorder="little").astype(np.int8) * 2 - 1
    assert (unpacked == np.sign(sums))[sums != 0].all()
    some = sums[0] + (sums[0] == 0) * unpacked[0]
    assert np.array_equal(bits.pack(some[None].astype(np.float32)).words.view(np.uint8).reshape(-1)[:256], packed[0])


@pytest.mark.parametrize("fitted", [False, True])
def test_saved_encoders_come_back(tmp_path, fitted):
    options = dict(
        d=512, weights={"a[*].b": 2.0, ("x.y",): 0.5}, idf=True, arrays=("set", "pos"), output="bits", seed=9
    )
    encoder = JSONEncoder(**options)
    if fitted:
        encoder.fit([*DOCUMENTS, *DOCUMENTS])
    encoder.save(tmp_path / "encoder")
    loaded = JSONEncoder.load(tmp_path / "encoder")
    assert loaded.fingerprint == encoder.fingerprint
    assert np.array_equal(loaded.transform(DOCUMENTS), encoder.transform(DOCUMENTS))
    if fitted:
        with pytest.raises(ValueError, match="no terms seen once"):
            loaded.partial_fit(DOCUMENTS)


def test_a_changed_file_is_noticed(tmp_path):
    path = JSONEncoder(d=512).save(tmp_path / "encoder")
    text = (path / "meta.json").read_text()
    (path / "meta.json").write_text(text.replace("512", "1024"))
    with pytest.raises(ArtifactError, match=r"meta\.json"):
        JSONEncoder.load(path)


def test_copies_work_alike():
    encoder = JSONEncoder(d=512, idf=True).fit(DOCUMENTS)
    encoder.transform(DOCUMENTS)
    for twin in (pickle.loads(pickle.dumps(encoder)), copy.deepcopy(encoder)):
        assert twin.fingerprint == encoder.fingerprint
        assert np.array_equal(twin.transform(DOCUMENTS), encoder.transform(DOCUMENTS))


def test_the_fingerprint_follows_what_changes_vectors():
    base = JSONEncoder().fingerprint
    assert base == JSONEncoder(output="bits", strings=("grams", "words", "whole"), arrays=["set", "pos"]).fingerprint
    others = [
        JSONEncoder(1024), JSONEncoder(seed=1), JSONEncoder(strings=("whole",)), JSONEncoder(arrays=("pos",)),
        JSONEncoder(array_norm=False), JSONEncoder(conjunctions=True), JSONEncoder(idf=True),
        JSONEncoder(weights={"a": 2}), JSONEncoder().fit(DOCUMENTS),
    ]  # fmt: skip
    assert len({base, *(encoder.fingerprint for encoder in others)}) == len(others) + 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"d": 1000}, ValueError, "multiple of 512"),
        ({"d": 0}, ValueError, "multiple of 512"),
        ({"d": True}, TypeError, "whole number"),
        ({"d": 2048.0}, TypeError, "whole number"),
        ({"strings": "whole"}, TypeError, "tuple of whole, words, grams"),
        ({"strings": ()}, ValueError, "one or more"),
        ({"arrays": ("pos", "pos")}, ValueError, "each once"),
        ({"arrays": ("position",)}, ValueError, "one or more of pos, set, adj, end"),
        ({"array_norm": 1}, TypeError, "True or False"),
        ({"idf": None}, TypeError, "True or False"),
        ({"seed": -1}, ValueError, "at least 0"),
        ({"seed": "0"}, TypeError, "whole number"),
        ({"output": "float64"}, ValueError, "float32, int32, bits"),
        ({"weights": [("a", 1)]}, TypeError, "mapping"),
        ({"weights": {"a": -1}}, ValueError, "at least 0"),
        ({"weights": {"a": math.nan}}, ValueError, "finite"),
        ({"weights": {"a": "2"}}, TypeError, "must be a number"),
        ({"weights": {"a[0]": 1}}, ValueError, r"write \[\*\]"),
        ({"weights": {"a": 1, ("a",): 2}}, ValueError, "twice"),
        ({"weights": {"a..b": 1}}, ValueError, "must look like"),
    ],
)
def test_wrong_options_are_named(options, error, message):
    with pytest.raises(error, match=message):
        JSONEncoder(**options).transform([{}])
