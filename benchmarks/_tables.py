"""Markdown tables from results files, and their refreshing inside documents.

A document holds the table between ``<!-- benchmark: NAME -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ._runner import RESULTS

PLACE = re.compile(r"(<!-- benchmark: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def quantity(seconds: float) -> str:
    """Three figures with a unit."""
    for unit, factor in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1 or unit == "µs":
            return f"{seconds * factor:.3g} {unit}"
    raise AssertionError


def table(record: dict[str, Any]) -> str:
    """One results file as a table: work, contender, median time, ratio."""
    # Blank lines keep Markdown from joining the table to its markers.
    lines = ["", "| work | contender | median | ratio |", "|---|---|---:|---:|"]
    for group in record["groups"]:
        title = group["title"]
        for name, row in group["contenders"].items():
            mark = " (baseline)" if name in group["baseline"] else ""
            time = quantity(row["median_s"]) + (f", p99 {quantity(row['p99_s'])}" if "p99_s" in row else "")
            lines.append(f"| {title} | {name}{mark} | {time} | {row['ratio']:.3g} |")
            title = ""
    machine, versions = record["machine"], record["machine"]["versions"]
    lines += [
        "",
        f"`{record['command']}`; {machine['processor']}, {record['settings']['threads']} thread, "
        + ", ".join(f"{name} {version}" for name, version in versions.items() if name != "signwise")
        + ". A ratio is the baseline's time over the contender's, in the same round.",
        "",
    ]
    return "\n".join(lines) + "\n"


def refreshed(text: str) -> str:
    """The text with every marked table made anew from its results file."""

    def fill(match: re.Match[str]) -> str:
        record = json.loads((RESULTS / f"{match[2]}.json").read_text(encoding="utf-8"))
        return f"{match[1]}{table(record)}{match[3]}"

    return PLACE.sub(fill, text)


def refresh(path: Path) -> bool:
    """Refresh a file in place; says whether it changed."""
    text = path.read_text(encoding="utf-8")
    new = refreshed(text)
    if new != text:
        path.write_text(new, encoding="utf-8")
    return new != text
