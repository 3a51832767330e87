"""The manifest: what an artifact directory is, and the checksum of every file in it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Collection, Mapping
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


def read_file(path: Path) -> bytes:
    """The content of a file of an artifact.

    Raises:
        ArtifactError: the file is missing or cannot be read.
    """
    if not path.is_file():
        raise ArtifactError(f"{path}: the file is missing; the artifact is damaged")
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read ({error})") from error


def parse_json(path: Path, content: bytes) -> Any:
    """The JSON value that was read from a file.

    Raises:
        ArtifactError: the content is cut short, or not JSON.
    """
    try:
        return json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:  # ValueError: JSONDecodeError and UnicodeDecodeError
        raise ArtifactError(f"{path}: damaged, it is not complete JSON ({error})") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def encode_json(value: object) -> bytes:
    """JSON as it is written: UTF-8, indented, keys in the caller's order, NaN refused."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def content_files(root: Path) -> list[str]:
    """POSIX paths of all files and links under ``root`` except its own manifest, sorted."""
    entries = (path for path in root.rglob("*") if path.is_symlink() or not path.is_dir())
    found = (path.relative_to(root).as_posix() for path in entries)
    return sorted(name for name in found if name != MANIFEST)


def write_manifest(root: Path, *, kind: str, version: int) -> None:
    """List and hash everything under ``root`` in its ``manifest.json``.

    Raises:
        ArtifactError: a name that :func:`check_name` refuses, or something else than a plain file.
    """
    files = {}
    for name in content_files(root):
        check_name(name)
        if (root / name).is_symlink() or not (root / name).is_file():
            raise ArtifactError(f"{root / name}: an artifact holds plain files; replace the link by a copy of its file")
        files[name] = _size_and_sha256(root / name)
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
    body = parse_json(path, read_file(path))
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise ArtifactError(f"{path}: not the manifest of a signwise artifact")
    layout = body.get("format_version")
    if isinstance(layout, int) and layout > FORMAT_VERSION:
        raise ArtifactError(
            f"{root}: written in layout {layout}, this signwise reads layouts up to {FORMAT_VERSION}; upgrade signwise"
        )
    recorded = body.pop("sha256", None)
    try:
        good = recorded == _body_sha256(body)
    except (ValueError, RecursionError):  # a number that is infinite in Python, or deep nesting
        good = False
    if not good:
        raise ArtifactError(f"{path}: damaged, its SHA-256 does not match its content")
    return _manifest_of(path, body)


def _manifest_of(path: Path, body: Mapping[str, Any]) -> Manifest:
    """The typed manifest of a parsed one."""
    kind, version, files = body.get("kind"), body.get("version"), body.get("files")
    expected = {
        "format_version": type(body.get("format_version")) is int,
        "kind": isinstance(kind, str),
        "version": type(version) is int,
        "files": isinstance(files, dict) and all(_is_entry(entry) for entry in files.values()),
    }
    for key, good in expected.items():
        if not good:
            raise ArtifactError(f"{path}: damaged, its {key!r} is missing or of the wrong type")
    assert isinstance(kind, str)
    assert isinstance(version, int)
    assert isinstance(files, dict)
    for name in files:
        check_name(name)
    return Manifest(kind=kind, version=version, files={name: (size, digest) for name, (size, digest) in files.items()})


def _is_entry(entry: object) -> bool:
    return isinstance(entry, list) and [type(part) for part in entry] == [int, str]


def read_checked(root: Path, manifest: Manifest, wanted: Collection[str]) -> dict[str, bytes]:
    """Compare the size and SHA-256 of every listed file with the manifest, and keep the content of the wanted ones.

    Each wanted file is read once, so that the content that is returned is the content that was checked.

    Raises:
        ArtifactError: a file is missing or differs; the message names it.
    """
    kept = {}
    for name, (size, digest) in manifest.files.items():
        path = root / name
        if name in wanted:
            kept[name] = read_file(path)
            actual, found = len(kept[name]), hashlib.sha256(kept[name]).hexdigest()
        else:
            actual, found = _size_and_sha256(path)
        if actual != size:
            raise ArtifactError(f"{path}: damaged, {actual:,} bytes where {size:,} were written")
        if found != digest:
            raise ArtifactError(f"{path}: damaged, its SHA-256 does not match the manifest")
    return kept


def _size_and_sha256(path: Path) -> tuple[int, str]:
    if not path.is_file():
        raise ArtifactError(f"{path}: the file is missing; the artifact is damaged")
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return file.tell(), digest
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read ({error})") from error


def check_name(name: str) -> None:
    """Refuse a file name that would leave the directory, or that not every system can hold."""
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or path.as_posix() != name or "\\" in name:
        raise ArtifactError(f"{name!r} is not a plain relative POSIX path inside the artifact")
    if any("\ud800" <= character <= "\udfff" for character in name):
        raise ArtifactError(f"{name!r} cannot be written as UTF-8")


def _body_sha256(body: Mapping[str, object]) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
