"""Fill the tables of docs/recovery_results.md: ``python -m reproductions.recovery.document [--keep DIR ...]``.

A block ``<!-- generated: NAME -->`` holds the claim NAME.toml as ``python -m reproductions --update`` left it, or, as
``<!-- generated: table NAME -->``, the table that a run left. ``--keep`` copies the table of a run to ``results/`` by
the name of its folder, and its pictures to ``docs/_static``, except those of data that is for research only.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from .._claim_tables import fill_blocks, kept_table

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
PAGE = DOCS / "recovery_results.md"
RESEARCH = {"escalator", "highway", "faces"}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--keep", action="append", default=[], type=Path, metavar="DIR", help="folder of a run")
    options = parser.parse_args(argv)
    (HERE / "results").mkdir(exist_ok=True)
    for folder in options.keep:
        shutil.copy(folder / "table.md", HERE / "results" / f"{folder.name}.md")
        if folder.name in RESEARCH:
            continue
        for picture in sorted([*folder.glob("recovery_*.svg"), *folder.glob("recovery_*.png")]):
            shutil.copy(picture, DOCS / "_static" / picture.name)
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


def filled(text: str) -> str:
    """The text with every marked block made anew."""
    return fill_blocks(text, lambda name: kept_table("recovery", name))


if __name__ == "__main__":
    sys.exit(main())
