"""Reading and writing planes of words as safetensors files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArtifactError


def write_planes(path: str | os.PathLike[str], kind: str, length: int, planes: dict[str, Any]) -> None:
    """Write uint64 arrays under their names, with the kind of object and its length as metadata."""
    from safetensors.numpy import save

    target = Path(path)
    temporary = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    little = {name: np.ascontiguousarray(words, dtype="<u8") for name, words in planes.items()}
    try:
        temporary.write_bytes(save(little, metadata={"signwise": f"{kind}/1", "length": str(length)}))
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def read_planes(path: str | os.PathLike[str], kind: str, names: tuple[str, ...]) -> tuple[int, list[Any]]:
    """Read what :func:`write_planes` wrote.

    Raises:
        ArtifactError: the file is missing or damaged, or holds something else.
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
    except (OSError, SafetensorError) as error:
        raise ArtifactError(f"{path} cannot be read as packed signs: {error}") from error
    length = int(metadata["length"])
    if any(plane.dtype != np.uint64 for plane in planes):
        raise ArtifactError(f"{path} holds words of dtype {planes[0].dtype}, expected uint64")
    return length, planes
