"""Documents from Arrow data (extra ``arrow``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..errors import import_extra

_ROWS = 1024


def documents_of(data: Any) -> Iterator[Any]:
    """The rows of an Arrow table or record batch as dicts, or the values of a column.

    A column holds structs, maps or lists, which are documents, or JSON text as string or binary. A null row of a
    column is no document and is refused when it is read.

    Raises:
        MissingExtraError: pyarrow is not installed.
        TypeError: other Arrow data.
    """
    pa = import_extra("pyarrow", "arrow", "to read Arrow data")
    if isinstance(data, (pa.Table, pa.RecordBatch)):
        batches = data.to_batches(max_chunksize=_ROWS) if isinstance(data, pa.Table) else [data]
        for batch in batches:
            yield from batch.to_pylist()
    elif isinstance(data, (pa.Array, pa.ChunkedArray)):
        for start in range(0, len(data), _ROWS):
            yield from data.slice(start, _ROWS).to_pylist()
    else:
        raise TypeError(f"Arrow data must be a table, a record batch or a column, got pyarrow.{type(data).__name__}")
