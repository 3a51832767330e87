from collections import Counter

import pytest

from signwise import data
from signwise.data import JsonDocument
from signwise.data._corpora import LABELS, list_corpus
from signwise.errors import DataError

CORPORA = [name for name in data.names() if data.describe(name).record == "JsonCorpus"]


def corpus(root, name, files):
    for path, content in files.items():
        file = root / "json" / name / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return data.load(name, root, verify=False)


@pytest.mark.parametrize(
    ("name", "path", "label", "group"),
    [
        (
            "github-webhook-payloads",
            "payload-examples/ghes-34/check_run/created.with-app.payload.json",
            "check_run/created",
            "ghes-34",
        ),
        (
            "github-webhook-payloads",
            "payload-examples/api.github.com/ping/payload.json",
            "ping/payload",
            "api.github.com",
        ),
        ("schemastore-test-documents", "src/test/jovo-language-model/en-US.json", "jovo-language-model", ""),
        ("schemastore-negative-test-documents", "src/negative_test/abc/deep/x.json", "abc", ""),
        ("vega-lite-specs", "examples/specs/normalized/bar_grouped_normalized.vl.json", "bar", ""),
        ("vega-lite-specs", "examples/specs/bar.vl.json", "bar", ""),
        ("fhir-r4-examples", "spec/hl7.fhir.r4.examples/4.0.1/package/Account-ewg.json", "Account", ""),
        ("go-vulndb-osv-cve", "data/osv/GO-2020-0001.json", "osv", ""),
        ("go-vulndb-osv-cve", "data/cve/v5/GO-2022-0956.json", "cve", ""),
        ("jsontestsuite", "test_parsing/n_array_comma.json", "n", ""),
        ("jsontestsuite", "test_transform/number_1.0.json", "transform", ""),
        ("simdjson-examples", "jsonexamples/gsoc-2018.json", "gsoc-2018", ""),
    ],
)
def test_labels(tmp_path, name, path, label, group):
    (document,) = corpus(tmp_path, name, {path: b'{"a": 1}'})
    assert document == JsonDocument(name=path, label=label, group=group, raw=b'{"a": 1}')
    assert document.parse() == {"a": 1}


def test_every_corpus_has_labels():
    assert sorted(LABELS) == sorted(CORPORA)


def test_documents_are_sorted_and_others_are_counted(tmp_path):
    files = {"data/osv/b.json": b"2", "data/osv/a.json": b"1", "data/osv/c.yaml": b""}
    loaded = corpus(tmp_path, "go-vulndb-osv-cve", files)
    assert loaded.paths == ("data/osv/a.json", "data/osv/b.json")
    assert [document.parse() for document in loaded] == [1, 2]
    assert [document.raw for document in loaded.documents()] == [b"1", b"2"]
    assert [(part.reason, part.count) for part in loaded.provenance.dropped] == [("not a JSON file", 1)]


def test_documents_are_read_when_asked_for(tmp_path):
    loaded = corpus(tmp_path, "go-vulndb-osv-cve", {"data/osv/a.json": b"1", "data/osv/b.json": b"2"})
    (tmp_path / "json" / "go-vulndb-osv-cve" / "data" / "osv" / "b.json").unlink()
    documents = iter(loaded)
    assert next(documents).parse() == 1
    with pytest.raises(DataError, match=r"b\.json: No such file"):
        next(documents)


def test_json_lines_are_a_list(tmp_path):
    (document,) = corpus(tmp_path, "simdjson-examples", {"jsonexamples/a.ndjson": b'{"a": 1}\n\n[2]\n'})
    assert document.parse() == [{"a": 1}, [2]]


def test_what_is_not_json_is_named(tmp_path):
    (document,) = corpus(tmp_path, "jsontestsuite", {"test_parsing/n_x.json": b"[1,]"})
    with pytest.raises(DataError, match=r"test_parsing/n_x\.json: not JSON"):
        document.parse()


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=r"has no \.json file"):
        list_corpus(tmp_path, "jsontestsuite")


def test_wrong_counts_are_refused(tmp_path):
    corpus(tmp_path, "jsontestsuite", {"test_parsing/n_x.json": b"[1,]"})
    with pytest.raises(DataError, match="has 340 documents, this file has 1"):
        data.load("jsontestsuite", tmp_path)


def test_text(tmp_path):
    (tmp_path / "a.txt").write_text("abba\n")
    loaded = data.load("tiny-shakespeare", tmp_path / "a.txt", verify=False)
    assert (loaded.text, loaded.alphabet, len(loaded)) == ("abba\n", ("\n", "a", "b"), 5)
    with pytest.raises(DataError, match="sha256"):
        data.load("tiny-shakespeare", tmp_path / "a.txt")
    (tmp_path / "a.txt").write_bytes(b"\xff")
    with pytest.raises(DataError, match="not UTF-8"):
        data.load("tiny-shakespeare", tmp_path / "a.txt", verify=False)


@pytest.mark.data
@pytest.mark.parametrize("name", CORPORA)
def test_corpora_as_published(data_root, name):
    loaded = data.load(name, data_root(f"json/{name}"))
    sizes = Counter(loaded.labels).values()
    at_least = {
        "schemastore-test-documents": {3: 105, 5: 55},
        "fhir-r4-examples": {10: 27},
    }
    for least, expected in at_least.get(name, {}).items():
        assert sum(size >= least for size in sizes) == expected
    if name != "jsontestsuite":
        assert loaded[0].parse() is not None


@pytest.mark.data
def test_the_conformance_suite_means_what_it_says(data_root):
    for document in data.load("jsontestsuite", data_root("json/jsontestsuite")):
        if document.label == "y":
            document.parse()
        elif document.label == "n":
            with pytest.raises(DataError):
                document.parse()


@pytest.mark.data
def test_tiny_shakespeare_as_published(data_root):
    loaded = data.load("tiny-shakespeare", data_root("text/tinyshakespeare.txt"))
    assert loaded.text.startswith("First Citizen:\nBefore we proceed any further")
