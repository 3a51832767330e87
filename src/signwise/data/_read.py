"""Opening publishers' files: plain, gzip, and bzip2 tar archives, with errors that name the file."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from ..errors import DataError
from ._registry import DatasetInfo

_BLOCK = 1 << 20


@contextmanager
def opened(path: Path, member: str | None = None) -> Iterator[BinaryIO]:
    """The decompressed bytes of a file, or of one member of a ``.tar.*`` archive.

    Raises:
        DataError: the file is missing, truncated or damaged, or the archive has no such member.
    """
    try:
        if ".tar" in path.suffixes:
            with tarfile.open(path) as archive:
                stream = archive.extractfile(_find(archive, member, path))
                if stream is None:
                    raise DataError(f"{path}: {member} is not a file in this archive")
                yield cast(BinaryIO, stream)
        elif path.suffix == ".gz":
            with gzip.open(path, "rb") as file:
                yield cast(BinaryIO, file)
        else:
            with path.open("rb") as file:
                yield file
    except (EOFError, zlib.error, tarfile.TarError, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: truncated or damaged ({error}); delete it and get it again") from error
    except OSError as error:
        reason = error.strerror or f"{error}; delete it and get it again"
        raise DataError(f"{path}: cannot be read: {reason}") from error


def read_bytes(path: Path) -> bytes:
    """The decompressed content of a file."""
    with opened(path) as file:
        return file.read()


def lines(path: Path, member: str | None = None) -> Iterator[tuple[int, str]]:
    """The lines of a text file without their ends, counted from 1; bytes that are not UTF-8 become ``\\xhh``."""
    with opened(path, member) as file:
        # Only a line feed ends a line: comments hold other characters that str.splitlines takes for an end.
        text = io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="\n")
        for number, line in enumerate(text, 1):
            yield number, line.rstrip("\r\n")


def check_content(info: DatasetInfo, paths: tuple[Path, ...]) -> None:
    """Compare the decompressed content of the files with the known checksums.

    Raises:
        DataError: a file has other content.
    """
    for file, path in zip(info.files, paths, strict=True):
        if file.content_sha256 is None:
            continue
        digest = hashlib.sha256()
        with opened(path) as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
        if digest.hexdigest() != file.content_sha256:
            raise DataError(
                f"{path}: its content has sha256 {digest.hexdigest()}, expected {file.content_sha256}; "
                "delete it and get it again, or pass verify=False"
            )


def check_counts(info: DatasetInfo, path: Path, **observed: int) -> None:
    """Compare what was read with the known counts; underscores in the keywords stand for spaces.

    Raises:
        DataError: a count differs.
    """
    for what, expected in info.counts:
        found = observed[what.replace(" ", "_").replace("-", "_")]
        if found != expected:
            raise DataError(
                f"{path}: {info.name} has {expected:,} {what}, this file has {found:,}; it is another version or "
                "damaged. Get it again, or pass verify=False to use it all the same"
            )


def _find(archive: tarfile.TarFile, member: str | None, path: Path) -> tarfile.TarInfo:
    for entry in archive:
        if entry.isfile() and (member is None or entry.name.split("/")[-1] == member):
            return entry
    raise DataError(f"{path}: has no file {member} in it; it may be truncated, or another archive")
