"""Every older layout is read, and older versions of a kind are upgraded step by step.

``fixtures/layout-<n>`` was written once by :func:`write_fixture` when layout ``n`` was the newest; a new layout
adds a folder and leaves the others as they are.
"""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from signwise import artifacts
from signwise.artifacts import _manifest

FIXTURES = Path(__file__).parent / "fixtures"
CONTENT = {
    "tensors": {"codes": np.arange(4, dtype=np.uint8), "weight": np.array([[0.5, -1.0]], np.float32)},
    "meta": {"dim": 2, "names": ["a", "b"]},
    "files": {"extra/note.txt": "kept as it is\n"},
}


def write_fixture(root):
    return artifacts.save(root / f"layout-{_manifest.FORMAT_VERSION}", kind="fixture", version=1, **CONTENT)


@pytest.mark.parametrize("layout", range(1, _manifest.FORMAT_VERSION + 1))
def test_every_layout_is_read(layout):
    old = artifacts.load(FIXTURES / f"layout-{layout}", kind="fixture", max_version=1)
    assert old.meta == CONTENT["meta"]
    assert set(old.tensors) == set(CONTENT["tensors"])
    for name, expected in CONTENT["tensors"].items():
        assert old.tensors[name].dtype == expected.dtype
        assert np.array_equal(old.tensors[name], expected)
    assert (old.path / "extra/note.txt").read_text() == CONTENT["files"]["extra/note.txt"]


def test_the_newest_fixture_is_what_is_written_now(tmp_path):
    new = write_fixture(tmp_path)
    for file in _manifest.content_files(new):
        assert (FIXTURES / new.name / file).read_bytes() == (new / file).read_bytes()


def rename_dim(artifact):
    return dataclasses.replace(artifact, version=2, meta={"width": artifact.meta["dim"]})


def double_width(artifact):
    return dataclasses.replace(artifact, version=3, meta={"width": 2 * artifact.meta["width"]})


def test_upgrades_run_in_turn(tmp_path):
    path = write_fixture(tmp_path)
    upgrades = {1: rename_dim, 2: double_width}
    assert artifacts.load(path, kind="fixture", max_version=3, upgrades=upgrades).meta == {"width": 4}
    assert artifacts.load(path, kind="fixture", max_version=2, upgrades=upgrades).meta == {"width": 2}
    plain = artifacts.load(path, kind="fixture", max_version=3)
    assert (plain.version, plain.meta) == (1, CONTENT["meta"])


def test_an_upgrade_must_go_forward(tmp_path):
    path = write_fixture(tmp_path)
    with pytest.raises(ValueError, match="from version 1 gave version 1"):
        artifacts.load(path, kind="fixture", max_version=2, upgrades={1: lambda artifact: artifact})
