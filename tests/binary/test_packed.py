import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from signwise import _native, artifacts
from signwise.binary import PackedModel, load, pack
from signwise.errors import ArtifactError

from .nets import NETS, randomize


@pytest.fixture(params=sorted(NETS))
def packed(request):
    make, shape = NETS[request.param]
    model, x = randomize(make()), torch.randn(shape)
    return pack(model, x, stem="bfloat16" if request.param == "plain" else "float32"), x


def test_save_and_load(packed, tmp_path):
    model, x = packed
    again = load(model.save(tmp_path / "net"))
    assert torch.equal(again(x), model(x))
    assert (again.names, again.input, again.layers) == (model.names, model.input, model.layers)
    assert repr(again) == repr(model)
    again.save(tmp_path / "net")
    assert torch.equal(load(tmp_path / "net")(x), model(x))


def test_it_runs_without_torch(packed, tmp_path):
    model, x = packed
    model.save(tmp_path / "net")
    np.save(tmp_path / "x.npy", x.numpy())
    code = (
        "import sys, numpy as np\n"
        "from signwise.binary import load\n"
        f"y = load({str(tmp_path / 'net')!r})(np.load({str(tmp_path / 'x.npy')!r}))\n"
        "assert 'torch' not in sys.modules\n"
        f"np.save({str(tmp_path / 'y.npy')!r}, y)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), model(x.numpy()))


@pytest.mark.parametrize("name", ["tensors.safetensors", "meta.json", "manifest.json"])
def test_a_damaged_file_is_named(tmp_path, name):
    path = pack(randomize(NETS["dense"][0]())).save(tmp_path / "net")
    content = bytearray((path / name).read_bytes())
    content[len(content) // 2] ^= 4
    (path / name).write_bytes(content)
    with pytest.raises(ArtifactError, match=name):
        load(path)
    with pytest.raises(ArtifactError, match="no such directory"):
        load(tmp_path / "other")


def changed(path, change):
    """Save what `change` makes of an artifact, with good checksums."""
    artifact = artifacts.load(path, kind="binary-model", max_version=1)
    meta, tensors = json.loads(json.dumps(artifact.meta)), dict(artifact.tensors)
    change(meta, tensors)
    artifacts.save(path, kind="binary-model", version=1, meta=meta, tensors=tensors)


def drop(meta, tensors):
    del tensors["1.weights"]


def narrow(meta, tensors):
    tensors["1.weights"] = tensors["1.weights"][:, :-1].copy()


def retype(meta, tensors):
    tensors["1.threshold"] = tensors["1.threshold"].astype(np.int64)


def unknown(meta, tensors):
    meta["operations"][1]["kind"] = "deconv"


def elsewhere(meta, tensors):
    meta["operations"][1]["input"] = 99


def backwards(meta, tensors):
    meta["operations"].reverse()
    names = dict(tensors)
    tensors.clear()
    last = len(meta["operations"]) - 1
    for name, value in names.items():
        number, field = name.split(".")
        tensors[f"{last - int(number)}.{field}"] = value


def other_channels(meta, tensors):
    meta["input"]["channels"] = 13


def no_graph(meta, tensors):
    del meta["values"]


def groups(meta, tensors):
    meta["operations"][1]["shape"][10] = 3


def fraction(meta, tensors):
    meta["operations"][1]["shape"][4] = 1.5


@pytest.mark.parametrize(
    "change", [drop, narrow, retype, unknown, elsewhere, other_channels, no_graph, groups, fraction]
)
def test_an_inconsistent_file_is_refused_before_anything_runs(tmp_path, change):
    path = pack(randomize(NETS["dense"][0]())).save(tmp_path / "net")
    changed(path, change)
    with pytest.raises(ArtifactError, match="damaged or not a packed network"):
        load(path)


def test_operations_in_another_order_do_not_run(tmp_path):
    path = pack(randomize(NETS["dense"][0]())).save(tmp_path / "net")
    changed(path, backwards)
    model = load(path)
    with pytest.raises((ValueError, KeyError), match=r"before it is written|^\d$"):
        model(np.zeros((1, 12), np.float32))


def test_arguments():
    model = pack(randomize(NETS["residual"][0]()))
    assert model(torch.zeros(1, 3, 4, 4)).dtype == torch.float32
    assert isinstance(model(np.zeros((1, 3, 4, 4), np.float32)), np.ndarray)
    for wrong in (np.zeros((1, 3, 4, 4)), torch.zeros(1, 3, 4, 4, dtype=torch.float64), [[1.0]]):
        with pytest.raises(TypeError, match="expected a float32"):
            model(wrong)
    for shape in ((3, 4, 4), (1, 2, 4, 4), (0, 3, 4, 4)):
        with pytest.raises(ValueError, match=r"expected shape \(n, 3, h, w\)"):
            model(np.zeros(shape, np.float32))
    strided = torch.randn(2, 4, 5, 3).permute(0, 3, 1, 2)
    assert torch.equal(model(strided), model(strided.contiguous()))


def test_memory_and_profile():
    model = pack(randomize(NETS["residual"][0](64)), torch.zeros(1, 3, 32, 32))
    memory = model.memory()
    assert memory.binary_weights == 9 * (2 * 64 * 64 + 64 * 128 + 128 * 256)
    assert memory.file_binary * 8 == memory.binary_weights
    assert memory.float32 > 8 * memory.file
    if _native.core() is None:
        assert memory.resident is None
        with pytest.raises(ValueError, match="native kernels"):
            model.profile(torch.zeros(1, 3, 32, 32))
        return
    assert memory.resident_binary * 8 == memory.binary_weights  # 32 divides the channels: no lane is empty
    assert memory.resident >= memory.resident_binary
    more = model.memory((4, 3, 32, 32))
    assert more.activations > 3 * memory.activations
    assert more.resident == memory.resident
    rows = model.profile(torch.zeros(1, 3, 32, 32), runs=3)
    assert [row.name for row in rows[:3]] == ["input", "stem", "conv1"]
    assert sum(row.share for row in rows) == pytest.approx(1)
    assert all(row.seconds >= 0 for row in rows)


def test_a_packed_model_can_be_made_again():
    model = pack(randomize(NETS["dense"][0]()))
    again = PackedModel(net=model.net, names=model.names, input=model.input)
    x = np.ones((1, 12), np.float32)
    np.testing.assert_array_equal(again(x), model(x))
