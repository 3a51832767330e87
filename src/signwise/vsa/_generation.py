"""Generations of files in a directory, of which a manifest names the one that counts."""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..artifacts import atomic_write
from ..errors import ArtifactError, IndexCorruptError

MANIFEST = "MANIFEST.json"
FORMAT = "signwise-json-index"
FORMAT_VERSION = 1

_LOCK = ".lock"
_NAME = re.compile(r"(?P<role>[a-z]+)-(?P<generation>\d{6,})(?:\.[a-z]+)(?:-journal)?")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Generation:
    """What a manifest says.

    Attributes:
        number: counts up with every save.
        paths: file by role.
        about: what the writer said of the content.
    """

    number: int
    paths: Mapping[str, Path]
    about: Mapping[str, Any]


def write_generation(root: Path, files: Mapping[str, Callable[[Path], None]], about: Mapping[str, Any]) -> None:
    """Write a new generation and make it the one that counts; a kill at any moment leaves the old one or the new.

    Args:
        root: the directory; made when absent.
        files: for each file name such as ``"vectors.bin"``, what writes it to a path that does not exist yet.
        about: JSON values for the manifest.

    Raises:
        ArtifactError: the directory holds something else.
    """
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root):
        number = _next_number(root)
        entries = {}
        for name, write in files.items():
            role, _, suffix = name.partition(".")
            path = root / f"{role}-{number:06d}.{suffix}"
            path.unlink(missing_ok=True)
            write(path)
            _fsync(path)
            size, digest = _size_and_sha256(path)
            entries[role] = {"name": path.name, "bytes": size, "sha256": digest}
        _fsync(root)
        body = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "generation": number,
            "files": entries,
            "about": dict(about),
        }
        # The one step that counts: before it the old manifest names the old files, after it the new one the new.
        atomic_write(root / MANIFEST, json.dumps({**body, "sha256": _body_sha256(body)}, indent=1) + "\n")
        keep = {entry["name"] for entry in entries.values()}
        for path in _files(root):
            if path.name not in keep:
                with suppress(FileNotFoundError):
                    path.unlink()


def read_generation(root: Path) -> Generation:
    """Read the manifest and check every file against it.

    Raises:
        IndexCorruptError: the manifest or a file is missing, damaged or of a newer format; the message names it.
    """
    while True:
        body = _read_manifest(root)
        try:
            paths = {role: _checked(root, entry) for role, entry in body["files"].items()}
        except IndexCorruptError:
            if _read_manifest(root)["generation"] == body["generation"]:
                raise
            continue  # a writer has made a newer generation and removed this one's files
        return Generation(number=body["generation"], paths=paths, about=body["about"])


def _read_manifest(root: Path) -> dict[str, Any]:
    path = root / MANIFEST
    if not path.is_file():
        raise IndexCorruptError(f"{root}: no index is there (it has no {MANIFEST})")
    try:
        body = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise IndexCorruptError(f"{path}: damaged, it is not complete JSON ({error})") from error
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise IndexCorruptError(f"{path}: not the manifest of an index of JSON documents")
    version = body.get("format_version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise IndexCorruptError(
            f"{path}: format {version}, this signwise reads formats up to {FORMAT_VERSION}; upgrade signwise"
        )
    digest = body.pop("sha256", None)
    if digest != _body_sha256(body):
        raise IndexCorruptError(f"{path}: damaged, its SHA-256 does not match its content")
    return body


def _checked(root: Path, entry: Mapping[str, Any]) -> Path:
    path: Path = root / str(entry["name"])
    try:
        size, digest = _size_and_sha256(path)
    except OSError as error:
        raise IndexCorruptError(f"{path}: cannot be read ({error.strerror}); the index is damaged") from error
    if size != entry["bytes"]:
        raise IndexCorruptError(f"{path}: has {size} bytes, the manifest says {entry['bytes']}; the index is damaged")
    if digest != entry["sha256"]:
        raise IndexCorruptError(f"{path}: its SHA-256 is not the one in the manifest; the index is damaged")
    return path


def _next_number(root: Path) -> int:
    foreign = sorted(
        path.name
        for path in root.iterdir()
        if path.name not in (MANIFEST, _LOCK) and not path.name.startswith(f".{MANIFEST}.") and not _ours(path)
    )
    if foreign:
        raise ArtifactError(
            f"{root}: holds {foreign[0]!r}, which is no part of an index, so none is saved there; choose another path"
        )
    numbers = [0]
    if (root / MANIFEST).exists():
        # A damaged index is not written over: what is left of it may be all its owner has.
        numbers.append(int(_read_manifest(root)["generation"]))
    for path in _files(root):
        match = _NAME.fullmatch(path.name)
        assert match is not None
        numbers.append(int(match["generation"]))
    return max(numbers) + 1


def _ours(path: Path) -> bool:
    return _NAME.fullmatch(path.name) is not None and path.is_file()


def _files(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if _ours(path)]


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """One writer at a time; the lock ends with its process."""
    descriptor = os.open(root / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _size_and_sha256(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return file.tell(), digest.hexdigest()


def _body_sha256(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
