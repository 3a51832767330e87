"""Tuning every contender on one half of a task and scoring it on the other; tables of the scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from signwise.progress import track

from ._representations import Representation, contenders

Score = Callable[[Representation], Mapping[str, float]]


def compare(
    tune: Callable[[Representation], float], score: Score, quick: bool, only: str | None = None
) -> dict[str, Any]:
    """For 512 bytes and without a limit: the variant of each contender that tuning prefers, and its scores.

    Args:
        tune: a score of a fresh representation on the tuning half; larger is better.
        score: named scores on the other half.
        quick: two variants of each contender only.
        only: the one contender to run; all by default.
    """
    out: dict[str, Any] = {}
    for limit, name in ((True, "512 bytes"), (False, "unlimited")):
        rows: dict[str, Any] = {}
        chosen = {c: variants for c, variants in contenders(limit).items() if only in (None, c)}
        for contender, variants in track(chosen.items(), name, total=len(chosen)):
            tried = dict(list(variants.items())[: 2 if quick else None])
            tuned = {variant: tune(make()) for variant, make in tried.items()} if len(tried) > 1 else {}
            best = max(tuned, key=lambda v: tuned[v]) if tuned else next(iter(tried))
            rows[contender] = {"variant": best, "tuning": tuned.get(best), **score(tried[best]())}
        out[name] = rows
    return out


def margins(rows: Mapping[str, Any], measures: list[str]) -> dict[str, float]:
    """Ours less the best of the others, by measure; nothing where not all ran."""
    if "signwise" not in rows or len(rows) < 2:
        return {}
    return {
        m: rows["signwise"][m] - max(row[m] for contender, row in rows.items() if contender != "signwise")
        for m in measures
    }


def table(comparison: Mapping[str, Any], measures: list[str]) -> str:
    """A Markdown table of both budgets."""
    lines = [
        f"| budget | contender | {' | '.join(measures)} | variant |",
        "|---|---|" + "---:|" * len(measures) + "---|",
    ]
    for budget, rows in comparison.items():
        for contender, row in rows.items():
            cells = " | ".join(f"{row[m]:.3f}" for m in measures)
            lines.append(f"| {budget} | {contender} | {cells} | {row['variant']} |")
    return "\n".join(lines) + "\n"
