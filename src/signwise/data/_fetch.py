"""Finding the files of a data set: an explicit path, ``SIGNWISE_DATA``, the user cache, the publisher."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from ..errors import DataError
from ._download import download
from ._registry import DatasetInfo, FileInfo, describe


def fetch(name: str, root: str | os.PathLike[str] | None = None, *, progress: bool | None = None) -> tuple[Path, ...]:
    """The files of a data set, downloaded where they are not there yet.

    They are looked for in ``root``, then in the directory in ``SIGNWISE_DATA``, then in the user cache
    (``$XDG_CACHE_HOME/signwise`` or ``~/.cache/signwise``). The first of the three that is given is where a
    download goes.

    Args:
        name: one of :func:`names`.
        root: a data directory; or the file itself, for a set of one file.
        progress: show the progress of a download or not; None as for :class:`signwise.progress.Progress`.

    Returns:
        Paths, in the order of ``describe(name).files``.

    Raises:
        ValueError: no data set has this name.
        DataError: the files are not there and cannot be downloaded; the message says where to get them and where
            to put them.
    """
    return locate(describe(name), root, progress=progress)


def find(name: str, root: str | os.PathLike[str] | None = None) -> tuple[Path, ...] | None:
    """The files of a data set where they are on this machine, or None; never asks the network.

    Args:
        name: one of :func:`names`.
        root: as for :func:`fetch`.

    Raises:
        ValueError: no data set has this name.
    """
    info = describe(name)
    explicit = None if root is None else Path(root).expanduser()
    if explicit is not None and explicit.is_file():
        return (explicit,) if len(info.files) == 1 and not info.files[0].folder else None
    for place in search_places(explicit):
        found = [_existing(place, file) for file in info.files]
        if all(found):
            return tuple(path for path in found if path is not None)
    return None


def locate(
    info: DatasetInfo,
    root: str | os.PathLike[str] | None,
    *,
    download_missing: bool = True,
    progress: bool | None = None,
) -> tuple[Path, ...]:
    """The files of ``info``, as :func:`fetch` finds them; without a download where ``download_missing`` is False."""
    found = find(info.name, root)
    if found is not None:
        return found
    explicit = None if root is None else Path(root).expanduser()
    if explicit is not None and explicit.is_file():
        raise DataError(f"{explicit} is a file, and {info.name} is not one file: give the directory above its files")
    places = search_places(explicit)
    home = places[0]
    missing = [file for file in info.files if _existing(home, file) is None]
    if download_missing and info.downloadable:
        try:
            _download_all(missing, home, progress)
        except (DataError, OSError) as error:
            raise DataError(f"{info.name} is not in {_list(places)}, and {error}") from error
        return locate(info, home, download_missing=False)
    raise DataError(f"{info.name} is not in {_list(places)}; {_how_to_get(info, missing, home)}")


def search_places(root: Path | None = None) -> tuple[Path, ...]:
    """The data directories in the order in which they are searched."""
    places = [] if root is None else [root]
    if setting := os.environ.get("SIGNWISE_DATA"):
        places.append(Path(setting).expanduser())
    cache = os.environ.get("XDG_CACHE_HOME")
    places.append((Path(cache) if cache else Path.home() / ".cache") / "signwise")
    return tuple(places)


def _existing(place: Path, file: FileInfo) -> Path | None:
    for path in (file.path, *file.alternatives):
        candidate = place / path
        if candidate.is_dir() if file.folder else candidate.is_file():
            return candidate
    return None


def _download_all(missing: list[FileInfo], home: Path, progress: bool | None) -> None:
    for file in missing:
        if file.member is None and file.url is not None:
            download(file.url, home / file.path, checksum=file.checksum, progress=progress)
    archives = {file.url: file.checksum for file in missing if file.member is not None and file.url is not None}
    for url, checksum in archives.items():
        archive = download(url, home / PurePosixPath(url).name, checksum=checksum, progress=progress)
        _unpack(archive, [file for file in missing if file.url == url], home)
        archive.unlink()


def _unpack(archive: Path, files: Iterable[FileInfo], home: Path) -> None:
    """Copy the named members, and no others, to their places."""
    try:
        with tarfile.open(archive) as tar:
            for file in files:
                assert file.member is not None
                source = tar.extractfile(file.member)
                if source is None:
                    raise DataError(f"{archive}: {file.member} is not a file in this archive")
                target = home / file.path
                target.parent.mkdir(parents=True, exist_ok=True)
                staged = target.with_name(f".{target.name}.unpacking")
                with source, staged.open("wb") as out:
                    shutil.copyfileobj(source, out)
                    out.flush()
                    os.fsync(out.fileno())
                staged.replace(target)
    except (tarfile.TarError, EOFError, KeyError) as error:
        raise DataError(f"{archive}: truncated or damaged ({error}); delete it and get it again") from error


def _how_to_get(info: DatasetInfo, missing: list[FileInfo], home: Path) -> str:
    if info.instructions:
        target = home / info.files[0].path
        return f"{info.instructions} ({info.url}; terms: {info.terms}), so that {target} is there"
    wanted = [f"{file.url} and put it at {home / file.path}" for file in missing]
    return f"get {'; '.join(wanted)} (terms: {info.terms}), or allow the download"


def _list(places: tuple[Path, ...]) -> str:
    return " or ".join(str(place) for place in places)
