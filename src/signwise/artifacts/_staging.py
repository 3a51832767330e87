"""Writing so that a kill at any moment leaves the old content or the new, never a mixture."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import ArtifactError
from ._manifest import MANIFEST, content_files, read_manifest, write_manifest

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def atomic_write(path: str | Path, content: bytes | str) -> None:
    """Write a file so that a reader sees the old content or the new, never a part.

    Args:
        path: the file; its directory is made when absent.
        content: bytes, or text that is written as UTF-8.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from signwise.artifacts import atomic_write
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     atomic_write(Path(folder) / "metrics.json", "{}")
        ...     print((Path(folder) / "metrics.json").read_text())
        {}
    """
    target = Path(path).resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = target.with_name(f".{target.name}.staging-{secrets.token_hex(6)}")
    try:
        with staged.open("xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(target)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    _fsync(target.parent)


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
        ArtifactError: something at ``path`` is not an artifact, or holds files that signwise did not write.

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
    _sweep(target)
    staged, lock = _make_staging(target)
    try:
        yield staged
        write_manifest(staged, kind=kind, version=version)
        _fsync_tree(staged)
        check_replaceable(target)
        _swap_in(staged, target)
    finally:
        # After a swap the name holds the replaced artifact; after an exception, the unfinished one.
        try:
            shutil.rmtree(staged, ignore_errors=True)
        finally:
            os.close(lock)


def locate(path: str | Path) -> Path:
    """The directory to read for ``path``: itself, or the artifact that a killed replacement had set aside."""
    target = Path(path).resolve()
    aside = _aside(target)
    return aside if not target.exists() and aside.exists() else Path(path)


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


def _make_staging(target: Path) -> tuple[Path, int]:
    """A new sibling directory and the descriptor that holds its lock while this process lives."""
    while True:
        staged = target.with_name(f".{target.name}.staging-{secrets.token_hex(6)}")
        staged.mkdir()
        lock = os.open(staged, os.O_RDONLY)
        with suppress(OSError):  # a file system without locks: nobody can sweep there either
            fcntl.flock(lock, fcntl.LOCK_EX)
        if staged.exists():
            return staged, lock
        os.close(lock)  # swept between mkdir and flock


def _sweep(target: Path) -> None:
    """Remove staging directories of this target whose process is gone: its lock can be had."""
    prefix = f".{target.name}.staging-"
    for stale in [entry for entry in target.parent.iterdir() if entry.name.startswith(prefix) and entry.is_dir()]:
        try:
            lock = os.open(stale, os.O_RDONLY)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        else:
            shutil.rmtree(stale, ignore_errors=True)
        finally:
            os.close(lock)


def _swap_in(staged: Path, target: Path) -> None:
    try:
        staged.rename(target)  # nothing there, or an empty directory
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        if not _exchange(staged, target):
            aside = _aside(target)
            shutil.rmtree(aside, ignore_errors=True)
            target.rename(aside)
            staged.rename(target)
            _fsync(target.parent)
            shutil.rmtree(aside, ignore_errors=True)
    _fsync(target.parent)


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


def _recover(target: Path) -> None:
    """Put back the artifact that a replacement, killed between its two renames, had set aside."""
    aside = _aside(target)
    if not aside.exists():
        return
    if target.exists():
        shutil.rmtree(aside)
    else:
        aside.rename(target)


def _fsync_tree(root: Path) -> None:
    for folder, _, names in os.walk(root, topdown=False):
        for name in names:
            _fsync(Path(folder) / name)
        _fsync(Path(folder))


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
