"""The index against an exhaustive search written down here, for every kind and backend."""

import numpy as np
import pytest

from signwise.bits import PackedBits
from signwise.errors import DataError, MissingExtraError
from signwise.vsa import JSONEncoder, JSONIndex
from signwise.vsa._signs import sign_scores, sign_words, words_of

ENCODER = JSONEncoder(512, strings=("whole", "words"))
WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]
DOCUMENTS = [
    {"name": f"{WORDS[i % 10]} {WORDS[i * 7 % 10]}", "size": i % 13, "tags": WORDS[i % 3 : i % 5 + 1]}
    for i in range(150)
]
METADATA = [{"i": i, "odd": bool(i % 2)} for i in range(150)]
VECTORS = ENCODER.transform(DOCUMENTS)
SIGNS = PackedBits(words_of(np.stack([ENCODER.encode_one(d, output="bits") for d in DOCUMENTS])), 512).unpack("float64")
WHOLE = [ENCODER.encode_one(d, output="int32") for d in DOCUMENTS]
QUERIES = [{"name": "beta iota"}, {"size": 5, "tags": ["gamma"]}, DOCUMENTS[77], '{"name": "kappa"}']

FLAT = [(kind, backend) for kind in ("binary-flat", "float-flat") for backend in (None, "faiss", "usearch")]
GRAPHS = [(kind, backend) for kind in ("binary-hnsw", "float-hnsw") for backend in ("faiss", "usearch")]
every_kind = pytest.mark.parametrize(("kind", "backend"), FLAT + GRAPHS)


def needs(backend):
    if backend is not None:
        pytest.importorskip({"usearch": "usearch.index"}.get(backend, backend))


def made(kind="binary-flat", backend=None, count=150):
    needs(backend)
    index = JSONIndex(ENCODER, kind=kind, backend=backend)
    index.add(DOCUMENTS[:count], keys=[f"k{i}" for i in range(count)], metadata=METADATA[:count])
    return index


def expected(query, k, kind, rows):
    """Row numbers and scores by the definition of the two kinds of score."""
    y = ENCODER.encode_one(query, output="int32").astype(np.float64)
    stored = SIGNS / np.sqrt(512) if kind.startswith("binary") else VECTORS.astype(np.float64)
    scores = stored @ y / np.linalg.norm(y)
    order = sorted(rows, key=lambda row: (-round(scores[row], 6), row))
    return [(f"k{row}", scores[row]) for row in order[:k]]


def check(hits, wanted):
    assert [hit.score for hit in hits] == pytest.approx([score for _, score in wanted], abs=2e-6)
    assert {hit.key for hit in hits[:-1]} <= {key for key, _ in wanted}


def test_signs_and_scores_are_those_of_the_definition():
    y = np.stack(WHOLE)
    y[:, ::7] = 0
    packed = sign_words(y[:4], 5)
    signs = PackedBits(packed, 512).unpack("float64")
    tie = JSONEncoder(512, seed=5, weights={"": 0}).encode_one({"a": 1}, output="bits")
    assert np.array_equal(
        np.where(y[:4] != 0, np.sign(y[:4]), PackedBits(words_of(tie[None]), 512).unpack("int8")), signs
    )
    assert np.array_equal(PackedBits(sign_words(np.stack(WHOLE), 0), 512).unpack("float64"), SIGNS)
    scores = [float(s @ y[9]) / np.linalg.norm(y[9]) / 512**0.5 for s in signs]
    assert sign_scores(y[9], packed) == pytest.approx(scores, abs=1e-12)
    assert sign_scores(y[9].astype(np.float64), packed, np.array([3, 0])) == pytest.approx(scores[3::-3], abs=1e-12)
    assert sign_scores(y[9].astype(np.int64) * 2**40, packed) == pytest.approx(scores, abs=1e-12)


@every_kind
def test_search(kind, backend):
    index = made(kind, backend)
    for query in QUERIES:
        hits = index.search(query, 5)
        check(hits, expected(query, 5, kind, range(150)))
        assert all(hit.metadata == METADATA[int(hit.key[1:])] for hit in hits)
    assert [index.search(query, 5) for query in QUERIES] == index.search_many(QUERIES, 5)


@every_kind
def test_filters_are_exact(kind, backend):
    index = made(kind, backend)
    rows = [i for i in range(150) if i % 2 and i >= 40]
    hits = index.search(QUERIES[0], 4, where={"odd": True, "i": {"min": 40}})
    check(hits, expected(QUERIES[0], 4, kind, rows))
    assert index.search(QUERIES[0], where={"i": [3, 4, 1000]}, k=9)[0].metadata["i"] in (3, 4)
    assert index.search(QUERIES[0], where={"i": -1}) == []


@every_kind
def test_deleted_documents_are_stepped_over(kind, backend):
    index = made(kind, backend)
    gone = [i for i in range(150) if i % 10]
    index.delete([f"k{i}" for i in gone])
    assert (len(index), index.tombstones) == (15, 135)
    left = range(0, 150, 10)
    for query in QUERIES:
        check(index.search(query, 15), expected(query, 15, kind, left))
    index.compact()
    assert (len(index), index.tombstones) == (15, 0)
    assert index.keys() == [f"k{i}" for i in left]
    for query in QUERIES:
        check(index.search(query, 15), expected(query, 15, kind, left))
    index.delete(index.keys())
    assert index.search(QUERIES[0]) == []
    assert len(index) == 0


@every_kind
def test_saved_and_loaded(kind, backend, tmp_path):
    index = made(kind, backend, 100)
    index.delete(["k3"])
    index.save(tmp_path / "index")
    loaded = JSONIndex.load(tmp_path / "index")
    assert (loaded.kind, loaded.backend, len(loaded), loaded.tombstones) == (kind, backend, 99, 1)
    assert loaded.search_many(QUERIES) == index.search_many(QUERIES)
    loaded.add(DOCUMENTS[100:], keys=[f"k{i}" for i in range(100, 150)], metadata=METADATA[100:])
    loaded.save(tmp_path / "index")
    again = JSONIndex.load(tmp_path / "index", encoder=ENCODER)
    check(again.search(QUERIES[1], 5), expected(QUERIES[1], 5, kind, [i for i in range(150) if i != 3]))


def test_another_backend_at_loading(tmp_path):
    needs("faiss")
    made("binary-flat").save(tmp_path / "flat")
    flat = JSONIndex.load(tmp_path / "flat", backend="faiss")
    assert flat.search(QUERIES[0]) == made("binary-flat", "faiss").search(QUERIES[0])
    needs("usearch")
    made("float-hnsw", "faiss").save(tmp_path / "graph")
    graph = JSONIndex.load(tmp_path / "graph", backend="usearch")
    check(graph.search(QUERIES[0], 5), expected(QUERIES[0], 5, "float-hnsw", range(150)))


def test_upsert_replaces():
    index = made()
    index.upsert([DOCUMENTS[9], DOCUMENTS[7], DOCUMENTS[8]], keys=["k5", "new", "k5"], metadata=[None, {"n": 1}, None])
    assert (len(index), index.tombstones) == (151, 1)
    assert index.metadata("new") == {"n": 1}
    assert index.metadata("k5") is None
    assert {hit.key for hit in index.search(DOCUMENTS[8], 2)} == {"k5", "k8"}
    with pytest.raises(TypeError, match="keys"):
        index.upsert([DOCUMENTS[0]])


def test_numbers_are_the_default_keys():
    index = JSONIndex(ENCODER)
    assert list(index.add(DOCUMENTS[:3]).keys) == [0, 1, 2]
    index.delete([1])
    index.add(DOCUMENTS[3:4], keys=["text"])
    assert list(index.add(DOCUMENTS[4:5]).keys) == [3]
    assert index.keys() == [0, 2, "text", 3]
    assert 0 in index
    assert "0" not in index
    assert None not in index


def test_rejects_use_up_their_key(tmp_path):
    index = JSONIndex(ENCODER)
    added = index.add(
        ['{"a": 1}', "{", '{"a": NaN}', '{"a": 2}'], on_error="skip", metadata=[{"n": n} for n in range(4)]
    )
    assert list(added.keys) == [0, 3]
    assert [reject.line for reject in added.rejects] == [2, 3]
    assert index.metadata(3) == {"n": 3}
    path = tmp_path / "lines.jsonl"
    path.write_text('{"a": 1}\n\n{"a"\n{"a": 3}\n')
    added = index.add(path, on_error="skip", keys=["x", "y", "z"])
    assert list(added.keys) == ["x", "z"]
    assert [reject.line for reject in added.rejects] == [3]


@pytest.mark.parametrize(
    ("documents", "options", "error", "message"),
    [
        (DOCUMENTS[:2], {"keys": ["a", "a"]}, ValueError, "'a' is given twice"),
        (DOCUMENTS[:2], {"keys": ["a", "k3"]}, ValueError, "'k3' is in the index already"),
        (DOCUMENTS[:2], {"keys": ["a"]}, ValueError, "fewer keys"),
        (DOCUMENTS[:2], {"keys": ["a", "b", "c"]}, ValueError, "more keys than"),
        (DOCUMENTS[:2], {"metadata": [None] * 3}, ValueError, "more metadata than"),
        (DOCUMENTS[:2], {"metadata": [{}, {"a": 1j}]}, TypeError, "JSON types"),
        (DOCUMENTS[:2], {"keys": ["a", 1.5]}, TypeError, "text or a whole number"),
        ([*DOCUMENTS[:2], '{"a": NaN}'], {}, DataError, "document 3"),
        (DOCUMENTS[0], {}, TypeError, "one document"),
    ],
)
def test_what_fails_leaves_nothing_behind(documents, options, error, message, monkeypatch):
    index = made(count=10)
    before = index.search(QUERIES[0]), index.keys(), index.nbytes
    with pytest.raises(error, match=message):
        index.add(documents, **options)
    assert (index.search(QUERIES[0]), index.keys(), index.nbytes) == before
    index.add(DOCUMENTS[10:], keys=[f"k{i}" for i in range(10, 150)])
    check(index.search(QUERIES[0], 5), expected(QUERIES[0], 5, "binary-flat", range(150)))


def test_an_error_in_a_later_batch_undoes_the_first():
    index = made(count=10)

    def documents():
        for i in range(2000):
            yield {"i": i}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.add(documents())
    assert len(index) == 10
    assert index.tombstones == 0


def test_deleting_what_is_not_there():
    index = made(count=10)
    with pytest.raises(KeyError, match="'zero' is not in the index"):
        index.delete(["k1", "zero"])
    with pytest.raises(KeyError, match="'zero' is not in the index"):
        index.metadata("zero")
    assert len(index) == 10


def test_weights_and_vectors_as_queries():
    index = made()
    plain, weighted = index.search(DOCUMENTS[7], 3), index.search(DOCUMENTS[7], 3, weights={"name": 5.0, "tags": 0})
    assert plain[0].key == "k7"
    assert plain != weighted
    assert index.search(WHOLE[7], 3) == plain
    y = ENCODER.encode_query(DOCUMENTS[7], {"name": 5.0, "tags": 0}, output="int32")
    assert index.search(y, 3) == weighted
    assert all(hit.score == 0 for hit in index.search(np.zeros(512, np.int32), 3))
    with pytest.raises(ValueError, match="weights are of the paths"):
        index.search(y, weights={"name": 1})
    for bad in (np.zeros(511, np.int32), np.zeros(512, np.uint8)):
        with pytest.raises(ValueError, match="has shape"):
            index.search(bad)


def test_refusals():
    with pytest.raises(ValueError, match="kind must be one of"):
        JSONIndex(ENCODER, kind="hnsw")
    with pytest.raises(ValueError, match="backend must be"):
        JSONIndex(ENCODER, backend="annoy")
    with pytest.raises(ValueError, match='needs backend="faiss"'):
        JSONIndex(ENCODER, kind="binary-hnsw")
    with pytest.raises(TypeError, match="JSONEncoder, got dict"):
        JSONIndex({})
    index = made(count=3)
    for k in (0, -1):
        with pytest.raises(ValueError, match="at least 1"):
            index.search(QUERIES[0], k)
    for k in (True, 2.0):
        with pytest.raises(TypeError, match="whole number"):
            index.search(QUERIES[0], k)
    with pytest.raises(TypeError, match="several documents"):
        index.search_many(QUERIES[0])
    with pytest.raises(ValueError, match="threshold"):
        index.duplicates(0)
    assert index.search_many([]) == []
    assert JSONIndex(ENCODER).search(QUERIES[0]) == []


def test_the_encoder_is_copied():
    encoder = JSONEncoder(512)
    index = JSONIndex(encoder)
    encoder.d, encoder.output = 1024, "int32"
    index.add(DOCUMENTS[:2])
    assert len(index.search(DOCUMENTS[0])) == 2


def test_duplicates():
    near = {**DOCUMENTS[3], "size": DOCUMENTS[3]["size"] + 0.01}
    for kind in ("binary-flat", "float-flat"):
        index = JSONIndex(ENCODER, kind=kind)
        index.add([DOCUMENTS[3], DOCUMENTS[4], near, DOCUMENTS[4], DOCUMENTS[5]], keys=["a", "b", "c", "d", "e"])
        assert index.duplicates(0.9) == [["a", "c"], ["b", "d"]]
        assert index.duplicates(1.0) == [["b", "d"]]
        index.delete(["d"])
        assert index.duplicates(0.9) == [["a", "c"]]
        assert JSONIndex(ENCODER, kind=kind).duplicates() == []


def test_the_size_of_a_vector():
    index = made()
    assert index.nbytes <= 1.15 * 150 * 512 / 8


def test_a_missing_backend_names_its_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtraError, match=r"signwise\[index\]"):
        JSONIndex(ENCODER, backend="faiss")
