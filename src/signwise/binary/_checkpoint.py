"""The state of a training run as a saved directory, without pickle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from .. import artifacts
from ..errors import ArtifactError

KIND, VERSION = "binary-training", 1
Array = npt.NDArray[Any]


def save(path: Path, model: nn.Module, optimizer: Optimizer, best: Mapping[str, Tensor], meta: dict[str, Any],
         generator: torch.Generator) -> None:  # fmt: skip
    """Write everything that the next epoch depends on."""
    tensors: dict[str, Array] = {}
    for name, tensor in model.state_dict().items():
        tensors[f"model.{name}"] = _plain(tensor)
    for name, tensor in best.items():
        tensors[f"best.{name}"] = _plain(tensor)
    scalars: dict[str, dict[str, Any]] = {}
    for index, state in optimizer.state_dict()["state"].items():
        for key, value in state.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{index}.{key}"] = _plain(value)
            elif value is None or isinstance(value, bool | int | float | str):
                scalars.setdefault(str(index), {})[key] = value
            else:
                raise TypeError(
                    f"the optimizer keeps {key!r} as {type(value).__name__}, which a checkpoint cannot hold"
                )
    tensors["rng.global"], tensors["rng.own"] = _plain(torch.get_rng_state()), _plain(generator.get_state())
    artifacts.save(path, kind=KIND, version=VERSION, tensors=tensors, meta={**meta, "optimizer_scalars": scalars})


def read(path: Path) -> artifacts.Artifact:
    """The saved directory.

    Raises:
        ArtifactError: missing or damaged.
    """
    return artifacts.load(path, kind=KIND, max_version=VERSION)


def restore(
    artifact: artifacts.Artifact, model: nn.Module, optimizer: Optimizer | None, generator: torch.Generator
) -> dict[str, Tensor]:
    """Put a saved state into a model, an optimizer and the random generators; returns the best weights so far."""
    try:
        model.load_state_dict(_part(artifact, "model."))
    except RuntimeError as error:
        raise ArtifactError(f"{artifact.path}: the checkpoint is of another model: {error}") from error
    if optimizer is not None:
        states: dict[int, dict[str, Any]] = {}
        for name, tensor in _part(artifact, "optimizer.").items():
            index, _, key = name.partition(".")
            states.setdefault(int(index), {})[key] = tensor
        for index, scalars in artifact.meta["optimizer_scalars"].items():
            states.setdefault(int(index), {}).update(scalars)
        optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})
    torch.set_rng_state(torch.from_numpy(artifact.tensors["rng.global"].copy()))
    generator.set_state(torch.from_numpy(artifact.tensors["rng.own"].copy()))
    return _part(artifact, "best.")


def _part(artifact: artifacts.Artifact, prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): torch.from_numpy(np.asarray(array))
        for name, array in artifact.tensors.items()
        if name.startswith(prefix)
    }


def _plain(tensor: Tensor) -> Array:
    array: Array = tensor.detach().cpu().numpy()
    return array
