"""The manifest: what an artifact directory is, and the checksum of every file in it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import ArtifactError

MANIFEST = "manifest.json"
FORMAT = "signwise-artifact"
FORMAT_VERSION = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
    """The content of ``manifest.json``.

    ``version`` belongs to the kind; the layout of the directory itself has its own ``FORMAT_VERSION``.
    ``files`` maps a file's POSIX path inside the directory to its size in bytes and its SHA-256.
    """

    kind: str
    version: int
    files: Mapping[str, tuple[int, str]]


def read_json(path: Path) -> Any:
    """The JSON value in a file.

    Raises:
        ArtifactError: the file is missing, cut short, or not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise ArtifactError(f"{path}: the file is missing") from error
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError
        raise ArtifactError(f"{path}: damaged, it is not complete JSON ({error})") from error


def encode_json(value: object) -> bytes:
    """JSON as it is written: UTF-8, indented, keys in the caller's order, NaN refused."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_files(root: Path) -> list[str]:
    """POSIX paths of all files under ``root`` except its own manifest, sorted."""
    found = (path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir())
    return sorted(name for name in found if name != MANIFEST)


def write_manifest(root: Path, *, kind: str, version: int) -> None:
    """List and hash everything under ``root`` in its ``manifest.json``."""
    files = {name: [(root / name).stat().st_size, file_sha256(root / name)] for name in content_files(root)}
    body = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "kind": kind,
        "version": version,
        "files": files,
    }
    (root / MANIFEST).write_bytes(encode_json({**body, "sha256": _body_sha256(body)}))


def read_manifest(root: Path) -> Manifest:
    """Parse and check ``root/manifest.json``, without looking at the other files.

    Raises:
        ArtifactError: there is no manifest, or it is damaged, foreign, or of a newer layout.
    """
    path = root / MANIFEST
    if not root.exists():
        raise ArtifactError(f"{root}: no such directory; expected one that signwise saved")
    if not path.is_file():
        raise ArtifactError(f"{root}: not a directory that signwise saved (it has no {MANIFEST})")
    body = read_json(path)
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise ArtifactError(f"{path}: not the manifest of a signwise artifact")
    layout = body.get("format_version")
    if isinstance(layout, int) and layout > FORMAT_VERSION:
        raise ArtifactError(
            f"{root}: written in layout {layout}, this signwise reads layouts up to {FORMAT_VERSION}; upgrade signwise"
        )
    recorded = body.pop("sha256", None)
    if recorded != _body_sha256(body):
        raise ArtifactError(f"{path}: damaged, its SHA-256 does not match its content")
    files = {name: (size, digest) for name, (size, digest) in body["files"].items()}
    for name in files:
        check_name(name)
    return Manifest(kind=body["kind"], version=body["version"], files=files)


def check_files(root: Path, manifest: Manifest) -> None:
    """Compare the size and SHA-256 of every listed file with the manifest.

    Raises:
        ArtifactError: a file is missing or differs; the message names it.
    """
    for name, (size, digest) in manifest.files.items():
        path = root / name
        if not path.is_file():
            raise ArtifactError(f"{path}: the file is missing; the artifact is damaged")
        actual = path.stat().st_size
        if actual != size:
            raise ArtifactError(f"{path}: damaged, {actual:,} bytes where {size:,} were written")
        if file_sha256(path) != digest:
            raise ArtifactError(f"{path}: damaged, its SHA-256 does not match the manifest")


def check_name(name: str) -> None:
    """Refuse a file name that would leave the directory."""
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or path.as_posix() != name or "\\" in name:
        raise ArtifactError(f"{name!r} is not a plain relative POSIX path inside the artifact")


def _body_sha256(body: Mapping[str, object]) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
