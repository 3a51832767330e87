"""Models with memories as arrays and JSON, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from signwise import artifacts
from signwise.errors import ArtifactError

from ._event_model import EventModel
from ._options import MemoryOptions, OnlineOptions, TrainingOptions
from ._questions import NodeFeatures
from ._semba import SEMBA
from ._semba_plus import SEMBAPlus
from ._tgn import TGN

MODEL_KIND = "signwise-graph-model"
MODEL_VERSION = 1
MODELS: dict[str, type[EventModel]] = {model.__name__: model for model in (SEMBA, SEMBAPlus, TGN)}


def save_model(path: str | Path, model: EventModel) -> Path:
    """Save a model with its weights and the state of the stream that it follows.

    Args:
        path: a directory; an earlier model there is replaced at once.
        model: a SEMBA, SEMBAPlus or TGN. An ``optimizer`` in its training options, which is code, is left out, and
            ``node_features`` must be given again to :func:`load_model`.

    Returns:
        The directory.

    Raises:
        ArtifactError: something else is at ``path``.
        TypeError: the model is of another class, which could not be loaded.

    Example:
        >>> import tempfile
        >>> from signwise.graph import SEMBAPlus, load_model, save_model
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model = load_model(save_model(f"{folder}/model", SEMBAPlus("sign", seed=3)))
        >>> model.task, model.seed
        ('sign', 3)
    """
    meta, tensors = model_to_tensors(model)
    return artifacts.save(path, kind=MODEL_KIND, version=MODEL_VERSION, tensors=tensors, meta=meta)


def load_model(path: str | Path, *, node_features: NodeFeatures | None = None) -> EventModel:
    """The model that :func:`save_model` saved, in evaluation mode.

    Args:
        path: the directory.
        node_features: what the model was given, if it reads features of nodes.

    Raises:
        ArtifactError: there is no such model, it is damaged, or a newer signwise wrote it.
    """
    stored = artifacts.load(path, kind=MODEL_KIND, max_version=MODEL_VERSION)
    try:
        return model_from_tensors(stored.meta, stored.tensors, node_features=node_features)
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise ArtifactError(f"{path}: the stored model is not consistent ({error})") from error


def model_to_tensors(model: EventModel) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """What :func:`model_from_tensors` makes a model from, to store it within something larger.

    Args:
        model: a SEMBA, SEMBAPlus or TGN.

    Returns:
        Class, task, options and seed as JSON; weights and the state of the stream by name, as
        :meth:`torch.nn.Module.state_dict` has them.

    Raises:
        TypeError: the class is not one that can be loaded.
    """
    name = type(model).__name__
    if MODELS.get(name) is not type(model):
        raise TypeError(f"{name} cannot be saved; expected one of {', '.join(MODELS)}")
    options = dataclasses.asdict(model.options)
    options["store"] = str(model.options.store).removeprefix("torch.")
    training = dataclasses.asdict(dataclasses.replace(model.training_options, optimizer=None))
    del training["optimizer"]
    meta = {
        "class": name,
        "task": model.task,
        "options": options,
        "training": training,
        "online": dataclasses.asdict(model.online_options),
        "seed": model.seed,
    }
    return meta, {name: value.detach().cpu().numpy() for name, value in model.state_dict().items()}


def model_from_tensors(
    meta: Mapping[str, Any], tensors: Mapping[str, npt.NDArray[Any]], *, node_features: NodeFeatures | None = None
) -> EventModel:
    """The model of :func:`model_to_tensors`, in evaluation mode.

    Args:
        meta: as given.
        tensors: as given.
        node_features: what the model was given, if it reads features of nodes.
    """
    options = dict(meta["options"])
    options["store"] = getattr(torch, options["store"])
    model = MODELS[meta["class"]](
        meta["task"],
        options=MemoryOptions(**options),
        training=TrainingOptions(**meta["training"]),
        online=OnlineOptions(**meta["online"]),
        node_features=node_features,
        seed=meta["seed"],
    )
    model.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in tensors.items()})
    model.eval()
    return model
