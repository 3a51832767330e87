"""Fill the tables of docs/vsa_results.md: ``python -m reproductions.vsa.document [--keep NAME=DIR ...]``.

A block ``<!-- generated: NAME -->`` holds the claim NAME.toml as ``python -m reproductions --update`` left it, or, as
``<!-- generated: table NAME -->``, the table that a run left, which ``--keep`` copies to ``results/``.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "vsa_results.md"
BLOCK = re.compile(r"(<!-- generated: (table )?([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


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

    def fill(match: re.Match[str]) -> str:
        if match[2]:
            body = (HERE / "results" / f"{match[3]}.md").read_text(encoding="utf-8").rstrip() + "\n"
        else:
            body = claim_table(match[3])
        return f"{match[1]}\n{body}\n{match[4]}"

    return BLOCK.sub(fill, text)


def claim_table(name: str) -> str:
    """Expected and measured figures of a claim."""
    claim = tomllib.loads((HERE / f"{name}.toml").read_text(encoding="utf-8"))
    lines = ["| figure | expected | measured | |", "|---|---:|---:|---|"]
    for figure in claim["figures"]:
        expected = f"{figure['expected']:g} ± {figure['tolerance']:g}"
        lines.append(f"| {figure['name']} | {expected} | {figure['ours']:.3g} | {figure.get('miss', '')} |")
    return "\n".join([*lines, "", f"`python -m reproductions vsa/{name}`", ""])


if __name__ == "__main__":
    sys.exit(main())
