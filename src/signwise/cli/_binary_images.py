"""Labelled images of a recipe as tensors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

# Mean and deviation of each channel of images in 0..1; the published CIFAR runs use those of ImageNet.
_SCALES = {
    "cifar-10": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "fashion-mnist": ((0.2860,), (0.3530,)),
    "digits": ((0.3053,), (0.3764,)),
}


@dataclass(frozen=True, kw_only=True)
class ImageSplits:
    """Normalized images, float32 ``(n, c, h, w)``, and labels, int64."""

    train: tuple[Tensor, Tensor]
    val: tuple[Tensor, Tensor] | None
    test: tuple[Tensor, Tensor]


def images(dataset: str, root: Path | None, validation: int, seed: int) -> ImageSplits:
    """The images of a recipe, with some of the training images held out.

    Args:
        dataset: ``"digits"`` of scikit-learn, or the name of images in ``signwise.data``.
        root: data directory to look in first.
        validation: how many training images to hold out.
        seed: of the choice of those.

    Raises:
        DataError: no such images.
    """
    import numpy as np
    import torch

    if dataset not in _SCALES:
        raise DataError(f"no images {dataset!r} that a recipe can train on here; there are: {', '.join(_SCALES)}")
    parts: list[tuple[Any, Any]]
    if dataset == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        order = np.random.default_rng(0).permutation(len(digits.images))
        pixels, labels = digits.images[order, None] / 16, digits.target[order]
        parts = [(pixels[:-360], labels[:-360]), (pixels[-360:], labels[-360:])]
    else:
        from ..data import LabelledImages, load

        found = load(dataset, root=root)
        if not isinstance(found, LabelledImages):
            raise DataError(f"{dataset!r} holds no labelled images")
        parts = [(found.train_images / 255, found.train_labels), (found.test_images / 255, found.test_labels)]
    mean, deviation = (torch.tensor(v).reshape(-1, 1, 1) for v in _SCALES[dataset])
    pairs = []
    for pixels, labels in parts:
        x = torch.from_numpy(np.ascontiguousarray(pixels, np.float32))
        x = x[:, None] if x.ndim == 3 else x
        pairs.append(((x - mean) / deviation, torch.tensor(np.asarray(labels, np.int64))))
    (x, y), test = pairs
    if not validation:
        return ImageSplits(train=(x, y), val=None, test=test)
    chosen = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    held, kept = chosen[:validation], chosen[validation:]
    return ImageSplits(train=(x[kept], y[kept]), val=(x[held], y[held]), test=test)
