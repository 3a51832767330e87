"""Saving and loading: what goes in comes out, and every kind of damage has its own clear error."""

import hashlib
import json
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from signwise import artifacts
from signwise.artifacts import _manifest, _staging
from signwise.errors import ArtifactError

DTYPES = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
FLOATS = ["float16", "float32", "float64", ">f4", ">i8"]


@pytest.fixture
def saved(tmp_path):
    return artifacts.save(
        tmp_path / "model",
        kind="toy",
        version=2,
        tensors={"w": np.arange(6.0).reshape(2, 3), "empty": np.zeros((0, 3), np.int64)},
        meta={"name": "søster", "nested": {"dims": (1, 2)}, "none": None},
        files={"notes/readme.txt": "hello", "raw.bin": b"\x00\xff"},
    )


def load(path, **options):
    return artifacts.load(path, **{"kind": "toy", "max_version": 2, **options})


def test_what_goes_in_comes_out(saved):
    artifact = load(saved)
    assert (artifact.kind, artifact.version, artifact.path) == ("toy", 2, saved)
    assert artifact.meta == {"name": "søster", "nested": {"dims": [1, 2]}, "none": None}
    assert np.array_equal(artifact.tensors["w"], np.arange(6.0).reshape(2, 3))
    assert artifact.tensors["empty"].shape == (0, 3)
    assert artifact.tensors["w"].flags.writeable
    assert (artifact.path / "notes/readme.txt").read_text() == "hello"
    assert (artifact.path / "raw.bin").read_bytes() == b"\x00\xff"


@given(data=st.data(), dtype=st.sampled_from(DTYPES + FLOATS))
def test_tensors_keep_values_dtype_and_shape(data, dtype, tmp_path_factory):
    array = data.draw(hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)))
    turned = array.T
    path = artifacts.save(tmp_path_factory.mktemp("a") / "x", kind="toy", version=1, tensors={"a": array, "t": turned})
    back = load(path).tensors
    for name, expected in (("a", array), ("t", turned)):
        assert back[name].dtype == np.dtype(dtype).newbyteorder("=")
        assert back[name].shape == expected.shape
        assert np.array_equal(back[name], expected, equal_nan=array.dtype.kind == "f")


def test_saving_again_replaces(saved):
    artifacts.save(saved, kind="toy", version=1, meta={"second": True})
    again = load(saved)
    assert again.meta == {"second": True}
    assert not again.tensors
    assert sorted(p.name for p in saved.iterdir()) == ["manifest.json", "meta.json"]
    assert [p.name for p in saved.parent.iterdir()] == ["model"]


def test_same_content_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        artifacts.save(tmp_path / name, kind="toy", version=1, tensors={"w": np.ones(3)}, meta={"k": 1})
    for file in ("manifest.json", "meta.json", "tensors.safetensors"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_missing(tmp_path):
    with pytest.raises(ArtifactError, match="no such directory"):
        load(tmp_path / "nowhere")
    (tmp_path / "plain").mkdir()
    with pytest.raises(ArtifactError, match=r"has no manifest\.json"):
        load(tmp_path / "plain")


@pytest.mark.parametrize("name", ["meta.json", "tensors.safetensors", "notes/readme.txt"])
def test_a_flipped_bit_names_the_file(saved, name):
    content = bytearray((saved / name).read_bytes())
    content[len(content) // 2] ^= 1
    (saved / name).write_bytes(content)
    with pytest.raises(ArtifactError, match=f"{name}: damaged, its SHA-256"):
        load(saved)


@pytest.mark.parametrize("name", ["meta.json", "tensors.safetensors", "raw.bin"])
def test_a_truncated_file_names_the_file(saved, name):
    content = (saved / name).read_bytes()
    (saved / name).write_bytes(content[:-1])
    with pytest.raises(ArtifactError, match=f"{name}: damaged, .* bytes where"):
        load(saved)
    (saved / name).unlink()
    with pytest.raises(ArtifactError, match=f"{name}: the file is missing"):
        load(saved)


def test_every_truncation_of_the_manifest_is_an_artifact_error(saved):
    content = (saved / "manifest.json").read_bytes()
    for length in range(len(content) - 1):
        (saved / "manifest.json").write_bytes(content[:length])
        with pytest.raises(ArtifactError, match=r"manifest\.json: damaged, it is not complete JSON"):
            load(saved)


def test_an_edited_manifest(saved):
    manifest = json.loads((saved / "manifest.json").read_text())
    manifest["version"] = 1
    (saved / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match="SHA-256 does not match its content"):
        load(saved)


@pytest.mark.parametrize("text", ["[]", "3", '{"format": "other"}', "{}"])
def test_a_foreign_manifest(saved, text):
    (saved / "manifest.json").write_text(text)
    with pytest.raises(ArtifactError, match="not the manifest of a signwise artifact"):
        load(saved)


def test_wrong_kind(saved):
    with pytest.raises(ArtifactError, match="kind 'toy', expected 'index'"):
        load(saved, kind="index")


def test_too_new(saved):
    with pytest.raises(ArtifactError, match="version 2, this signwise reads versions up to 1; upgrade"):
        load(saved, max_version=1)
    manifest = json.loads((saved / "manifest.json").read_text())
    (saved / "manifest.json").write_text(json.dumps({**manifest, "format_version": 99}))
    with pytest.raises(ArtifactError, match="layout 99"):
        load(saved)


@pytest.mark.parametrize(
    ("tensor", "error"),
    [([1.0], "expected a numpy array, got list"), (np.array(["a"]), "dtype <U1"), (np.array([1j]), "dtype complex128")],
)
def test_tensors_that_cannot_be_saved(tmp_path, tensor, error):
    with pytest.raises(TypeError, match=error):
        artifacts.save(tmp_path / "x", kind="toy", version=1, tensors={"w": tensor})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("meta", "kind", "error"),
    [
        ({"a": {1: 2}}, TypeError, r"meta\.a: JSON keys are strings, got 1"),
        ({"a": [0, {"b": object()}]}, TypeError, r"meta\.a\[1\]\.b: expected a JSON value, got object"),
        ({"a": float("nan")}, ValueError, r"meta\.a: nan has no JSON form"),
        ({"a": np.float64(1)}, TypeError, r"meta\.a: expected a JSON value, got float64"),
    ],
)
def test_metadata_that_cannot_be_saved(tmp_path, meta, kind, error):
    with pytest.raises(kind, match=error):
        artifacts.save(tmp_path / "x", kind="toy", version=1, meta=meta)


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../up", "a/../../b", "a//b", "a\\b", "."])
def test_file_names_stay_inside(tmp_path, name):
    with pytest.raises(ValueError, match="not a plain relative POSIX path"):
        artifacts.save(tmp_path / "x", kind="toy", version=1, files={name: b""})


@pytest.mark.parametrize("name", ["manifest.json", "meta.json", "tensors.safetensors"])
def test_reserved_file_names(tmp_path, name):
    with pytest.raises(ValueError, match="reserved"):
        artifacts.save(tmp_path / "x", kind="toy", version=1, files={name: b""})


@pytest.mark.parametrize(("kind", "version"), [("", 1), ("toy", 0)])
def test_kind_and_version_are_checked(tmp_path, kind, version):
    with pytest.raises(ValueError, match="must be at least 1"):
        artifacts.save(tmp_path / "x", kind=kind, version=version)


def test_a_reserved_tensor_name(tmp_path):
    with pytest.raises(ValueError, match="'__metadata__' is reserved"):
        artifacts.save(tmp_path / "x", kind="toy", version=1, tensors={"__metadata__": np.ones(2)})


@pytest.fixture(params=["exchange", "two renames"])
def swap(request, monkeypatch):
    if request.param == "two renames":
        monkeypatch.setattr(_staging, "_exchange", lambda first, second: False)


def test_a_reader_beside_a_writer_sees_one_save(tmp_path, swap):
    path, rounds = tmp_path / "model", 40

    def write(i):
        artifacts.save(path, kind="toy", version=1, tensors={"w": np.full(2000, i)}, meta={"i": i})

    def write_all():
        for i in range(1, rounds):
            write(i)

    write(0)
    writer = threading.Thread(target=write_all)
    writer.start()
    seen = []
    try:
        while writer.is_alive():
            model = load(path)
            seen.append(model.meta["i"])
            assert (model.tensors["w"] == model.meta["i"]).all()
    finally:
        writer.join()
    assert seen == sorted(seen)
    assert load(path).meta == {"i": rounds - 1}


@pytest.mark.parametrize("name", ["manifest.json", "meta.json", "tensors.safetensors"])
def test_replaced_between_two_reads(saved, monkeypatch, name):
    """The artifact is replaced just before one of its files is read."""
    read_file, replaced = _manifest.read_file, []

    def read_late(path):
        if path.name == name and not replaced:
            replaced.append(True)
            artifacts.save(saved, kind="toy", version=1, tensors={"w": np.ones(1)}, meta={"second": True})
        return read_file(path)

    monkeypatch.setattr(_manifest, "read_file", read_late)
    model = load(saved)
    assert (model.version, model.meta, model.tensors["w"].tolist()) == (1, {"second": True}, [1.0])


@pytest.mark.parametrize("name", ["manifest.json", "meta.json"])
@pytest.mark.parametrize("content", ["[" * 100_000, '{"format": "signwise-artifact", "x": NaN}', "9" * 5000])
def test_json_that_python_cannot_hold(saved, name, content):
    (saved / name).write_text(content)
    if name != "manifest.json":
        sign(saved, files={name: [len(content), hashlib.sha256(content.encode()).hexdigest()]})
    with pytest.raises(ArtifactError, match=f"{name}: damaged, it is not complete JSON"):
        load(saved)


def sign(folder, without=None, **changes):
    """Write a manifest with a right checksum of its own and other content."""
    body = json.loads((folder / "manifest.json").read_text()) | changes
    body = {key: value for key, value in body.items() if key not in ("sha256", without)}
    (folder / "manifest.json").write_text(json.dumps({**body, "sha256": _manifest._body_sha256(body)}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind", 3),
        ("version", "1"),
        ("version", True),
        ("version", 1.0),
        ("format_version", "1"),
        ("files", []),
        ("files", {"a": [1]}),
        ("files", {"a": ["1", "x"]}),
        ("files", {"a": 1}),
    ],
)
def test_a_manifest_of_another_form(saved, key, value):
    sign(saved, **{key: value})
    with pytest.raises(ArtifactError, match=rf"manifest\.json: damaged, its '{key}' is missing or of the wrong type"):
        load(saved)
    sign(saved, without=key)
    with pytest.raises(ArtifactError, match=rf"manifest\.json: damaged, its '{key}' is missing or of the wrong type"):
        load(saved)


def test_a_manifest_with_an_infinite_number(saved):
    text = (saved / "manifest.json").read_text()
    (saved / "manifest.json").write_text(text.replace("{", '{"x": 1e999, ', 1))
    with pytest.raises(ArtifactError, match="SHA-256 does not match its content"):
        load(saved)


@pytest.mark.parametrize("name", ["meta.json", "raw.bin"])
def test_a_directory_in_place_of_a_file(saved, name):
    (saved / name).unlink()
    (saved / name).mkdir()
    with pytest.raises(ArtifactError, match=f"{name}: the file is missing"):
        load(saved)
