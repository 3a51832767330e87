"""Fill the tables of docs/graph_results.md: ``python -m reproductions.graph.document [--check]``.

``--grid FILE``, ``--planted FILE`` and ``--leak FILE`` keep new records, the ``result.json`` of the commands, under
``results``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from .._claim_tables import fill_blocks
from . import _tables
from .leak import table as leak_table
from .planted import table as planted_table

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "graph_results.md"
RECORDS = {
    "grid": HERE / "results" / "bitcoin-otc.json",
    "planted": HERE / "results" / "planted.json",
    "leak": HERE / "results" / "leak.json",
}
TABLES = {"grid": _tables.tables, "planted": planted_table, "leak": leak_table}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="say whether the page is up to date; write nothing")
    parser.add_argument("--grid", type=Path, help="a record of reproductions.graph.grid, to be kept")
    parser.add_argument("--planted", type=Path, help="a record of reproductions.graph.planted, to be kept")
    parser.add_argument("--leak", type=Path, help="a record of reproductions.graph.leak, to be kept")
    options = parser.parse_args(argv)
    before = PAGE.read_text(encoding="utf-8")
    if options.check:
        if filled(before) != before:
            raise SystemExit("docs/graph_results.md is out of date; run: python -m reproductions.graph.document")
        return 0
    for name, path in RECORDS.items():
        if getattr(options, name):
            path.parent.mkdir(exist_ok=True)
            shutil.copy(getattr(options, name), path)
    PAGE.write_text(filled(before), encoding="utf-8")
    return 0


def filled(text: str) -> str:
    """The text with every marked block made anew from its record."""

    def table(name: str) -> str:
        path = RECORDS[name]
        return TABLES[name](json.loads(path.read_text(encoding="utf-8"))) if path.exists() else "Not run yet.\n"

    return fill_blocks(text, table)


if __name__ == "__main__":
    sys.exit(main())
