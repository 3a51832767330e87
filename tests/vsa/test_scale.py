"""Encoding by batches of columns: equal to the local encoding, byte for byte; with Ray where that is there."""

import numpy as np
import orjson
import pytest

from signwise.errors import DataError, MissingExtraError
from signwise.vsa import EncodeBatch, JSONEncoder, encode_dataset, fit_dataset

DOCUMENTS = [
    {
        "id": i,
        "name": f"name {i % 7}",
        "size": i * 0.5,
        "tags": ["a", "b"][: i % 3],
        "in": {"x": None, "y": bool(i % 2)},
    }
    for i in range(60)
]
TEXTS = np.array([orjson.dumps(d).decode() for d in DOCUMENTS], object)


@pytest.mark.parametrize("output", ["float32", "int32", "bits"])
def test_a_column_of_text(output):
    encoder = JSONEncoder(512, output=output)
    expected = encoder.transform(DOCUMENTS)
    whole = EncodeBatch(encoder, column="text")({"text": TEXTS, "n": np.arange(60)})
    assert list(whole) == ["text", "n", "vector"]
    assert whole["vector"].tobytes() == expected.tobytes()
    for size in (1, 7, 59):
        encode = EncodeBatch(encoder, column="text", name="v", keep=[])
        parts = [encode({"text": TEXTS[i : i + size]})["v"] for i in range(0, 60, size)]
        assert np.concatenate(parts).tobytes() == expected.tobytes()


def test_rows_as_documents():
    encoder = JSONEncoder(512)
    # What Ray gives of such rows: numpy columns, lists and structs as objects.
    columns = {
        name: np.array([d[name] for d in DOCUMENTS], None if name in ("id", "size", "name") else object)
        for name in DOCUMENTS[0]
    }
    columns["tags"] = np.empty(60, object)
    columns["tags"][:] = [np.array(d["tags"], object) for d in DOCUMENTS]
    out = EncodeBatch(encoder, keep=["id"])(columns)
    assert list(out) == ["id", "vector"]
    assert out["vector"].tobytes() == encoder.transform(DOCUMENTS).tobytes()


def test_a_fitted_encoder_goes_to_workers_by_pickle():
    import pickle

    encoder = JSONEncoder(512, idf=True).fit(DOCUMENTS)
    encode = pickle.loads(pickle.dumps(EncodeBatch(encoder, column="text")))
    assert encode({"text": TEXTS})["vector"].tobytes() == encoder.transform(DOCUMENTS).tobytes()


def test_refusals(tmp_path, monkeypatch):
    encode = EncodeBatch(JSONEncoder(512), column="text")
    with pytest.raises(ValueError, match="no column 'text'"):
        encode({"body": TEXTS})
    with pytest.raises(DataError, match="document 2"):
        encode({"text": np.array(["{}", "{"], object)})
    import sys

    monkeypatch.setitem(sys.modules, "ray.data", None)
    with pytest.raises(MissingExtraError, match=r"signwise\[scale\]"):
        encode_dataset("a.jsonl", JSONEncoder(512), "b")


def vectors(table):
    """The bytes of each vector by its text."""
    return {row["text"]: np.array(row["vector"], np.uint8).tobytes() for row in table.to_pylist()}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ray_gives_the_local_bytes(tmp_path, monkeypatch):
    # Ray's own libraries warn at import and on leaving; what is tested here is what it computes.
    ray = pytest.importorskip("ray")
    pq = pytest.importorskip("pyarrow.parquet")
    import pathlib

    import signwise

    monkeypatch.setenv("RAY_DEDUP_LOGS", "0")
    source = str(pathlib.Path(signwise.__file__).parents[1])
    runtime = {"env_vars": {"PYTHONPATH": source, "SIGNWISE_THREADS": "1"}}
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR", runtime_env=runtime)
    try:
        (tmp_path / "in").mkdir()
        for part in range(2):
            lines = [orjson.dumps(d) for d in DOCUMENTS[30 * part : 30 * part + 30]]
            (tmp_path / "in" / f"{part}.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        local = JSONEncoder(512, idf=True, output="bits").fit(DOCUMENTS)
        encoder = fit_dataset(tmp_path / "in", JSONEncoder(512, idf=True, output="bits"), batch_size=16)
        assert encoder.fingerprint == local.fingerprint
        encode_dataset(tmp_path / "in", encoder, tmp_path / "out", batch_size=16)
        rows = vectors(pq.read_table(tmp_path / "out"))
        expected = local.transform(DOCUMENTS)
        assert len(rows) == 60
        assert rows == {orjson.dumps(d).decode(): v.tobytes() for d, v in zip(DOCUMENTS, expected, strict=True)}
        # Parquet to Parquet, from a column of text.
        encode_dataset(tmp_path / "out", encoder, tmp_path / "again", column="text", keep=["text"])
        assert vectors(pq.read_table(tmp_path / "again")) == rows
    finally:
        ray.shutdown()
