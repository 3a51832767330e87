"""Replacing a directory so that a kill at any moment leaves the old one or the new, never a mixture."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .. import _files
from ..errors import ArtifactError
from ._manifest import MANIFEST, content_files, read_manifest, write_manifest

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


@contextmanager
def stage_directory(path: str | Path, *, kind: str = "directory", version: int = 1) -> Iterator[Path]:
    """Give a temporary sibling directory to fill; rename it to ``path`` on success, remove it on any exception.

    On success every file is hashed into ``manifest.json``, files and directories are flushed to disk, and one
    rename puts the directory in place, so the result is an artifact that :func:`load` reads. An artifact that was
    at ``path`` before is exchanged for the new one in a single step where the file system can do so; elsewhere
    it steps aside for a moment and :func:`load` finds it there. What an earlier, killed process left is removed.

    Args:
        path: the directory to make or replace. Only an artifact or an empty directory is ever replaced, and only
            if it holds no file but its own.
        kind: what the directory is, checked by :func:`load`.
        version: the version of that kind.

    Raises:
        ArtifactError: something at ``path`` is not an artifact, or holds files that signwise did not write; or what
            was staged holds a link, or a name that an artifact cannot hold.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from signwise import artifacts
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with artifacts.stage_directory(Path(folder) / "run", kind="run") as stage:
        ...         _ = (stage / "report.html").write_text("<p>ok</p>")
        ...     print(sorted(p.name for p in (Path(folder) / "run").iterdir()))
        ['manifest.json', 'report.html']
    """
    target = Path(path).resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    _recover(target)
    check_replaceable(target)
    _files.sweep(target)
    staged, lock = _files.stage_directory(target)
    try:
        yield staged
        write_manifest(staged, kind=kind, version=version)
        _fsync_tree(staged)
        check_replaceable(target)
        _swap_in(staged, target)
    finally:
        # After a swap the name holds the replaced artifact; after an exception, the unfinished one.
        try:
            _files.remove(staged)
        finally:
            os.close(lock)


def locate(path: str | Path) -> Path:
    """The directory to read for ``path``: itself, or the artifact that a killed replacement had set aside."""
    target = Path(path).resolve()
    aside = None if target.exists() else _set_aside(target)
    return Path(path) if aside is None else aside


def identity(root: Path) -> tuple[Path, int, int, int] | None:
    """What changes when the directory at ``root`` is replaced; None where there is none."""
    try:
        status = root.stat()
    except OSError:
        return None
    return root, status.st_dev, status.st_ino, status.st_mtime_ns


def check_replaceable(path: str | Path) -> None:
    """Check that :func:`stage_directory` could put a directory at ``path``.

    Raises:
        ArtifactError: something there is not an artifact, or holds files that signwise did not write.
    """
    target = Path(path)
    if not target.exists():
        return
    if not target.is_dir():
        raise ArtifactError(f"{target}: a file is in the way; move it or choose another path")
    if not any(target.iterdir()):
        return
    if not (target / MANIFEST).is_file():
        raise ArtifactError(
            f"{target}: in the way is a directory that signwise did not save, and it is not deleted; "
            "move it or choose another path"
        )
    foreign = sorted(set(content_files(target)) - set(read_manifest(target).files))
    if foreign:
        raise ArtifactError(
            f"{target}: holds {foreign[0]!r}, which signwise did not write, so it is not replaced; "
            "move that file or choose another path"
        )


def _swap_in(staged: Path, target: Path) -> None:
    try:
        staged.rename(target)  # nothing there, or an empty directory
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        if not _exchange(staged, target):
            aside = _aside(target)
            check_replaceable(aside)
            target.rename(aside)
            staged.rename(target)
            _files.fsync(target.parent)
            with suppress(FileNotFoundError):  # another writer found it first
                aside.rename(staged)
    _files.fsync(target.parent)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two directory entries in one step; False where the system or the file system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    if renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code), str(second))


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.previous")


def _set_aside(target: Path) -> Path | None:
    """The artifact that a replacement, killed between its two renames, had set aside; another's entry is not one."""
    aside = _aside(target)
    try:
        read_manifest(aside)
    except ArtifactError:
        return None
    return aside


def _recover(target: Path) -> None:
    """Put back the artifact that was set aside, or remove it where its replacement is in place."""
    aside = _set_aside(target)
    if aside is None:
        return
    if not target.exists():
        aside.rename(target)
        return
    # It leaves by a name that is swept, so that a kill in between leaves no half of it under this one.
    stale = _files.staging_name(target)
    try:
        check_replaceable(aside)
        aside.rename(stale)
    except (ArtifactError, FileNotFoundError):  # it holds a user's file, or its living writer has removed it
        return
    _files.remove(stale)


def _fsync_tree(root: Path) -> None:
    for folder, _, names in os.walk(root, topdown=False):
        for name in names:
            _files.fsync(Path(folder) / name)
        _files.fsync(Path(folder))
