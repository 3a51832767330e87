"""The reproductions of MBAT run: small, with the properties that hold at any size."""

import importlib
import json

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
