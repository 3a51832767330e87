"""What a data set is called, where its publisher keeps it, and what it must hold."""

from __future__ import annotations

import difflib
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class FileInfo:
    """One file (or folder) of a data set.

    Args:
        path: where it lies below the data directory.
        url: the publisher's address of it, or of the archive that holds it; None where there is no direct one.
        checksum: ``"sha256:..."``, ``"sha1:..."`` or ``"md5:..."`` of what ``url`` sends, where it is known.
        content_sha256: of the file after decompression, where it is known.
        member: the path inside the archive at ``url``, if that is an archive to unpack.
        alternatives: other paths that are accepted, as for a file that was unpacked by hand.
        folder: whether it is a folder.
    """

    path: str
    url: str | None = None
    checksum: str | None = None
    content_sha256: str | None = None
    member: str | None = None
    alternatives: tuple[str, ...] = ()
    folder: bool = False


@dataclass(frozen=True, kw_only=True)
class DatasetInfo:
    """A data set, as :func:`describe` gives it.

    Args:
        name: the name that :func:`load` takes.
        title: what it holds.
        record: the name of the record that :func:`load` returns.
        publisher: who publishes it.
        terms: what the publisher says about use.
        url: the publisher's page.
        citation: what to cite.
        files: its files.
        size: bytes of the files on disk, roughly; None where it is not known.
        counts: what :func:`load` verifies, as (what, how many) pairs.
        instructions: how to get it by hand, where there is no direct address.
        notes: what else a reader of its figures needs to know.
    """

    name: str
    title: str
    record: str
    publisher: str
    terms: str
    url: str
    citation: str
    files: tuple[FileInfo, ...]
    size: int | None = None
    counts: tuple[tuple[str, int], ...] = ()
    instructions: str = ""
    notes: str = ""

    @property
    def downloadable(self) -> bool:
        """Whether every file has a direct address."""
        return all(file.url for file in self.files)


def names() -> tuple[str, ...]:
    """The names of the known data sets, sorted.

    Example:
        >>> from signwise import data
        >>> "bitcoin-otc" in data.names()
        True
    """
    return tuple(sorted(_by_name()))


def describe(name: str) -> DatasetInfo:
    """What the data set ``name`` is, who publishes it, on which terms, and which files it has.

    Raises:
        ValueError: no data set has this name.

    Example:
        >>> from signwise import data
        >>> info = data.describe("bitcoin-otc")
        >>> info.publisher
        'SNAP, Stanford University'
        >>> info.files[0].path
        'bitcoin-otc/soc-sign-bitcoinotc.csv.gz'
    """
    table = _by_name()
    if name not in table:
        near = difflib.get_close_matches(str(name), table, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise ValueError(f"no data set is called {name!r}{hint} The names are: {', '.join(sorted(table))}")
    return table[name]


def _by_name() -> dict[str, DatasetInfo]:
    from ._catalogue import DATASETS  # it builds the records that this module defines
    from ._catalogue_graphs import GRAPHS
    from ._catalogue_json import CORPORA

    return {info.name: info for info in (*GRAPHS, *DATASETS, *CORPORA)}
