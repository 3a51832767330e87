"""Tables of stored claims, for the pages of the documentation."""

from __future__ import annotations

import tomllib
from pathlib import Path

HERE = Path(__file__).parent


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
