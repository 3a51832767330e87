"""Keys and metadata of the rows of an index, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

Key = str | int
Entry = tuple[int, Key, str | None]

_SCHEMA = """
CREATE TABLE entries (row INTEGER PRIMARY KEY, key NOT NULL UNIQUE, metadata TEXT);
CREATE TABLE dead (row INTEGER PRIMARY KEY);
"""
_VARIABLES = 500


class Entries:
    """The living entries (row, key, metadata) and the numbers of the dead rows.

    What was loaded is read from its file until the first change; then it is copied to a database of its own, which
    has no name and ends with the process.

    Args:
        path: a file that :meth:`write` made, or None to begin empty.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._own = path is None
        if path is None:
            self._db = _anonymous()
            self._db.executescript(_SCHEMA)
        else:
            # Saved files never change, and a name that is removed stays readable while it is open.
            uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
            self._db = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
            self._db.execute("SELECT 1 FROM entries LIMIT 1").fetchone()

    def begin(self) -> None:
        """Open a transaction."""
        if not self._own:
            copy = _anonymous()
            self._db.backup(copy)
            self._db.close()
            self._db, self._own = copy, True
        self._db.execute("BEGIN")

    def commit(self) -> None:
        """Keep what was changed."""
        self._db.execute("COMMIT")

    def rollback(self) -> None:
        """Undo what was changed."""
        self._db.execute("ROLLBACK")

    def insert(self, entries: Iterable[Entry]) -> None:
        """Add entries; ``sqlite3.IntegrityError`` where a key is there already."""
        self._db.executemany("INSERT INTO entries VALUES (?, ?, ?)", entries)

    def remove(self, rows: Sequence[int]) -> None:
        """Turn living rows into dead ones."""
        self._db.executemany("DELETE FROM entries WHERE row = ?", ((row,) for row in rows))
        self._db.executemany("INSERT INTO dead VALUES (?)", ((row,) for row in rows))

    def count(self) -> int:
        """How many rows live."""
        return int(self._db.execute("SELECT count(*) FROM entries").fetchone()[0])

    def greatest_number(self) -> int:
        """The largest key that is a whole number, -1 without one."""
        found = self._db.execute("SELECT max(key) FROM entries WHERE typeof(key) = 'integer'").fetchone()[0]
        return -1 if found is None else int(found)

    def dead(self) -> NDArray[np.int64]:
        """Numbers of the dead rows."""
        return _column(self._db.execute("SELECT row FROM dead ORDER BY row"))

    def living(self) -> NDArray[np.int64]:
        """Numbers of the living rows."""
        return _column(self._db.execute("SELECT row FROM entries ORDER BY row"))

    def rows_of(self, keys: Sequence[Key]) -> dict[Key, int]:
        """The rows of those keys that are there."""
        return {key: row for row, key, _ in self._where("key", keys)}

    def entries_of(self, rows: Sequence[int]) -> dict[int, tuple[Key, str | None]]:
        """Key and metadata of living rows."""
        return {row: (key, metadata) for row, key, metadata in self._where("row", rows)}

    def all(self) -> Iterable[Entry]:
        """Every living entry in the order of its row."""
        return self._db.execute("SELECT row, key, metadata FROM entries ORDER BY row")

    def matching(self, where: Mapping[str, Any]) -> NDArray[np.int64]:
        """Numbers of the living rows whose metadata have the wanted values."""
        conditions, values = [], []
        for field, wanted in where.items():
            text, bound = _condition(field, wanted)
            conditions.append(text)
            values += bound
        query = f"SELECT row FROM entries WHERE {' AND '.join(conditions) or '1'} ORDER BY row"
        return _column(self._db.execute(query, values))

    def write(self, path: Path) -> None:
        """Write everything to a new file."""
        file = sqlite3.connect(path, isolation_level=None)
        try:
            # The caller flushes the file to disk, and nobody reads it before.
            file.execute("PRAGMA synchronous = OFF")
            file.execute("PRAGMA journal_mode = OFF")
            self._db.backup(file)
        finally:
            file.close()

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()

    def _where(self, column: str, values: Sequence[Any]) -> Iterable[Entry]:
        for begin in range(0, len(values), _VARIABLES):
            part = values[begin : begin + _VARIABLES]
            marks = ",".join("?" * len(part))
            yield from self._db.execute(f"SELECT row, key, metadata FROM entries WHERE {column} IN ({marks})", part)


def encode_metadata(metadata: Mapping[str, Any] | None) -> str | None:
    """JSON text of the metadata of an entry.

    Raises:
        TypeError: not a mapping, or a value JSON has no form for.
    """
    if metadata is None:
        return None
    if not isinstance(metadata, Mapping):
        raise TypeError(f"metadata of an entry is a mapping, got {type(metadata).__name__}")
    try:
        return orjson.dumps(dict(metadata)).decode()
    except orjson.JSONEncodeError as error:
        raise TypeError(f"metadata must be of JSON types: {error}") from error


def check_key(key: Any) -> Key:
    """The key, if it is text or a whole number of 64 bits."""
    if isinstance(key, np.integer):
        key = int(key)
    if isinstance(key, bool) or not isinstance(key, str | int):
        raise TypeError(f"a key is text or a whole number, got {key!r}")
    if isinstance(key, int) and not -(2**63) <= key < 2**63:
        raise ValueError(f"a key that is a whole number has 64 bits, got {key}")
    return key


def _anonymous() -> sqlite3.Connection:
    # An empty name is a database that SQLite keeps in memory while it is small and in an unnamed file beyond.
    return sqlite3.connect("", check_same_thread=False, isolation_level=None)


def _column(cursor: sqlite3.Cursor) -> NDArray[np.int64]:
    return np.fromiter((row for (row,) in cursor), np.int64)


def _condition(field: str, wanted: Any) -> tuple[str, list[Any]]:
    """SQL, and its values, for one field of a filter."""
    if '"' in field:
        raise ValueError(f"a field of a filter cannot hold a double quote, got {field!r}")
    path = f'$."{field}"'
    kind, value = "json_type(metadata, ?)", "json_extract(metadata, ?)"
    if isinstance(wanted, list | tuple | set | frozenset):
        parts = [_condition(field, item) for item in wanted]
        return f"({' OR '.join(text for text, _ in parts) or '0'})", [v for _, bound in parts for v in bound]
    if isinstance(wanted, Mapping):
        unknown = set(wanted) - {"min", "max"}
        if unknown or not wanted:
            raise ValueError(f"a range of a filter has min or max or both, got {dict(wanted)}")
        text, bound = [], []
        for name, sign in (("min", ">="), ("max", "<=")):
            if name in wanted:
                kinds = "('text')" if isinstance(wanted[name], str) else "('integer', 'real')"
                text.append(f"({kind} IN {kinds} AND {value} {sign} ?)")
                bound += [path, path, wanted[name]]
        return f"({' AND '.join(text)})", bound
    if wanted is None or isinstance(wanted, bool):
        return f"({kind} = ?)", [path, "null" if wanted is None else str(wanted).lower()]
    if isinstance(wanted, str):
        return f"({kind} = 'text' AND {value} = ?)", [path, path, wanted]
    if isinstance(wanted, int | float):
        return f"({kind} IN ('integer', 'real') AND {value} = ?)", [path, path, wanted]
    raise TypeError(
        f"the filter of {field!r} is of type {type(wanted).__name__}; give a JSON value, several, or a range"
    )
