"""The reproductions of MBAT run: small, with the properties that hold at any size."""

import importlib
import json
import random

import pytest


def run(script, out, *options):
    """Run a script in this process; its record."""
    module = importlib.import_module(f"reproductions.vsa.{script}")
    assert module.main(["--out", str(out), "--quick", *options]) == 0
    return json.loads((out / "result.json").read_text())


@pytest.mark.slow
def test_stability(tmp_path):
    families = run("stability", tmp_path)["families"]
    for family in ("haar", "rotation"):
        assert families[family]["norm"]["16"]["cosine"] == pytest.approx(1, abs=1e-9)
    for family in ("gaussian", "iid-sign"):
        assert families[family]["norm"]["4"]["cosine"] < 0.5
        assert families[family]["sequence"]["64"] < families["haar"]["sequence"]["64"]
    assert (tmp_path / "table.md").read_text().count("\n| ") == 5
    assert (tmp_path / "vsa_stability.svg").read_text().count("<svg") == 1


def test_commutative(tmp_path):
    bindings = run("commutative", tmp_path)["bindings"]
    for name in ("elementwise product", "circular convolution"):
        assert bindings[name]["swapped"] == pytest.approx(1, abs=1e-9)
        assert bindings[name]["right"] < 0.9
    for name in ("MBAT rotation", "MBAT haar"):
        assert bindings[name]["swapped"] < 0.9
        assert bindings[name]["right"] == 1


def test_capacity(tmp_path):
    assert run("capacity", tmp_path)["largest_deviation"] <= 4


def test_numbers(tmp_path):
    record = run("numbers", tmp_path)
    assert record["largest_error"] <= 0.1
    assert record["cosines"]["0"]["closed_form"] < record["cosines"]["10"]["closed_form"] < 0.1


def test_decoding(tmp_path):
    (case,) = run("decoding", tmp_path)["cases"].values()
    assert case["token, integers"] == 1
    assert case["number, integers"] == 1


def test_structure(tmp_path):
    tasks = run("structure", tmp_path)["tasks"]
    for way in ("signwise", "signwise, pos+set+adj, conjunctions"):
        assert tasks["role"][way]["nearest"] == tasks["nesting"][way]["nearest"] == 1
    assert tasks["role"]["TF-IDF words"]["nearest"] < 0.9
    assert tasks["together"]["signwise, pos+set+adj, conjunctions"]["probe"] == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The number of components is higher:UserWarning")
def test_retrieval(tmp_path):
    pytest.importorskip("torchhd")
    task = run("retrieval", tmp_path)["tasks"]["orders"]
    for rows in task["budgets"].values():
        assert rows["signwise"]["mild"] == 1
        assert all(row["mild"] >= row["hard"] for row in rows.values())


def test_damage_and_labels():
    from reproductions.vsa._documents import LEVELS, damaged, orders, without

    documents = orders(20, 1)
    assert documents == orders(20, 1)
    before = json.dumps(documents)
    for level in LEVELS:
        spoilt = [damaged(document, level, random.Random(0)) for document in documents]
        assert all(spoilt)
        assert json.dumps(spoilt) != before
        assert json.dumps(documents) == before
    cleaned = without({"kind": "x", "a": "A Bar chart", "b": [{"c": "bar"}, "low"], "d": 1}, {"kind"}, "bar")
    assert cleaned == {"b": [{}, "low"], "d": 1}


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("script", ["pairing", "labels"])
@pytest.mark.filterwarnings("ignore:The number of components is higher:UserWarning")
@pytest.mark.filterwarnings("ignore:The least populated class:UserWarning")
def test_corpora(script, tmp_path, data_root):
    pytest.importorskip("torchhd")
    data_root("json/github-webhook-payloads", "json/fhir-r4-examples")
    record = run(script, tmp_path)
    budgets = [task["budgets"] for task in record.get("tasks", {"": record}).values()]
    for budget in budgets:
        assert set(budget) == {"512 bytes", "unlimited"}
        for rows in budget.values():
            assert all(0 <= row[key] <= 1 for row in rows.values() for key in row if key in ("recall", "nearest"))


def test_the_page_is_up_to_date():
    from reproductions.vsa.document import PAGE, filled

    text = PAGE.read_text(encoding="utf-8")
    assert filled(text) == text
