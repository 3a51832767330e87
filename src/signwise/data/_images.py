"""Labelled images: the IDX format of Fashion-MNIST and the binary format of CIFAR-10."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from ._read import check_content, check_counts, read_bytes
from ._records import LabelledImages, Provenance
from ._registry import DatasetInfo

FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
_CIFAR_SHAPE = (3, 32, 32)


def load_fashion_mnist(info: DatasetInfo, paths: tuple[Path, ...], verify: bool) -> LabelledImages:
    """Fashion-MNIST."""
    if verify:
        check_content(info, paths)
    train, train_labels, test, test_labels = (read_idx(path) for path in paths)
    return _checked(info, paths, verify, train, train_labels, test, test_labels, FASHION_CLASSES)


def load_cifar10(info: DatasetInfo, paths: tuple[Path, ...], verify: bool) -> LabelledImages:
    """CIFAR-10."""
    *batches, test_path, names_path = paths
    parts = [read_cifar(path) for path in batches]
    test, test_labels = read_cifar(test_path)
    classes = tuple(read_bytes(names_path).decode("utf-8", "replace").split())
    train = np.concatenate([images for images, _ in parts])
    train_labels = np.concatenate([labels for _, labels in parts])
    return _checked(info, paths, verify, train, train_labels, test, test_labels, classes)


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """Parse an IDX file of bytes: two zero bytes, type 8, number of axes, big-endian sizes, then the values.

    Raises:
        DataError: the file is not of this form, or its length is not what its header says.
    """
    raw = read_bytes(path)
    if len(raw) < 4 or raw[:3] != b"\x00\x00\x08":
        raise DataError(f"{path}: not an IDX file of bytes: it starts with {raw[:4]!r}")
    axes = raw[3]
    start = 4 + 4 * axes
    shape = tuple(int.from_bytes(raw[i : i + 4], "big") for i in range(4, start, 4))
    if len(raw) != start + int(np.prod(shape)):
        raise DataError(f"{path}: its header says {shape} bytes, and {len(raw) - start:,} follow; it is truncated")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def read_cifar(path: Path) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Parse records of a label byte and 3,072 bytes of red, green and blue rows.

    Returns:
        images, uint8, shape ``(n, 3, 32, 32)``; labels, uint8, shape ``(n,)``.

    Raises:
        DataError: the length is not a whole number of records.
    """
    raw = np.frombuffer(read_bytes(path), np.uint8)
    width = 1 + int(np.prod(_CIFAR_SHAPE))
    if not len(raw) or len(raw) % width:
        raise DataError(f"{path}: {len(raw):,} bytes are not a whole number of {width}-byte records")
    rows = raw.reshape(-1, width)
    return rows[:, 1:].reshape(-1, *_CIFAR_SHAPE), rows[:, 0]


def _checked(
    info: DatasetInfo,
    paths: tuple[Path, ...],
    verify: bool,
    train: npt.NDArray[np.uint8],
    train_labels: npt.NDArray[Any],
    test: npt.NDArray[np.uint8],
    test_labels: npt.NDArray[Any],
    classes: tuple[str, ...],
) -> LabelledImages:
    for part, images, labels in (("training", train, train_labels), ("test", test, test_labels)):
        if len(images) != len(labels):
            raise DataError(f"{paths[0].parent}: {len(images):,} {part} images and {len(labels):,} labels")
        if len(labels) and labels.max() >= len(classes):
            raise DataError(f"{paths[0].parent}: a {part} label is {labels.max()}; there are {len(classes)} classes")
    if verify:
        check_counts(info, paths[0].parent, training_images=len(train), test_images=len(test), classes=len(classes))
    return LabelledImages(
        train_images=train,
        train_labels=train_labels.astype(np.int64),
        test_images=test,
        test_labels=test_labels.astype(np.int64),
        classes=classes,
        provenance=Provenance(name=info.name, files=paths, records=len(train) + len(test)),
    )
