"""Fill the tables of docs/vsa_results.md: ``python -m reproductions.vsa.document [--keep NAME=DIR ...]``.

A block ``<!-- generated: NAME -->`` holds the claim NAME.toml as ``python -m reproductions --update`` left it, or, as
``<!-- generated: table NAME -->``, the table that a run left, which ``--keep`` copies to ``results/``.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from .._claim_tables import fill_blocks, kept_table

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "vsa_results.md"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="append", default=[], metavar="NAME=DIR", help="keep the table of a run")
    options = parser.parse_args(argv)
    (HERE / "results").mkdir(exist_ok=True)
    for text in options.keep:
        name, _, folder = text.partition("=")
        shutil.copy(Path(folder) / "table.md", HERE / "results" / f"{name}.md")
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


def filled(text: str) -> str:
    """The text with every marked block made anew."""
    return fill_blocks(text, lambda name: kept_table("vsa", name))


if __name__ == "__main__":
    sys.exit(main())
