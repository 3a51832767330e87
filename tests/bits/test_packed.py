import copy
import dataclasses
import hashlib
import pickle

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from signwise.bits import PackedBits, TernaryBits, pack, pack_ternary, xnor_matmul
from signwise.errors import ArtifactError


@pytest.fixture
def x():
    return np.random.default_rng(0).standard_normal((2, 3, 70))


def test_bytes_are_as_documented():
    packed = pack(np.array([1.0, -1, 1, 1, -1, -1, -1, -1, 1, -1]))
    assert packed.words.view(np.uint8).tolist() == [0b1101, 1, 0, 0, 0, 0, 0, 0]
    assert PackedBits.from_bytes(packed.tobytes(), (10,)) == packed


@pytest.mark.parametrize("shape", [(0,), (5,), (64,), (3, 0), (0, 5), (2, 3, 129)])
def test_round_trips_of_every_shape(shape, tmp_path):
    x = np.random.default_rng(1).standard_normal(shape)
    packed, ternary = pack(x), pack_ternary(x)
    assert packed.shape == ternary.shape == shape
    assert packed.ndim == ternary.ndim == len(shape)
    assert PackedBits.from_bytes(packed.tobytes(), shape) == packed
    packed.save(tmp_path / "p.safetensors")
    assert PackedBits.load(tmp_path / "p.safetensors") == packed
    ternary.save(tmp_path / "t.safetensors")
    assert TernaryBits.load(tmp_path / "t.safetensors") == ternary
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.safetensors", "t.safetensors"]


def test_unpack_to_each_dtype(x):
    packed, ternary = pack(x), pack_ternary(x)
    for dtype in (np.int8, np.int64, np.float16, "float32", np.float64):
        for what in (packed, ternary):
            assert what.unpack(dtype).dtype == np.dtype(dtype)
            assert np.array_equal(what.unpack(dtype), np.sign(x))
    assert np.array_equal(packed.unpack(bool), x > 0)
    with pytest.raises(TypeError, match="uint8 cannot hold -1"):
        packed.unpack(np.uint8)
    with pytest.raises(TypeError, match="bool"):
        ternary.unpack(bool)


@pytest.mark.parametrize("make", [pack, pack_ternary])
def test_leading_axes_index_as_the_array_does(make, x):
    packed, signs = make(x), np.sign(x)
    mask = np.array([True, False])
    for index in (0, (1, 2), slice(None, None, -1), (slice(None), [2, 0]), None, mask, (0, ..., slice(None)), ...):
        assert np.array_equal(packed[index].unpack(), signs[index])
    assert np.array_equal(packed.reshape(-1, 70).unpack(), signs.reshape(-1, 70))
    assert [part.shape for part in packed] == [(3, 70), (3, 70)]
    assert len(packed) == 2


@pytest.mark.parametrize("make", [pack, pack_ternary])
def test_the_packed_axis_is_closed(make, x):
    packed = make(x)
    for index in ((0, 0, 0), (..., 0), (0, 0, slice(3)), (..., slice(2)), np.ones((2, 3, 70), bool)):
        with pytest.raises(IndexError, match="last axis is packed"):
            packed[index]
    with pytest.raises(ValueError, match="must stay 70"):
        packed.reshape(-1, 35)
    with pytest.raises(TypeError):
        len(packed[0, 0])
    with pytest.raises(TypeError):
        iter(packed[0, 0])


def test_equality(x):
    packed = pack(x)
    assert packed == pack(x.copy())
    assert packed != pack(-x)
    assert packed != pack(x[:1])
    assert pack(np.ones(3)) != pack(np.ones(4))
    assert packed != 1
    assert pack_ternary(x) == pack_ternary(2 * x)
    assert pack_ternary(x) != pack_ternary(np.where(x > 0, x, 0))
    with pytest.raises(TypeError, match="unhashable"):
        hash(packed)


def test_read_only_memory_is_enough(x):
    x.flags.writeable = False
    packed = pack(x)
    packed.words.flags.writeable = False
    assert np.array_equal(xnor_matmul(packed, packed), np.sign(x) @ np.sign(x).transpose(0, 2, 1))


@pytest.mark.parametrize("make", [pack, pack_ternary])
def test_copies_and_pickles(make, x):
    packed = make(x)
    assert copy.deepcopy(packed) == packed
    assert pickle.loads(pickle.dumps(packed)) == packed


def test_it_is_frozen(x):
    with pytest.raises(dataclasses.FrozenInstanceError):
        pack(x).length = 3


def test_wrong_words():
    with pytest.raises(TypeError, match="numpy array or a torch tensor"):
        PackedBits([1], 3)
    with pytest.raises(TypeError, match="must be uint64"):
        PackedBits(np.zeros(1, np.int64), 3)
    with pytest.raises(ValueError, match="last axis must be 2"):
        PackedBits(np.zeros(1, np.uint64), 65)
    with pytest.raises(ValueError, match="padding bits"):
        PackedBits.from_words(np.array([8], np.uint64), 3)
    with pytest.raises(ValueError, match="takes 8 bytes, got 9"):
        PackedBits.from_bytes(b"123456789", (3,))
    with pytest.raises(ValueError, match="padding bits"):
        PackedBits.from_bytes(b"\xff" * 8, (3,))
    with pytest.raises(ValueError, match="differ in shape"):
        TernaryBits(pack(np.ones(3)), pack(np.ones(4)))
    with pytest.raises(TypeError, match="must be PackedBits"):
        TernaryBits(pack(np.ones(3)), np.ones(3))


def test_files_that_are_something_else(tmp_path):
    with pytest.raises(ArtifactError, match="cannot be read"):
        PackedBits.load(tmp_path / "absent")
    (tmp_path / "short").write_bytes(b"no safetensors")
    with pytest.raises(ArtifactError, match="cannot be read"):
        PackedBits.load(tmp_path / "short")
    pack_ternary(np.ones(3)).save(tmp_path / "ternary")
    with pytest.raises(ArtifactError, match="expected 'PackedBits/1'"):
        PackedBits.load(tmp_path / "ternary")


@pytest.mark.parametrize("length", [True, np.True_, 3.0, "3", None])
def test_a_length_is_a_whole_number(length):
    with pytest.raises(TypeError, match="length must be a whole number"):
        PackedBits(np.zeros(1, np.uint64), length)


@pytest.mark.parametrize("length", [-1, 2**31])
def test_a_length_fits_in_a_distance(length):
    words = np.broadcast_to(np.uint64(0), (2, max(0, (length + 63) // 64)))
    with pytest.raises(ValueError, match=r"length is .*; it must be between 0 and 2147483647"):
        PackedBits(words, length)


def test_a_length_of_numpy_becomes_an_int():
    assert type(PackedBits(np.zeros(1, np.uint64), np.int64(7)).length) is int


def resave(path, metadata=None, without=None, **tensors):
    """Write a file again with other metadata or tensors."""
    with safe_open(path, "numpy") as file:
        held = {name: file.get_tensor(name) for name in file.keys()} | tensors  # noqa: SIM118
        noted = {key: value for key, value in {**file.metadata(), **(metadata or {})}.items() if key != without}
    save_file(held, path, noted)


@pytest.fixture(params=[PackedBits, TernaryBits])
def saved(request, x, tmp_path):
    path = tmp_path / "x.safetensors"
    (pack if request.param is PackedBits else pack_ternary)(x).save(path)
    return request.param, path


@pytest.mark.parametrize("key", ["length", "sha256", "signwise"])
def test_metadata_that_are_missing(saved, key):
    kind, path = saved
    resave(path, without=key)
    with pytest.raises(ArtifactError, match=f"has no '{key}'|no packed signs"):
        kind.load(path)


@pytest.mark.parametrize("length", ["", "x", "71.0", "-1", "71", "1000", str(2**31), "9" * 30])
def test_a_length_that_is_not_the_words(saved, length):
    kind, path = saved
    resave(path, {"length": length})
    with pytest.raises(ArtifactError, match=r"x\.safetensors"):
        kind.load(path)


def test_words_that_changed(saved):
    kind, path = saved
    content = bytearray(path.read_bytes())
    content[-16] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="its SHA-256 is not"):
        kind.load(path)


@pytest.mark.parametrize("words", [np.zeros(2, np.int64), np.array(1, np.uint64), np.zeros((2, 3), np.float32)])
def test_words_of_another_form(saved, words):
    kind, path = saved
    names = ("words",) if kind is PackedBits else ("nonzero", "positive")
    digest = hashlib.sha256((70).to_bytes(8, "little") + words.tobytes() * len(names)).hexdigest()
    resave(path, {"sha256": digest}, **dict.fromkeys(names, words))
    with pytest.raises(ArtifactError, match="cannot be read as packed signs"):
        kind.load(path)


@pytest.mark.parametrize("to", ["numpy", "torch"])
def test_a_positive_value_is_not_zero(tmp_path, to):
    nonzero, positive = pack(np.array([1, -1, 1])).to(to), pack(np.array([1, 1, -1])).to(to)
    with pytest.raises(ValueError, match="set in the positive plane and not in the nonzero one"):
        TernaryBits(nonzero, positive)
    path = tmp_path / "t.safetensors"
    TernaryBits._of_planes(nonzero, positive).save(path)
    with pytest.raises(ArtifactError, match="set in the positive plane"):
        TernaryBits.load(path)


@pytest.mark.parametrize("to", ["numpy", "torch"])
def test_lists_index_as_arrays_do(x, to):
    packed, signs = pack(x).to(to), np.sign(x)
    nested = [[True, False, True], [False, False, True]]
    for index in (nested, [True, False], [[0, 1], [1, 0]], [1], [], (slice(None), [False, True, True])):
        array = tuple(np.array(i, None if i else np.intp) if isinstance(i, list) else i for i in (index,))
        want = signs[index if isinstance(index, tuple) else array]
        got = packed[index]
        assert got.shape == want.shape
        assert np.array_equal(got.numpy().unpack(), want)
    with pytest.raises(IndexError, match="the last axis is packed"):
        packed[[[[True] * 70] * 3] * 2]
