"""Reading and writing planes of words as safetensors files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .._files import atomic_write
from ..errors import ArtifactError


def write_planes(path: str | os.PathLike[str], kind: str, length: int, planes: dict[str, Any]) -> None:
    """Write uint64 arrays under their names; metadata: the kind of object, its length, and a digest of both."""
    from safetensors.numpy import save

    little = {name: np.ascontiguousarray(words, dtype="<u8") for name, words in planes.items()}
    metadata = {"signwise": f"{kind}/1", "length": str(length), "sha256": _digest(length, little.values())}
    atomic_write(path, save(little, metadata=metadata))


@contextmanager
def reading(path: str | os.PathLike[str], kind: str, names: tuple[str, ...]) -> Iterator[tuple[int, list[Any]]]:
    """Give the length and the planes that :func:`write_planes` wrote; the body builds its object from them.

    Raises:
        ArtifactError: the file is missing or damaged, or holds something else, or the body refuses what it holds.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(os.fspath(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("signwise") != f"{kind}/1":
                raise ArtifactError(
                    f"{path} holds {metadata.get('signwise', 'no packed signs')!r}, expected '{kind}/1'"
                )
            planes = [file.get_tensor(name) for name in names]
        length = int(metadata["length"])
        if metadata["sha256"] != _digest(length, planes):
            raise ArtifactError(f"{path} is damaged: its SHA-256 is not the one that was written")
        yield length, planes
    except KeyError as error:
        raise ArtifactError(f"{path} is damaged: its metadata has no {error}") from error
    except (OSError, OverflowError, SafetensorError, TypeError, ValueError) as error:
        raise ArtifactError(f"{path} cannot be read as packed signs: {error}") from error


def _digest(length: int, planes: Iterable[Any]) -> str:
    state = hashlib.sha256(length.to_bytes(8, "little", signed=True))
    for words in planes:
        state.update(np.ascontiguousarray(words).data)
    return state.hexdigest()
