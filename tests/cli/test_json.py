"""The verb ``json``: from files to an index, hits, groups and explanations; wrong input is one line."""

import io
import json
import sys

import numpy as np
import pytest

from signwise.cli import main
from signwise.vsa import JSONEncoder, JSONIndex

PEOPLE = [
    {"id": "ada", "name": "Ada Lovelace", "born": 1815},
    {"id": "charles", "name": "Charles Babbage", "born": 1791},
    {"id": "ada2", "name": "Ada Lovelace", "born": 1815},
    {"id": "alan", "name": "Alan Turing", "born": 1912},
]


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "people.jsonl"
    path.write_text("".join(json.dumps(person) + "\n" for person in PEOPLE) + "{oops\n")
    return path


@pytest.fixture
def built(lines, tmp_path, capsys):
    where = tmp_path / "index"
    assert main(["json", "index", str(lines), "--out", str(where), "--key", "id", "--keep", "born", "--d", "512"]) == 0
    capsys.readouterr()
    return where


def rows(capsys):
    return [line.split("\t") for line in capsys.readouterr().out.splitlines()]


def test_index_says_what_it_took_and_left(lines, tmp_path, capsys):
    where = tmp_path / "index"
    assert main(["json", "index", str(lines), "--out", str(where), "--key", "id"]) == 0
    shown = capsys.readouterr()
    assert shown.out == f"4 documents added, 4 in {where}\n"
    assert shown.err.startswith(f"1 documents left out; the first: {lines}, line 5:")
    (reject,) = [json.loads(line) for line in (tmp_path / "index.rejects.jsonl").read_text().splitlines()]
    assert (reject["path"], reject["line"]) == (str(lines), 5)
    # Again: documents replace those with their keys, and the options of the first time stay.
    assert main(["json", "index", str(lines), "--out", str(where), "--key", "id", "--d", "1024"]) == 0
    assert "4 documents added, 4 in" in capsys.readouterr().out
    assert JSONIndex.load(where).encoder.d == 2048


def test_search(built, capsys, monkeypatch, tmp_path):
    query = '{"name": "babbage"}'
    assert main(["json", "search", str(built), query, "-k", "2"]) == 0
    found = rows(capsys)
    hits = JSONIndex.load(built).search(query, 2)
    assert [row[:2] for row in found] == [[f"{hit.score:.4f}", hit.key] for hit in hits]
    assert found[0][1] == "charles"
    assert json.loads(found[0][2])["born"] == 1791
    (tmp_path / "q.json").write_text(query)
    assert main(["json", "search", str(built), f"@{tmp_path / 'q.json'}", "-k", "2"]) == 0
    assert rows(capsys) == found
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(query.encode())))
    assert main(["json", "search", str(built), "-", "-k", "2"]) == 0
    assert rows(capsys) == found
    assert main(["json", "search", str(built), query, "--where", "born=1912", "--weight", "name=2"]) == 0
    assert [row[1] for row in rows(capsys)] == ["alan"]


def test_dedup(built, lines, capsys):
    assert main(["json", "dedup", str(built), "--threshold", "0.9"]) == 0
    shown = capsys.readouterr()
    assert "4 documents, 0 groups" in shown.err
    lines.write_text("".join(json.dumps({**person, "id": 0}) + "\n" for person in PEOPLE))
    assert main(["json", "dedup", str(lines), "--threshold", "0.99"]) == 0
    shown = capsys.readouterr()
    assert shown.out == f"{lines}:1\t{lines}:3\n"
    assert "4 documents, 1 groups, 1 more than one of each needs" in shown.err


def test_explain(capsys):
    assert main(["json", "explain", '{"a": "x", "b": 1}', '{"a": "x", "c\\u0007": 2}', "--d", "512"]) == 0
    first, *found = rows(capsys)
    expected = JSONEncoder(512).explain({"a": "x", "b": 1}, {"a": "x", "c\u0007": 2})
    assert first == [f"cosine {expected.cosine:.4f}"]
    assert found[0] == [f"{expected.contributions[0].contribution:+.4f}", found[0][1], "a", '"x"', '"x"']
    assert {row[2] for row in found} == {"a", "b", "c\\x07"}


def test_encode(lines, tmp_path, capsys):
    out = tmp_path / "out.npy"
    options = ["--d", "512", "--strings", "whole", "--arrays", "pos", "--seed", "3", "--fit", "--quiet"]
    assert main(["json", "encode", str(lines), "--out", str(out), "--output", "int32", *options]) == 0
    assert "4 documents, d = 512, int32" in capsys.readouterr().out
    encoder = JSONEncoder(512, strings=("whole",), arrays=("pos",), seed=3, output="int32").fit(PEOPLE)
    assert np.array_equal(np.load(out), encoder.transform(PEOPLE))
    assert (tmp_path / "out.rejects.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["search", "{tmp}/none", "{}"], "no index is there"),
        (["search", "{index}", "{oops"], "unexpected"),
        (["search", "{index}", "@{tmp}/none.json"], "No such file"),
        (["search", "{index}", "{}", "--where", "born"], "--where must look like"),
        (["search", "{index}", "{}", "--weight", "name"], "--weight must look like"),
        (["search", "{index}", "{}", "-k", "0"], "k must be at least 1"),
        (["index", "{tmp}/none", "--out", "{tmp}/new"], "no such file or folder"),
        (["index", "{lines}", "--out", "{tmp}"], "is no part of an index"),
        (["index", "{lines}", "--out", "{tmp}/new", "--d", "100"], "multiple of 512"),
        (["index", "{lines}", "--out", "{tmp}/new", "--strings", "wholes"], "strings must name"),
        (["index", "{lines}", "--out", "{tmp}/new", "--kind", "binary-hnsw"], "needs backend="),
        (["encode", "{lines}", "--out", "{tmp}/a.txt"], "must be a .npy file"),
        (["dedup", "{lines}", "--threshold", "2"], "threshold must be"),
        (["explain", "{}", "nope"], "invalid literal"),
    ],
)
def test_wrong_input_is_one_line_and_code_2(arguments, message, built, lines, tmp_path, capsys):
    names = {"{tmp}": str(tmp_path), "{index}": str(built), "{lines}": str(lines)}
    for name, value in names.items():
        arguments = [argument.replace(name, value) for argument in arguments]
    assert main(["json", *arguments]) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.err.startswith("error: ")
    assert shown.err.count("\n") == 1


def test_a_damaged_index_is_one_line(built, capsys):
    next(built.glob("vectors*")).write_bytes(b"")
    assert main(["json", "search", str(built), "{}"]) == 2
    assert "vectors-000001.bin: has 0 bytes" in capsys.readouterr().err
