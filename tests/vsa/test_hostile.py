"""Documents made to break parsers and encoders: a defined result or an error with a path."""

from __future__ import annotations

import gc

import numpy as np
import orjson
import pytest

from signwise._native import core, use_fallback
from signwise.vsa import JSONEncoder

from .documents import ORDER

ENCODER = JSONEncoder(d=512)
needs_core = pytest.mark.skipif(core() is None, reason="the extension is not built, and the fallback takes minutes")


@pytest.fixture(params=[True, False], ids=["kernel", "fallback"])
def _native(request):
    if request.param:
        yield
    else:
        with use_fallback():
            yield


def nested(depth, kind):
    value = 1
    for _ in range(depth):
        value = [value] if kind == "array" else {"a": value}
    return value


@pytest.mark.usefixtures("_native")
@pytest.mark.parametrize("kind", ["array", "object"])
def test_depth(kind):
    assert np.isfinite(ENCODER.encode_one(nested(1024, kind))).all()
    with pytest.raises(ValueError, match=r"^at .*\.\.\..*: more than 1024 nested containers"):
        ENCODER.encode_one(nested(1025, kind))
    with pytest.raises(ValueError, match="more than 1024"):
        ENCODER.encode_one(nested(100_000, kind))
    gc.collect()


@pytest.mark.usefixtures("_native")
def test_depth_in_text_is_the_parsers_limit():
    for text in ("[" * 1025 + "]" * 1025, "[" * 100_000, '{"a":' * 100_000):
        with pytest.raises(ValueError, match=r"depth limit|unexpected end"):
            ENCODER.encode_one(text)


@pytest.mark.usefixtures("_native")
def test_a_document_inside_itself():
    document = {}
    document["a"] = [document]
    with pytest.raises(ValueError, match="more than 1024 nested"):
        ENCODER.encode_one(document)
    document.clear()


@pytest.mark.usefixtures("_native")
@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"a": {"b": [0, float("nan")]}}, r"^at a\.b\[1\]: nan is no JSON number"),
        ([float("-inf")], r"^at \[0\]: -inf is no JSON number"),
        ({"n": 10**400}, r"^at n: a whole number beyond the range of float64"),
        ({"n": -(10**5000)}, r"^at n: a whole number beyond the range of float64"),
        ({"a": "x\udc00"}, r"^at a: a lone surrogate"),
        ({"\ud800": 1}, r"^at \\ud800: a lone surrogate"),
        ({"\U0001d15e": ["\ud800"]}, "a lone surrogate"),
        ('{"a": "\\ud800"}', "surrogate"),
        ("NaN", "unexpected character"),
        ("1e400", "infinity"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b'{"a": "\xff"}', "UTF-8"),
        ("", "empty|unexpected end"),
        ("{} {}", "unexpected"),
    ],
)
def test_what_is_no_json_is_refused(document, message):
    with pytest.raises(ValueError, match=message):
        ENCODER.encode_one(document)


@pytest.mark.usefixtures("_native")
@pytest.mark.parametrize(("document", "kind"), [({"a": {1}}, "set"), ({"a": b"x"}, "bytes"), ([1j], "complex")])
def test_other_types_are_named(document, kind):
    with pytest.raises(TypeError, match=f"got {kind}"):
        ENCODER.encode_one(document)


@needs_core
def test_long_texts_and_arrays():
    long = {"text": "lorem ipsum " * 100_000, "numbers": list(range(100_000)), "words": ["a", "b"] * 50_000}
    vector = ENCODER.encode_one(long, output="int32")
    assert vector.any()
    assert np.array_equal(vector, ENCODER.encode_one(orjson.dumps(long), output="int32"))


@needs_core
@pytest.mark.slow
def test_an_array_of_a_million():
    got = ENCODER.encode_one({"a": list(range(10**6)), "b": [{"c": i % 3} for i in range(10**5)]})
    assert np.isfinite(got).all()


@needs_core
def test_many_keys():
    document = {f"key {i}": {"v": i} for i in range(30_000)}
    assert np.array_equal(ENCODER.encode_one(document), ENCODER.encode_one(dict(reversed(document.items()))))


def test_nothing_stays_behind_after_an_error():
    encoder = JSONEncoder(d=512)
    expected = encoder.transform([ORDER, ORDER])
    got = encoder.transform([ORDER, {"a": float("nan")}, nested(1025, "array"), "{", ORDER], on_error="skip")
    assert np.array_equal(got, expected)


@pytest.mark.data
def test_verdicts_of_jsontestsuite_are_the_parsers(data_root):
    folder = data_root("json/jsontestsuite") / "json" / "jsontestsuite"
    files = sorted(folder.rglob("*.json"))
    assert len(files) > 300
    refused = 0
    for file in files:
        text = file.read_bytes()
        try:
            parsed = orjson.loads(text)
        except orjson.JSONDecodeError:
            refused += 1
            with pytest.raises(ValueError):  # noqa: PT011 - the parser's own message
                ENCODER.encode_one(text)
            continue
        vector = ENCODER.encode_one(text)
        assert np.isfinite(vector).all(), file.name
        if isinstance(parsed, (dict, list)):
            assert np.array_equal(ENCODER.encode_one(parsed), vector), file.name
        assert not file.name.startswith("n_"), file.name
    assert refused > 180
