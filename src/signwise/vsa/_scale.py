"""Encoding by Ray Data: a callable for ``map_batches``, and a whole job from JSONL or Parquet to Parquet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import import_extra
from ._encoder import JSONEncoder

PURPOSE = "to encode by Ray Data"


class EncodeBatch:
    """A callable class for ``ray.data.Dataset.map_batches``: adds a column of vectors to a batch of rows.

    Give it as a class, with ``fn_constructor_args=(encoder,)``, to keep it in actors; :func:`encode_dataset` runs it
    in tasks. It needs no Ray itself, and a batch gives the bytes that :meth:`JSONEncoder.transform` gives, however
    the rows are split. Workers get the encoder, with its fitted state, by pickle.

    Args:
        encoder: the encoder; its output form is that of the column.
        column: column of JSON text (str or bytes), or None for the whole row as one document.
        name: name of the new column.
        keep: columns to keep beside the vectors; by default all.

    Examples:
        >>> import numpy as np
        >>> from signwise.vsa import EncodeBatch, JSONEncoder
        >>> encode = EncodeBatch(JSONEncoder(512, output="bits"), column="body", keep=["id"])
        >>> out = encode({"id": np.array([7]), "body": np.array(['{"a": 1}'], object)})
        >>> sorted(out), out["vector"].shape, out["vector"].dtype
        (['id', 'vector'], (1, 64), dtype('uint8'))
    """

    def __init__(
        self, encoder: JSONEncoder, *, column: str | None = None, name: str = "vector", keep: list[str] | None = None
    ) -> None:
        self.encoder, self.column, self.name, self.keep = encoder, column, name, keep

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """The batch with its vectors.

        Args:
            batch: columns of equal length by name, as ``batch_format="numpy"`` gives them.

        Raises:
            DataError: a row that cannot be encoded.
            ValueError: the column is not there.
        """
        if self.column is None:
            names = list(batch)
            columns = [_plain(batch[name]) for name in names]
            documents = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        elif self.column in batch:
            documents = _plain(batch[self.column])
        else:
            raise ValueError(f"the batch has no column {self.column!r}; it has {', '.join(map(repr, batch))}")
        kept = {name: batch[name] for name in (batch if self.keep is None else self.keep)}
        return {**kept, self.name: self.encoder.transform(documents)}


def encode_dataset(
    source: str | Path | Any,
    encoder: JSONEncoder,
    out: str | Path,
    *,
    column: str | None = None,
    keep: list[str] | None = None,
    batch_size: int = 1024,
    concurrency: int | None = None,
) -> None:
    """Encode JSONL or Parquet files by Ray Data and write Parquet (extra ``scale``).

    Lines of JSONL are read as text, so that each document is encoded as it stands in its file.

    Args:
        source: a ``.jsonl`` or ``.ndjson`` file, a Parquet file, a folder of either, or a ``ray.data.Dataset``.
        encoder: the encoder; fit it before.
        out: folder for the Parquet files, with a column ``vector`` beside those that are kept.
        column: column of JSON text in Parquet; by default the whole row is the document.
        keep: columns to keep; by default all.
        batch_size: rows of a batch.
        concurrency: how many batches are encoded at once; by default as many as Ray gives.

    Raises:
        MissingExtraError: Ray is not installed.
        ValueError: the files are of another kind.
    """
    data = import_extra("ray.data", "scale", PURPOSE)
    if isinstance(source, str | Path):
        source, column = _read(data, Path(source), column)
    encode = EncodeBatch(encoder, column=column, keep=keep)

    def call(batch: dict[str, Any]) -> dict[str, Any]:
        return encode(batch)

    # A function runs in tasks, which share the processors with the reading; a class would hold them as an actor, and
    # on one processor wait for ever. A worker unpacks the function, and with it the encoder, once.
    rows = source.map_batches(call, batch_format="numpy", batch_size=batch_size, concurrency=concurrency)
    rows.write_parquet(str(out))


def fit_dataset(
    source: str | Path | Any, encoder: JSONEncoder, *, column: str | None = None, batch_size: int = 4096
) -> JSONEncoder:
    """Fit an encoder by Ray Data: batches are counted by workers, and their counts merged (extra ``scale``).

    The order and the partition of the rows do not matter: the fingerprint is that of a local fit.

    Args:
        source: as in :func:`encode_dataset`.
        encoder: the encoder, which is fitted and given back.
        column: column of JSON text; by default the whole row is the document.
        batch_size: rows of a batch.

    Raises:
        MissingExtraError: Ray is not installed.
        ValueError: the files are of another kind.
    """
    import pickle

    from sklearn.base import clone

    data = import_extra("ray.data", "scale", PURPOSE)
    if isinstance(source, str | Path):
        source, column = _read(data, Path(source), column)
    blank = clone(encoder)

    def count(batch: Mapping[str, Any]) -> dict[str, Any]:
        names = list(batch)
        if column is None:
            rows = zip(*(_plain(batch[name]) for name in names), strict=True)
            documents: list[Any] = [dict(zip(names, row, strict=True)) for row in rows]
        else:
            documents = _plain(batch[column])
        return {"state": np.array([pickle.dumps(clone(blank).partial_fit(documents))], object)}

    encoder.__dict__.pop("state_", None)
    for row in source.map_batches(count, batch_format="numpy", batch_size=batch_size).iter_rows():
        # The bytes come from our own workers of this job.
        encoder.merge(pickle.loads(row["state"]))
    return encoder


def _read(data: Any, path: Path, column: str | None) -> tuple[Any, str | None]:
    """The dataset of files, and the column of its text."""
    files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    kinds = {file.suffix for file in files if not file.name.startswith((".", "_"))}
    if kinds and kinds <= {".jsonl", ".ndjson"}:
        return data.read_text([str(file) for file in files], drop_empty_lines=True), "text"
    if kinds == {".parquet"}:
        return data.read_parquet([str(file) for file in files]), column
    raise ValueError(f"{path}: expected .jsonl, .ndjson or .parquet files, of one kind; found {sorted(kinds)}")


def _plain(column: Any) -> list[Any]:
    """A column as Python values."""
    return [_value(item) for item in (column.tolist() if isinstance(column, np.ndarray) else column)]


def _value(item: Any) -> Any:
    if isinstance(item, np.ndarray):
        return [_value(inner) for inner in item.tolist()]
    if isinstance(item, np.generic):
        return item.item()
    if isinstance(item, dict):
        return {key: _value(inner) for key, inner in item.items()}
    return [_value(inner) for inner in item] if isinstance(item, list | tuple) else item
