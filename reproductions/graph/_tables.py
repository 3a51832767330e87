"""The record of a grid as Markdown tables."""

from __future__ import annotations

from typing import Any

COLUMNS = {
    "sign": [
        ("AUROC", "test", "auc"), ("AP of −", "test", "ap_negative"), ("macro F1", "test", "macro_f1"),
        ("weighted F1", "test", "weighted_f1"), ("F1 of +", "test", "binary_f1"), ("log loss", "test", "log_loss"),
        ("ECE", "test", "ece"), ("both known", "both_known", "auc"), ("one new", "one_new", "auc"),
        ("both new", "both_new", "auc"),
    ],
    "link": [
        ("AUROC, seen", "seen", "auc"), ("AP, seen", "seen", "ap"), ("MRR, seen", "ranks", "mrr"),
        ("macro F1, seen", "seen", "macro_f1"), ("AUROC, all", "test", "auc"), ("AP, all", "test", "ap"),
    ],
    "signed_link": [
        ("weighted F1", "test", "weighted_f1"), ("macro F1", "test", "macro_f1"), ("AP of +", "test", "ap.0"),
        ("AP of −", "test", "ap.1"), ("AP of none", "test", "ap.2"), ("F1 of +", "test", "f1.0"),
        ("F1 of −", "test", "f1.1"), ("F1 of none", "test", "f1.2"),
    ],
    "weight": [
        ("RMSE", "test", "rmse"), ("PCC", "test", "pcc"), ("R²", "test", "r2"), ("log score", "test", "log_score"),
        ("in the 80 % interval", "test", "coverage.1/observed"), ("expected there", "test", "coverage.1/expected"),
    ],
}  # fmt: skip
PASSES = [("transductive", "transductive", "auc"), ("inductive", "inductive", "auc")]
TITLES = {
    "sign": "Sign of the event",
    "link": "Existence (events against non-events)",
    "signed_link": "Signed link (positive, negative, none)",
    "weight": "Signed weight",
}
PROTOCOLS = {"strict": "Strict protocol", "published": "Published protocol (leaky; for comparison alone)"}


def tables(record: dict[str, Any]) -> str:
    """All tables of a record."""
    lines = [f"{record['data']}: {record['events']:,} events, {record['nodes']:,} nodes", ""]
    for protocol, tasks in record["protocols"].items():
        for task, rows in sorted(tasks.items(), key=lambda item: list(TITLES).index(item[0])):
            groups = record["groups"]
            main = {row: entry for row, entry in rows.items() if groups[row] != "ablation"}
            cut = {row: entry for row, entry in rows.items() if groups[row] == "ablation"}
            lines += [f"**{PROTOCOLS[protocol]}: {TITLES[task]}**", "", *table(record, protocol, task, main), ""]
            if cut:
                full = {row: rows[row] for row in ("SEMBA", "SEMBAPlus") if row in rows}
                lines += [f"**Left out: {TITLES[task]}**", "", *table(record, protocol, task, full | cut), ""]
    if record["differences"]:
        lines += ["**Paired differences, strict protocol**", "", *differences(record), ""]
    return "\n".join(lines)


def table(record: dict[str, Any], protocol: str, task: str, rows: dict[str, Any]) -> list[str]:
    """One table: mean and half of the 95 % interval over the seeds."""
    columns = list(COLUMNS[task])
    if protocol == "published":
        columns = [c for c in columns if c[1] == "test"] + (PASSES if task in ("sign", "link") else [])
    columns = [c for c in columns if any(value(entry, *c[1:]) for entry in rows.values())]
    lines = [f"| model | seeds | {' | '.join(c[0] for c in columns)} |", "|---|---:|" + "---:|" * len(columns)]
    for row in [name for name in record["titles"] if name in rows]:
        cells = [shown(value(rows[row], part, measure)) for _, part, measure in columns]
        lines.append(f"| {record['titles'][row]} | {rows[row]['runs']} | {' | '.join(cells)} |")
    return lines


def differences(record: dict[str, Any]) -> list[str]:
    """Differences with their paired intervals."""
    lines = [
        "| task | first − second | measure | part | difference | 95 % interval | paired by |",
        "|---|---|---|---|---:|---|---|",
    ]
    for d in record["differences"]:
        names = f"{record['titles'][d['first']]} − {record['titles'][d['second']]}"
        ends = f"{d['low']:+.3f} .. {d['high']:+.3f}"
        lines.append(
            f"| {d['task']} | {names} | {d['measure']} | {d['part']} | {d['difference']:+.3f} | {ends} "
            f"| {d['pairing']} |"
        )
    return lines


def value(entry: dict[str, Any], part: str, measure: str) -> dict[str, float] | None:
    """A measure of an entry, if it is there."""
    found: Any = entry.get(part)
    for step in measure.split("/"):
        found = None if found is None else found.get(step)
    return found


def shown(found: dict[str, float] | None) -> str:
    """Mean and half width."""
    if found is None:
        return ""
    if found["low"] is None or found["low"] != found["low"]:
        return f"{found['mean']:.3f}"
    return f"{found['mean']:.3f} ± {found['mean'] - found['low']:.3f}"
