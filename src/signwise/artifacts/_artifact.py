"""Saving and loading one artifact: tensors, JSON metadata and further files."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as parse_tensors
from safetensors.numpy import save_file

from ..errors import ArtifactError
from ._manifest import MANIFEST, check_name, encode_json, parse_json, read_checked, read_manifest
from ._staging import identity, locate, stage_directory

_META = "meta.json"
_TENSORS = "tensors.safetensors"
_DTYPES = "bool, int8-int64, uint8-uint64, float16-float64"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Artifact:
    """What :func:`load` read.

    Attributes:
        path: the directory, for reading further files; their checksums have been verified, and hold as long as
            the artifact is not replaced.
        kind: what the artifact is.
        version: the version of that kind, after upgrades.
        meta: the JSON metadata.
        tensors: the arrays, with the dtypes and shapes that were saved.
    """

    path: Path
    kind: str
    version: int
    meta: Mapping[str, Any]
    tensors: Mapping[str, np.ndarray[Any, Any]]


Upgrade = Callable[[Artifact], Artifact]


def save(
    path: str | Path,
    *,
    kind: str,
    version: int,
    tensors: Mapping[str, np.ndarray[Any, Any]] | None = None,
    meta: Mapping[str, Any] | None = None,
    files: Mapping[str, bytes | str] | None = None,
) -> Path:
    """Save tensors, metadata and files as one directory, atomically.

    The directory holds ``manifest.json`` (kind, version, size and SHA-256 of every file), ``meta.json``,
    ``tensors.safetensors`` when there are tensors, and the given files. An existing artifact at ``path`` is
    replaced; a kill at any moment leaves the old one or the new one readable.

    Args:
        path: the directory to write.
        kind: what is saved, for example ``"vsa-index"``; :func:`load` must be given the same.
        version: the version of this kind's content, at least 1; raise it when the content changes its meaning.
        tensors: arrays by name; bool, integer or float dtypes, any shape.
        meta: metadata of JSON types (string keys; tuples come back as lists; NaN and infinity are refused).
        files: further files, by POSIX path inside the directory; text is written as UTF-8.

    Returns:
        The directory.

    Raises:
        ArtifactError: what is at ``path`` is not an artifact and is left alone.
        TypeError: a tensor's dtype or a metadata value cannot be saved.
        ValueError: a name is reserved or leaves the directory, or a number in the metadata is not finite.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from signwise import artifacts
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = artifacts.save(
        ...         Path(folder) / "model", kind="toy", version=1,
        ...         tensors={"w": np.arange(3.0)}, meta={"dim": 3},
        ...     )
        ...     model = artifacts.load(path, kind="toy", max_version=1)
        >>> model.meta["dim"], model.tensors["w"]
        (3, array([0., 1., 2.]))
    """
    if not kind or version < 1:
        raise ValueError(f"kind must not be empty and version must be at least 1; got {kind!r}, {version}")
    arrays = {name: _check_tensor(name, value) for name, value in (tensors or {}).items()}
    body = dict(meta or {})
    _check_json(body, "meta")
    for name in files or {}:
        _check_file_name(name)
    with stage_directory(path, kind=kind, version=version) as stage:
        (stage / _META).write_bytes(encode_json(body))
        if arrays:
            save_file(arrays, stage / _TENSORS)
            # safetensors makes the file readable by its owner only; the directory shares one mode.
            (stage / _TENSORS).chmod((stage / _META).stat().st_mode & 0o777)
        for name, content in (files or {}).items():
            (stage / name).parent.mkdir(parents=True, exist_ok=True)
            (stage / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return Path(path)


def load(path: str | Path, *, kind: str, max_version: int, upgrades: Mapping[int, Upgrade] | None = None) -> Artifact:
    """Read an artifact back after checking every file against its SHA-256.

    Args:
        path: the directory that :func:`save` or :func:`stage_directory` wrote.
        kind: the kind that is expected.
        max_version: the newest version of the kind that the caller understands.
        upgrades: for each older version ``v``, a function that turns an artifact of version ``v`` into one of a
            later version. They are applied in turn. A version without an entry is returned as it is.

    Returns:
        The artifact; its arrays are writable copies. Tensors and metadata are always of one save, also while
        another process replaces the artifact. Files that are not in the manifest are ignored.

    Raises:
        ArtifactError: missing, damaged (the message names the file), of another kind, or too new.
    """
    while True:
        root = locate(path)
        before = identity(root)
        try:
            artifact = _read(root, path, kind, max_version)
            break
        except ArtifactError:
            if identity(locate(path)) == before:
                raise
            # The artifact was replaced while it was read, and its files with it: read the new one.
    return _upgrade(artifact, max_version, upgrades or {})


def _read(root: Path, path: str | Path, kind: str, max_version: int) -> Artifact:
    manifest = read_manifest(root)
    if manifest.kind != kind:
        raise ArtifactError(f"{path}: holds an artifact of kind {manifest.kind!r}, expected {kind!r}")
    if manifest.version > max_version:
        raise ArtifactError(
            f"{path}: {kind!r} version {manifest.version}, this signwise reads versions up to {max_version}; "
            "upgrade signwise"
        )
    content = read_checked(root, manifest, (_META, _TENSORS))
    try:
        tensors = parse_tensors(content[_TENSORS]) if _TENSORS in content else {}
    except SafetensorError as error:
        raise ArtifactError(f"{root / _TENSORS}: not a safetensors file ({error})") from error
    meta = parse_json(root / _META, content[_META]) if _META in content else {}
    if not isinstance(meta, dict):
        raise ArtifactError(f"{root / _META}: expected a JSON object, got {type(meta).__name__}")
    return Artifact(path=root, kind=kind, version=manifest.version, meta=meta, tensors=tensors)


def _upgrade(artifact: Artifact, max_version: int, upgrades: Mapping[int, Upgrade]) -> Artifact:
    while artifact.version < max_version and artifact.version in upgrades:
        upgraded = upgrades[artifact.version](artifact)
        if not artifact.version < upgraded.version <= max_version:
            raise ValueError(
                f"the upgrade of {artifact.kind!r} from version {artifact.version} gave version {upgraded.version}; "
                f"expected a later one, up to {max_version}"
            )
        artifact = upgraded
    return artifact


def _check_tensor(name: str, value: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if name == "__metadata__":
        raise ValueError("tensor name '__metadata__' is reserved by the safetensors format")
    if not isinstance(value, np.ndarray):
        raise TypeError(f"tensor {name!r}: expected a numpy array, got {type(value).__name__}")
    if value.dtype.kind not in "biuf" or value.dtype.itemsize > 8:
        raise TypeError(f"tensor {name!r}: dtype {value.dtype} cannot be saved; use one of {_DTYPES}")
    # safetensors writes the buffer as it lies, so it must be contiguous and of native byte order.
    return np.asarray(value, dtype=value.dtype.newbyteorder("="), order="C")


def _check_file_name(name: str) -> None:
    try:
        check_name(name)
    except ArtifactError as error:
        raise ValueError(str(error)) from error
    if name in (MANIFEST, _META, _TENSORS):
        raise ValueError(f"file name {name!r} is reserved for the artifact itself")


def _check_json(value: object, where: str) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"{where}: JSON keys are strings, got {key!r}")
            _check_json(item, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            _check_json(item, f"{where}[{position}]")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where}: {value} has no JSON form; store it as null or in a tensor")
    elif not (value is None or isinstance(value, str | int | float)) or isinstance(value, np.generic):
        raise TypeError(f"{where}: expected a JSON value, got {type(value).__name__}")
