"""Signed graphs in the formats of SNAP and KONECT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from ..events import EventStream
from ._read import check_counts, lines
from ._records import LoadedStream, Provenance, SignedGraph, listed
from ._registry import DatasetInfo

BITCOIN_MAX = 10.0


def load_bitcoin(info: DatasetInfo, paths: tuple[Path, ...], verify: bool) -> LoadedStream:
    """Ratings of a Bitcoin exchange."""
    stream = read_bitcoin(paths[0], info.name)
    if verify:
        check_counts(info, paths[0], **_stream_counts(stream))
    return stream


def load_epinions(info: DatasetInfo, paths: tuple[Path, ...], verify: bool) -> LoadedStream:
    """Statements of Epinions."""
    stream = read_konect(paths[0], info.name, member="out.epinions", verify=verify)
    if verify:
        check_counts(info, paths[0], **_stream_counts(stream))
    return stream


def load_static(info: DatasetInfo, paths: tuple[Path, ...], verify: bool) -> SignedGraph:
    """Edges without times."""
    graph = read_signed_edges(paths[0], info.name)
    if verify:
        check_counts(
            info,
            paths[0],
            edges=len(graph),
            nodes=len(graph.nodes),
            positive=int(np.sum(graph.sign > 0)),
            self_loops=int(np.sum(graph.source == graph.target)),
        )
    return graph


def read_bitcoin(path: Path, name: str) -> LoadedStream:
    """Parse ``source,target,rating,time`` lines without a header.

    Ratings are -10..10 and not zero; times are seconds, with fractions in one of the two files. Lines may be in
    any order; ties keep the order of the file.

    Raises:
        DataError: a line is not of this form.
    """
    source, target, rating, time, number = [], [], [], [], []
    zero = 0
    for at, line in lines(path):
        if not line:
            continue
        try:
            u, v, given, seconds = line.split(",")
            value, when = float(given), float(seconds)
        except ValueError as error:
            raise DataError(f"{path}, line {at}: expected source,target,rating,time, got {line[:80]!r}") from error
        if not abs(value) <= BITCOIN_MAX or not np.isfinite(when):
            raise DataError(f"{path}, line {at}: expected a rating of -10..10 and a finite time, got {line[:80]!r}")
        if value == 0:
            zero += 1
            continue
        source.append(u)
        target.append(v)
        rating.append(value)
        time.append(when)
        number.append(at)
    stream = EventStream.from_columns(
        source=source, target=target, rating=rating, time=time, weight_max=BITCOIN_MAX, line=number
    )
    return LoadedStream.of(stream, _provenance(name, path, len(stream) + zero, {"rating 0": zero}))


def read_konect(path: Path, name: str, *, member: str | None = None, verify: bool = True) -> LoadedStream:
    """Parse KONECT's ``source target weight time`` columns after ``%`` comments; weight 0 is dropped.

    Args:
        path: the ``out.*`` file, or the ``.tar.bz2`` archive that holds it.
        name: of the data set.
        member: the file inside an archive.
        verify: compare the number of records with the header's ``% records nodes nodes`` line, if it has one.

    Raises:
        DataError: a line is not of this form, or the number of records is not the header's.
    """
    source, target, rating, time, number = [], [], [], [], []
    zero = 0
    declared: int | None = None
    for at, line in lines(path, member):
        if not line or line.startswith("%"):
            fields = line[1:].split()
            if declared is None and len(fields) in (2, 3) and all(part.isdigit() for part in fields):
                declared = int(fields[0])
            continue
        try:
            u, v, given, seconds = line.split()
            value, when = float(given), float(seconds)
        except ValueError as error:
            raise DataError(f"{path}, line {at}: expected source target weight time, got {line[:80]!r}") from error
        if not np.isfinite(value) or not np.isfinite(when):
            raise DataError(f"{path}, line {at}: expected finite numbers, got {line[:80]!r}")
        if value == 0:
            zero += 1
            continue
        source.append(u)
        target.append(v)
        rating.append(np.sign(value))
        time.append(when)
        number.append(at)
    if verify and declared is not None and declared != len(source) + zero:
        raise DataError(f"{path}: its header declares {declared:,} records and {len(source) + zero:,} follow")
    stream = EventStream.from_columns(
        source=source, target=target, rating=rating, time=time, weight_max=1.0, line=number
    )
    return LoadedStream.of(stream, _provenance(name, path, len(stream) + zero, {"weight 0": zero}))


def read_signed_edges(path: Path, name: str) -> SignedGraph:
    """Parse ``source,target,sign`` lines without a header.

    Raises:
        DataError: a line is not of this form.
    """
    ids: dict[str, int] = {}
    rows: list[tuple[int, int, int]] = []
    for at, line in lines(path):
        if not line:
            continue
        parts = line.split(",")
        if len(parts) != 3 or parts[2] not in ("1", "-1", "+1"):
            raise DataError(f"{path}, line {at}: expected source,target,sign, got {line[:80]!r}")
        rows.append((ids.setdefault(parts[0], len(ids)), ids.setdefault(parts[1], len(ids)), int(parts[2])))
    table: npt.NDArray[np.int64] = np.array(rows, np.int64).reshape(-1, 3)
    return SignedGraph(
        source=table[:, 0],
        target=table[:, 1],
        sign=table[:, 2].astype(np.int8),
        nodes=tuple(ids),
        provenance=_provenance(name, path, len(rows), {}),
    )


def _stream_counts(stream: LoadedStream) -> dict[str, int]:
    return {
        "records": stream.provenance.records,
        "events": len(stream),
        "nodes": stream.num_nodes,
        "positive": int(np.sum(stream.sign > 0)),
        "distinct_times": len(stream.tie_starts) - 1,
    }


def _provenance(name: str, path: Path, records: int, dropped: dict[str, int]) -> Provenance:
    return Provenance(name=name, files=(path,), records=records, dropped=listed(dropped.items()))
