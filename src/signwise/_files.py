"""Writing beside the target: what a kill leaves behind is found again by its name and removed.

A staged file or directory is a sibling called ``.NAME.staging-TOKEN`` whose writer holds a lock on it. The lock ends
with the process, so whoever writes the same target next can tell the work of the living from what the dead left.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def atomic_write(path: str | os.PathLike[str], content: bytes | str) -> None:
    """Write a file so that a reader sees the old content or the new, never a part.

    The content is flushed to disk before it takes the name. A link keeps pointing to its file, an existing file keeps
    its permissions, and what an earlier, killed write of the same file left is removed.

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
    sweep(target)
    mode = target.stat().st_mode & 0o777 if target.exists() else None
    staged, descriptor = stage_file(target, 0o666 if mode is None else mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if mode is not None:
                os.fchmod(descriptor, mode)  # what the umask took away
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(descriptor)
            staged.replace(target)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    fsync(target.parent)


def stage_file(target: Path, mode: int) -> tuple[Path, int]:
    """A new, empty file beside the target, and the writable descriptor that holds its lock."""
    return _stage(target, lambda staged: os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))


def stage_directory(target: Path) -> tuple[Path, int]:
    """A new, empty directory beside the target, and the descriptor that holds its lock."""

    def make(staged: Path) -> int | None:
        staged.mkdir()
        try:
            return os.open(staged, os.O_RDONLY)
        except FileNotFoundError:
            return None

    return _stage(target, make)


def staging_name(target: Path) -> Path:
    """A name beside the target that nobody has and that :func:`sweep` knows."""
    return target.with_name(f".{target.name}.staging-{secrets.token_hex(6)}")


def sweep(target: Path) -> None:
    """Remove what was staged for this target by processes that are gone: their lock can be had."""
    name = re.compile(re.escape(f".{target.name}.staging-") + "[0-9a-f]{12}")
    for stale in [entry for entry in target.parent.iterdir() if name.fullmatch(entry.name)]:
        try:
            lock = os.open(stale, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        else:
            remove(stale)
        finally:
            os.close(lock)


def remove(staged: Path) -> None:
    """Remove a staged file or directory, as far as that can be done."""
    if staged.is_dir():
        shutil.rmtree(staged, ignore_errors=True)
    else:
        with suppress(OSError):
            staged.unlink(missing_ok=True)


def fsync(path: Path) -> None:
    """Flush a file, or the entries of a directory, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _stage(target: Path, make: Callable[[Path], int | None]) -> tuple[Path, int]:
    """Make a sibling until one is locked: another writer may sweep it before, as nobody seems to hold it."""
    while True:
        staged = staging_name(target)
        lock = make(staged)
        if lock is None:
            continue
        with suppress(OSError):  # a file system without locks: nobody can sweep there either
            fcntl.flock(lock, fcntl.LOCK_EX)
        if staged.exists():
            return staged, lock
        os.close(lock)
