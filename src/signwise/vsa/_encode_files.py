"""Vectors of files of documents, written as a numpy file."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import orjson
from numpy.lib import format as npy

from .. import _files
from ..errors import DataError
from ._encoder import JSONEncoder
from ._files import FileReject, SourceDocument, read_documents


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncodedFiles:
    """What was written.

    Attributes:
        count: rows of the file.
        rejects: documents that were left out.
    """

    count: int
    rejects: Sequence[FileReject]


def encode_files(
    encoder: JSONEncoder, paths: Iterable[str | Path], out: str | Path, *, progress: bool | None = None
) -> EncodedFiles:
    """Write the vectors of documents as a ``.npy`` file, a batch at a time; bad documents are left out.

    Beside it, ``NAME.names.jsonl`` says for each row the path and line of its document. Both files appear whole
    or not at all.

    Args:
        encoder: the encoder, whose output form is written.
        paths: files, and folders whose JSON files are taken, as in :func:`read_documents`.
        out: the file to write.
        progress: whether progress is shown; None follows the environment.

    Returns:
        How many rows were written, and the rejects.

    Raises:
        DataError: as :func:`read_documents`, or no document could be encoded.
        OSError: a file cannot be read or written.
    """
    target = Path(out).resolve()
    names = target.with_suffix(".names.jsonl")
    d = encoder.d
    width, dtype = {"float32": (d, "<f4"), "int32": (d, "<i4"), "bits": (d // 8, "|u1")}[encoder.output]
    pending: list[SourceDocument] = []

    def documents() -> Iterator[bytes]:
        for source in read_documents(paths, progress=progress):
            pending.append(source)
            yield source.content

    target.parent.mkdir(parents=True, exist_ok=True)
    count, seen = 0, 0
    rejects: list[FileReject] = []
    staged = [_files.stage_file(path, 0o666) for path in (target, names)]
    try:
        with os.fdopen(staged[0][1], "wb") as rows, os.fdopen(staged[1][1], "wb") as places:
            header = {"descr": dtype, "fortran_order": False}
            npy.write_array_header_1_0(rows, {**header, "shape": (0, width)})
            start = rows.tell()
            for batch in encoder.transform_batches(documents(), on_error="skip"):
                rows.write(np.ascontiguousarray(batch.vectors, dtype).data)
                for line in batch.lines:
                    source = pending[line - 1 - seen]
                    places.write(orjson.dumps({"path": str(source.path), "line": source.line}) + b"\n")
                for reject in batch.rejects:
                    source = pending[reject.line - 1 - seen]
                    rejects.append(FileReject(path=source.path, line=source.line, reason=reject.reason))
                count += len(batch.lines)
                done = len(batch.lines) + len(batch.rejects)
                del pending[:done]
                seen += done
            if not count:
                raise DataError(f"no document could be encoded; the first: {rejects[0].reason if rejects else 'none'}")
            rows.seek(0)
            npy.write_array_header_1_0(rows, {**header, "shape": (count, width)})
            if rows.tell() != start:
                raise RuntimeError("the numpy header has grown over the first row")
            for file in (rows, places):
                file.flush()
                os.fsync(file.fileno())
            staged[1][0].replace(names)
            staged[0][0].replace(target)
    except BaseException:
        for path, _ in staged:
            path.unlink(missing_ok=True)
        raise
    _files.fsync(target.parent)
    return EncodedFiles(count=count, rejects=rejects)
