"""Fill the generated tables of README.md: ``python tools/update_readme.py [--check]``.

The forecast table comes from the figures that ``python -m reproductions --update`` stored, the speed table from the
results that ``python -m benchmarks`` wrote.
"""

import json
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


def forecast_table() -> str:
    """Our figures of the stored claim, a row for each forecaster."""
    claim = tomllib.loads((ROOT / "reproductions/forecast/bitcoin-otc.toml").read_text())
    rows: dict[str, list[str]] = {}
    for figure in claim["figures"]:
        who, _ = figure["name"].split(": ")
        rows.setdefault(who, []).append(f"{figure['ours']:.3f}")
    lines = ["| forecaster | AUC | AP of negatives | macro F1 |", "|---|---|---|---|"]
    lines += [f"| {who} | {' | '.join(values)} |" for who, values in rows.items()]
    return "\n".join([*lines, "", "`python -m reproductions forecast/bitcoin-otc` reruns it."])


SHOWN = (
    "512 x 512 x 128",
    "512 x 512 x 1024",
    "512 x 512 x 4096",
    "1,048,576 float32 to bits",
    "1 query, 100,000 x 1,024 bits, k = 10",
    "100 queries, 100,000 x 1,024 bits, k = 10",
)


def speed_table() -> str:
    """The ratio of each instruction tier over the fastest alternative in the measured groups that are shown."""
    lines = ["| task | over | AVX-512 | AVX2 |", "|---|---|---|---|"]
    machines = set()
    for path in sorted((ROOT / "benchmarks/results").glob("*.json")):
        if path.name.endswith(".local.json"):
            continue
        record = json.loads(path.read_text())
        machines.add(record["machine"]["processor"])
        for group in record["groups"]:
            rows = group["contenders"]
            if group["title"] not in SHOWN or not {"signwise avx512", "signwise avx2"} <= set(rows):
                continue
            over = min(group["baseline"], key=lambda name: rows[name]["median_s"])
            ratios = [f"{rows[f'signwise {isa}']['ratio']:.2g}×" for isa in ("avx512", "avx2")]
            lines.append(f"| {record['name'].replace('_', ' ')}: {group['title']} | {over} | {' | '.join(ratios)} |")
    return "\n".join([*lines, "", f"Measured on: {', '.join(sorted(machines))}."])


TABLES = {"forecast": forecast_table, "speed": speed_table}


def filled(text: str) -> str:
    """The text with every generated block made anew."""
    for name, table in TABLES.items():
        block = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text, count = block.subn(lambda m, table=table: f"{m[1]}{table()}\n{m[2]}", text)
        if count != 1:
            raise SystemExit(f"README.md has {count} blocks for {name}; expected one")
    return text


if __name__ == "__main__":
    before = README.read_text()
    after = filled(before)
    if "--check" in sys.argv[1:]:
        if before != after:
            raise SystemExit("README.md is not up to date; run: python tools/update_readme.py")
    else:
        README.write_text(after)
