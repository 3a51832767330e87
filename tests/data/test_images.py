import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from signwise import data
from signwise.data._images import read_cifar, read_idx
from signwise.errors import DataError


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.tobytes()


@given(hnp.arrays(np.uint8, hnp.array_shapes(max_dims=3, max_side=5)))
def test_idx_round_trip(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("idx") / "a.gz"
    path.write_bytes(gzip.compress(idx(array)))
    np.testing.assert_array_equal(read_idx(path), array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x00\x00\x0d\x01\x00\x00\x00\x00", "not an IDX file of bytes"),
        (b"", "not an IDX file of bytes"),
        (idx(np.zeros((3, 4), np.uint8))[:-1], r"header says \(3, 4\) bytes, and 11 follow"),
        (idx(np.zeros((3, 4), np.uint8)) + b"x", "and 13 follow"),
    ],
)
def test_an_idx_file_of_another_form_is_named(tmp_path, content, message):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_idx(tmp_path / "a")


def fashion(folder, n_labels=3):
    folder = folder / "fashion-mnist"
    folder.mkdir()
    images = np.arange(3 * 28 * 28, dtype=np.uint8).reshape(3, 28, 28)
    for part in ("train", "t10k"):
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.arange(n_labels, dtype=np.uint8))))
    return images


def test_fashion_mnist(tmp_path):
    images = fashion(tmp_path)
    loaded = data.load("fashion-mnist", tmp_path, verify=False)
    np.testing.assert_array_equal(loaded.test_images, images)
    assert loaded.train_labels.tolist() == [0, 1, 2]
    assert loaded.classes[2] == "Pullover"
    assert not loaded.train_images.flags.writeable
    with pytest.raises(DataError, match="its content has sha256"):
        data.load("fashion-mnist", tmp_path)


def test_images_and_labels_must_agree(tmp_path):
    fashion(tmp_path, n_labels=2)
    with pytest.raises(DataError, match="3 training images and 2 labels"):
        data.load("fashion-mnist", tmp_path, verify=False)


def cifar(folder, label=9):
    folder = folder / "cifar-10-batches-bin"
    folder.mkdir()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 2, 3, 32, 32), np.uint8)
    for i, name in enumerate([*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"]):
        (folder / name).write_bytes(b"".join(bytes([label]) + image.tobytes() for image in images[i]))
    (folder / "batches.meta.txt").write_text("airplane automobile bird cat deer dog frog horse ship truck\n\n")
    return images


def test_cifar10(tmp_path):
    images = cifar(tmp_path)
    loaded = data.load("cifar-10", tmp_path, verify=False)
    np.testing.assert_array_equal(loaded.train_images, images[:5].reshape(-1, 3, 32, 32))
    np.testing.assert_array_equal(loaded.test_images, images[5])
    assert loaded.test_labels.tolist() == [9, 9]
    assert loaded.classes[9] == "truck"
    with pytest.raises(DataError, match="has 50,000 training images, this file has 10"):
        data.load("cifar-10", tmp_path)


def test_a_label_without_a_class_is_named(tmp_path):
    cifar(tmp_path, label=10)
    with pytest.raises(DataError, match="a training label is 10; there are 10 classes"):
        data.load("cifar-10", tmp_path, verify=False)


@given(st.integers(1, 3072))
def test_a_truncated_batch_is_named(tmp_path_factory, missing):
    path = tmp_path_factory.mktemp("cifar") / "a.bin"
    path.write_bytes(bytes(2 * 3073 - missing))
    with pytest.raises(DataError, match="not a whole number of 3073-byte records"):
        read_cifar(path)


@pytest.mark.data
def test_fashion_mnist_as_published(data_root):
    loaded = data.load("fashion-mnist", data_root("fashion-mnist/train-images-idx3-ubyte.gz"))
    assert loaded.train_images.shape == (60_000, 28, 28)
    pixels = loaded.train_images / 255
    assert (round(float(pixels.mean()), 4), round(float(pixels.std()), 4)) == (0.2860, 0.3530)
    assert np.bincount(loaded.test_labels).tolist() == [1000] * 10


@pytest.mark.data
def test_cifar10_as_published(data_root):
    loaded = data.load("cifar-10", data_root("cifar-10-batches-bin/test_batch.bin"))
    assert loaded.train_images.shape == (50_000, 3, 32, 32)
    assert np.bincount(loaded.train_labels).tolist() == [5000] * 10
    sums = loaded.train_images.sum((0, 2, 3), dtype=np.int64)
    assert (sums / (50_000 * 1024 * 255)).round(4).tolist() == [0.4914, 0.4822, 0.4465]
    assert loaded.classes[0] == "airplane"
