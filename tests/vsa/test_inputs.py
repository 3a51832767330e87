"""Where documents come from, and what becomes of those that cannot be encoded."""

from __future__ import annotations

import sys

import numpy as np
import orjson
import pytest

from signwise._native import use_fallback
from signwise.errors import DataError, MissingExtraError
from signwise.vsa import JSONEncoder, Reject
from signwise.vsa import _inputs as inputs

from .documents import DOCUMENTS, ORDER

BAD = ['{"a": 1', {"a": [1, float("nan")]}, "[1]", {"b": "\ud800"}, 7, {"c": {1: 2}}, "[2]"]


@pytest.fixture(params=[True, False], ids=["kernel", "fallback"])
def native(request):
    if request.param:
        yield
    else:
        with use_fallback():
            yield


def test_a_jsonl_file_is_its_lines(tmp_path, monkeypatch):
    encoder = JSONEncoder(d=512)
    path = tmp_path / "documents.jsonl"
    lines = [orjson.dumps(document) for document in DOCUMENTS if document != DOCUMENTS[7]]
    path.write_bytes(b"\n".join(lines[:3]) + b"\r\n\n  \n" + b"\n".join(lines[3:]) + b"\n")
    expected = encoder.transform(lines)
    for items in (1, 3, 1000):
        monkeypatch.setattr(inputs, "BATCH_ITEMS", items)
        assert np.array_equal(encoder.transform(path), expected)
    batches = list(encoder.transform_batches(path, batch_size=4))
    assert np.array_equal(np.concatenate([batch.vectors for batch in batches]), expected)
    numbers = [line for batch in batches for line in batch.lines]
    assert numbers == [1, 2, 3, *range(6, 6 + len(lines) - 3)]
    assert np.array_equal(encoder.transform(iter(lines)), expected)


def test_an_empty_source_has_no_rows(tmp_path):
    (tmp_path / "empty.jsonl").write_bytes(b"\n")
    for output, width in (("float32", 512), ("bits", 64)):
        encoder = JSONEncoder(d=512, output=output)
        for source in ([], iter([]), tmp_path / "empty.jsonl"):
            assert encoder.transform(source).shape == (0, width)


@pytest.mark.usefixtures("native")
def test_bad_documents_are_listed():
    encoder = JSONEncoder(d=512)
    got = encoder.transform(BAD, on_error="skip")
    assert np.array_equal(got, encoder.transform(["[1]", "[2]"]))
    encoder.transform(iter(BAD), on_error="skip")
    assert [reject.line for reject in encoder.rejects_] == [1, 2, 4, 5, 6]
    reasons = [reject.reason for reject in encoder.rejects_]
    assert reasons[1] == "at a[1]: nan is no JSON number; give null or leave the member out"
    assert reasons[2].startswith("at b: a lone surrogate")
    assert reasons[3] == "expected a dict, a list, or JSON text as str or bytes, got int"
    assert reasons[4] == "at c: keys must be str, got int"
    encoder.transform(["[1]"])
    assert encoder.rejects_ == []
    encoder.fit(BAD, on_error="skip")
    assert isinstance(encoder.rejects_[0], Reject)
    assert encoder.state_.documents == 2


@pytest.mark.usefixtures("native")
def test_a_bad_document_stops_the_work_with_its_line(tmp_path):
    encoder = JSONEncoder(d=512)
    path = tmp_path / "bad.jsonl"
    path.write_text('{"a": 1}\n\n{"a": tru}\n')
    with pytest.raises(DataError, match=r"bad\.jsonl, line 3: .*line 1 column 7"):
        encoder.transform(path)
    with pytest.raises(DataError, match="document 2: at a: inf is no JSON number"):
        encoder.transform([{}, {"a": float("inf")}])
    with pytest.raises(TypeError, match=r"document 1: at a: expected dict, list, .* got set"):
        encoder.transform([{"a": {1}}])
    encoder.fit([{"a": 1}])
    before = encoder.fingerprint
    with pytest.raises(DataError):
        encoder.partial_fit([{"a": 2}, "{"])
    assert encoder.fingerprint == before
    with pytest.raises(ValueError, match=r'"raise" or "skip"'):
        encoder.transform([{}], on_error="ignore")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('{"a": 1}', "ambiguous"),
        (b"{}", "ambiguous"),
        ({"a": 1}, "one document"),
        (7, "iterable of dict"),
        (None, "iterable of dict"),
    ],
)
def test_ambiguous_sources_are_refused(source, message):
    with pytest.raises(TypeError, match=message):
        JSONEncoder(d=512).transform(source)


def test_a_data_frame_is_refused_with_advice():
    pd = pytest.importorskip("pandas")
    with pytest.raises(TypeError, match="to_dict"):
        JSONEncoder(d=512).transform(pd.DataFrame([{"a": 1}]))
    assert JSONEncoder(d=512).transform(pd.Series(["[1]", "{}"])).shape == (2, 512)


def test_arrow_data():
    pa = pytest.importorskip("pyarrow")
    rows = [{"a": i, "b": [f"x{i}", None], "c": {"d": i / 3}} for i in range(5)]
    encoder = JSONEncoder(d=512)
    expected = encoder.transform(rows)
    table = pa.Table.from_pylist(rows)
    texts = pa.array([orjson.dumps(row).decode() for row in rows])
    sources = [
        table,
        table.to_batches()[0],
        texts,
        texts.cast(pa.large_binary()),
        pa.chunked_array([texts[:2], texts[2:]]),
    ]
    for source in [*sources, pa.array(rows)]:
        assert np.array_equal(encoder.transform(source), expected)
    with pytest.raises(TypeError, match="row 1: expected a dict"):
        encoder.transform(pa.array([1, 2]))
    with pytest.raises(TypeError, match=r"a table, a record batch or a column, got pyarrow\.Schema"):
        encoder.transform(table.schema)


def test_arrow_data_without_pyarrow_names_the_extra(monkeypatch):
    pa = pytest.importorskip("pyarrow")
    data = pa.array(["{}"])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"signwise\[arrow\]"):
        JSONEncoder(d=512).transform(data)


def test_subclasses_of_json_types_are_taken():
    from collections import OrderedDict, defaultdict
    from enum import IntEnum

    class Level(IntEnum):
        HIGH = 3

    class Name(str):
        __slots__ = ()

    document = OrderedDict(a=Level.HIGH, b=defaultdict(list, c=(1, np.float64(2.5))), d=Name("x"))
    plain = {"a": 3, "b": {"c": [1, 2.5]}, "d": "x"}
    encoder = JSONEncoder(d=512)
    assert np.array_equal(encoder.encode_one(document), encoder.encode_one(plain))
    with use_fallback():
        assert np.array_equal(encoder.encode_one(document), encoder.encode_one(plain))
    with pytest.raises(TypeError, match=r"at a: expected dict, list, .* got int64"):
        encoder.encode_one({"a": np.int64(1)})


def test_documents_are_left_as_they_are():
    document = orjson.loads(orjson.dumps(ORDER))
    JSONEncoder(d=512).fit([document]).transform([document])
    assert document == ORDER
