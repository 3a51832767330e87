"""``signwise info`` and its Python twin."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

import signwise
from signwise import _about, _native
from signwise.cli import main

ROOT = Path(__file__).parents[2]


def rows(capsys):
    assert main(["info"]) == 0
    return dict(
        line.split(maxsplit=1) for line in capsys.readouterr().out.replace("native kernels", "kernels").splitlines()
    )


def test_info_shows_what_its_twin_says(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("SIGNWISE_DATA", str(tmp_path))
    shown, found = rows(capsys), _about.info()
    assert shown["signwise"] == signwise.__version__ == found.version
    assert shown["numpy"] == np.__version__ == found.packages["numpy"]
    assert shown["SIGNWISE_DATA"] == str(tmp_path) == str(found.data)
    assert shown["threads"] == str(_native.num_threads()) == str(found.threads)
    assert shown["kernels"].startswith("yes, " if found.native else "no, ")
    assert found.native_reason in shown["kernels"]


def test_info_without_kernels_and_data(capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("SIGNWISE_DATA", raising=False)
    with _native.use_fallback():
        shown, found = rows(capsys), _about.info()
    assert shown["kernels"].startswith("no, ")
    assert (found.native, found.active_isa, found.best_isa, found.data) == (False, None, None, None)
    assert shown["SIGNWISE_DATA"] == "not set"
    monkeypatch.setenv("SIGNWISE_DATA", str(tmp_path / "none"))
    assert rows(capsys)["SIGNWISE_DATA"].endswith("none (no such directory)")


def test_a_missing_extra_is_named(capsys, monkeypatch):
    monkeypatch.setattr(_about, "EXTRAS", {"toy": ("math", "signwise_no_such_module")})
    assert _about.info().extras == {"toy": ("signwise_no_such_module",)}
    assert main(["info"]) == 0
    assert "extra toy        not installed (signwise_no_such_module missing)" in capsys.readouterr().out


def test_an_absent_package_has_no_version():
    assert _about._version("signwise-no-such-distribution") is None


def test_the_table_of_extras_is_that_of_the_project_file():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = {extra: sorted(module_of(r) for r in needs) for extra, needs in declared.items() if extra != "all"}
    assert names == {extra: sorted(modules) for extra, modules in _about.EXTRAS.items()}
    assert declared["all"] == [f"signwise[{','.join(e for e in declared if e != 'all')}]"]


def module_of(requirement):
    """The module that a requirement such as ``faiss-cpu>=1.10`` or ``ray[data]>=2.40`` brings."""
    name = re.split(r"[>\[]", requirement)[0].lower()
    return {"faiss-cpu": "faiss"}.get(name, name.replace("-", "_"))


@pytest.mark.parametrize("name", ["torch", "numpy", "scipy", "scikit-learn"])
def test_core_packages_are_found(name):
    assert _about.info().packages[name]
