"""Fill the tables and curves of docs/optim_results.md: ``python -m reproductions.optim.document [--check]``.

The tables of figures come from the claims beside this file, as ``python -m reproductions --update`` left them; training
comes from ``results/training.json``. ``--training FILE`` puts a new record there, and writes the claim
``training.toml`` anew from it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from .._claim_tables import fill_blocks, kept_table
from ._claim import training_claim
from ._tables import curves, training_table

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "optim_results.md"
RECORD = HERE / "results" / "training.json"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="say whether the page is up to date; write nothing")
    parser.add_argument("--training", type=Path, help="the result.json of reproductions.optim.training, to be kept")
    options = parser.parse_args(argv)
    before = PAGE.read_text(encoding="utf-8")
    if options.check:
        if filled(before) != before:
            raise SystemExit("docs/optim_results.md is out of date; run: python -m reproductions.optim.document")
        return 0
    if options.training:
        RECORD.parent.mkdir(exist_ok=True)
        shutil.copy(options.training, RECORD)
        RECORD.with_suffix(".md").write_text(training_table(training()), encoding="utf-8")
        (HERE / "training.toml").write_text(training_claim(training()), encoding="utf-8")
    PAGE.write_text(filled(before), encoding="utf-8")
    for task in training()["tasks"]:
        curves(training(), task, ROOT / "docs" / "_static" / f"optim_{task}.svg")
    return 0


def filled(text: str) -> str:
    """The text with every marked block made anew: ``training``, or the name of a claim."""
    return fill_blocks(
        text, lambda name: training_table(training()) if name == "training" else kept_table("optim", name)
    )


def training() -> dict[str, Any]:
    """The record that is kept."""
    return json.loads(RECORD.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main())
