"""Tables of stored claims and runs, and the marked blocks of the documentation that hold them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
BLOCK = re.compile(r"(<!-- generated: (table )?([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def fill_blocks(text: str, table: Callable[[str], str]) -> str:
    """The text with what stands in its blocks ``<!-- generated: NAME -->`` made anew by ``table(NAME)``."""
    return BLOCK.sub(lambda block: f"{block[1]}\n{table((block[2] or '') + block[3])}\n{block[4]}", text)


def kept_table(method: str, name: str) -> str:
    """Of ``table NAME`` the table that a run left in the method's ``results``; else the table of the claim NAME."""
    kind, _, run = name.rpartition(" ")
    if kind:
        return (HERE / method / "results" / f"{run}.md").read_text(encoding="utf-8").rstrip() + "\n"
    return claim_table(f"{method}/{name}")


def claim_table(claim: str) -> str:
    """Expected and measured figures of a claim, as ``python -m reproductions --update`` left them.

    Args:
        claim: method and name, such as ``"optim/toy2d"``.
    """
    figures = tomllib.loads((HERE / f"{claim}.toml").read_text(encoding="utf-8"))["figures"]
    lines = ["| figure | expected | measured | |", "|---|---:|---:|---|"]
    for figure in figures:
        expected = f"{figure['expected']:g} ± {figure['tolerance']:g}"
        lines.append(f"| {figure['name']} | {expected} | {figure['ours']:.3g} | {figure.get('miss', '')} |")
    return "\n".join([*lines, "", f"`python -m reproductions {claim}`", ""])
