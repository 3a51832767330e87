"""Documents from files: what is read, encoded, indexed and left out."""

import numpy as np
import orjson
import pytest

from signwise.errors import DataError
from signwise.vsa import JSONEncoder, JSONIndex, add_files, encode_files, read_documents

ENCODER = JSONEncoder(512, strings=("whole",))


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "in"
    (root / "sub").mkdir(parents=True)
    (root / "a.json").write_bytes(b'{\n "id": "one",\n "n": 1}')
    (root / "b.jsonl").write_bytes(b'{"id": 2, "n": 2}\n\n{"id": \n{"id": 3}\n{"n": 4}')
    (root / "sub" / "c.ndjson").write_bytes(b'{"id": [1], "n": 5}\n7\n')
    (root / "notes.txt").write_text("no JSON")
    return root


def test_read_documents(folder):
    found = [(s.name.removeprefix(f"{folder}/"), s.content) for s in read_documents([folder])]
    assert [name for name, _ in found] == [
        "a.json", "b.jsonl:1", "b.jsonl:3", "b.jsonl:4", "b.jsonl:5", "sub/c.ndjson:1", "sub/c.ndjson:2",
    ]  # fmt: skip
    assert found[1][1] == b'{"id": 2, "n": 2}\n'
    assert len(list(read_documents([folder / "notes.txt"]))) == 1
    with pytest.raises(DataError, match="no such file"):
        list(read_documents([folder / "none"]))
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match=r"no \.json"):
        list(read_documents([folder / "empty"]))


def test_encode_files(folder, tmp_path):
    for output in ("float32", "int32", "bits"):
        encoder = JSONEncoder(512, output=output)
        out = tmp_path / "out" / f"{output}.npy"
        done = encode_files(encoder, [folder], out)
        rows = [orjson.loads(line) for line in out.with_suffix(".names.jsonl").read_bytes().splitlines()]
        rejected = {(r.path, r.line) for r in done.rejects}
        kept = [s for s in read_documents([folder]) if (s.path, s.line) not in rejected]
        assert rejected >= {(folder / "b.jsonl", 3)}
        assert [(r["path"], r["line"]) for r in rows] == [(str(s.path), s.line) for s in kept]
        assert np.array_equal(np.load(out), encoder.transform([s.content for s in kept]))
        assert done.count == len(kept) == len(rows)
    assert not [p for p in (tmp_path / "out").iterdir() if p.name.startswith(".")]


def test_many_documents_keep_their_places(tmp_path):
    lines = [b"{" if i % 100 == 7 else b'{"i": %d, "s": "text %d"}' % (i, i) for i in range(3000)]
    (tmp_path / "many.jsonl").write_bytes(b"\n".join(lines))
    done = encode_files(ENCODER, [tmp_path / "many.jsonl"], tmp_path / "many.npy")
    assert [r.line for r in done.rejects] == list(range(8, 3001, 100))
    assert np.array_equal(np.load(tmp_path / "many.npy"), ENCODER.transform([line for line in lines if line != b"{"]))
    index = JSONIndex(ENCODER)
    added = add_files(index, [tmp_path / "many.jsonl"], key="i", metadata=["i"])
    assert [r.line for r in added.rejects] == list(range(8, 3001, 100))
    assert index.search(lines[2500], 1)[0].key == 2500
    assert index.metadata(2500) == {"path": str(tmp_path / "many.jsonl"), "line": 2501, "i": 2500}


def test_nothing_is_written_when_nothing_can_be_encoded(tmp_path):
    (tmp_path / "bad.jsonl").write_text("{\n[\n")
    with pytest.raises(DataError, match="no document could be encoded"):
        encode_files(ENCODER, [tmp_path / "bad.jsonl"], tmp_path / "bad.npy")
    assert [p.name for p in tmp_path.iterdir()] == ["bad.jsonl"]


def test_add_files(folder):
    index = JSONIndex(ENCODER)
    added = add_files(index, [folder], metadata=["n"])
    assert index.keys()[:2] == [str(folder / "a.json"), f"{folder / 'b.jsonl'}:1"]
    assert index.metadata(str(folder / "a.json")) == {"path": str(folder / "a.json"), "line": 0, "n": 1}
    assert [hit.metadata["n"] for hit in index.search({"n": 2}, where={"n": [2, 5]})] == [2, 5]
    assert added.count == len(index)
    by_id = JSONIndex(ENCODER)
    added = add_files(by_id, [folder, folder / "a.json"], key="id")
    assert by_id.keys() == [2, 3, "one"]
    reasons = {(r.path.name, r.line): r.reason for r in added.rejects}
    assert set(reasons) == {("b.jsonl", 3), ("b.jsonl", 5), ("c.ndjson", 1), ("c.ndjson", 2)}
    assert "no ('id',) to be its key" in reasons["b.jsonl", 5]
    assert "got list" in reasons["c.ndjson", 1]
