"""What an import brings along: torch only where torch is needed."""

import importlib.util
import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "sklearn", "scipy", "pandas", "matplotlib", "pyarrow")
LIGHT = ("artifacts", "bits", "config", "events", "ortho", "progress")


def loaded(statement):
    code = f"import sys, json\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def test_the_root_imports_nothing_of_weight():
    modules = loaded("import signwise; signwise.__version__; signwise.SignwiseError; dir(signwise)")
    assert not {*HEAVY, "numpy", "rich", "typer"} & set(modules)
    assert [m for m in modules if m.startswith("signwise")] == ["signwise", "signwise.errors"]


@pytest.mark.parametrize("name", LIGHT)
def test_foundation_packages_import_without_torch(name):
    if importlib.util.find_spec(f"signwise.{name}") is None:
        pytest.skip(f"signwise.{name} is not there")
    assert "torch" not in loaded(f"import signwise; signwise.{name}")


@pytest.mark.parametrize("name", ["config", "progress"])
def test_the_craft_imports_little(name):
    assert not {*HEAVY, "numpy", "rich"} & set(loaded(f"import signwise.{name}"))


def test_an_unknown_subpackage():
    import signwise

    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        signwise.nope  # noqa: B018
