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


# Benchmark, beginning of the group's title, what the task is called, and our contender: one, or one of each tier.
SHOWN = (
    ("bits_xnor", "512 x 512 x 1024", "product of packed signs, 512 x 512 x 1024", "signwise {isa}"),
    ("bits_pack", "1,048,576 float32 to bits", "signs of 1,048,576 floats to bits", "signwise {isa}"),
    ("bits_topk", "100 queries, 100,000 x 1,024 bits", "10 nearest of 100,000 codes, 100 queries", "signwise {isa}"),
    ("binary_network", "ResNet-18, ImageNet form", "1-bit ResNet-18, ImageNet form", "signwise {isa}"),
    ("binary_network", "ResNet-18, CIFAR form", "1-bit ResNet-18, CIFAR form", "signwise {isa}"),
    ("optim_large", "one Lion step of 25,000,000", "Lion step of 25,000,000 weights", "signwise"),
    ("optim_lists", "one step of the 161 tensors", "Lion step of the tensors of a ResNet-50", "LionK"),
    ("graph_stream", "bitcoin-otc", "running features of 35,592 events", "signwise"),
    ("vsa_speed", "the same against flattened paths", "JSON to vectors, exact strings", "signwise, exact strings"),
)


def speed_table() -> str:
    """The ratio over the fastest alternative of the groups that are shown, for the instruction tiers measured."""
    lines = ["| task | over | AVX-512 | AVX2 |", "|---|---|---|---|"]
    machines = set()
    for name, title, task, ours in SHOWN:
        record = json.loads((ROOT / f"benchmarks/results/{name}.json").read_text())
        machines.add(record["machine"]["processor"])
        group = next(group for group in record["groups"] if group["title"].startswith(title))
        rows = group["contenders"]
        over = min(group["baseline"], key=lambda name: rows[name]["median_s"])
        contenders = [rows.get(ours.format(isa=isa)) for isa in ("avx512", "avx2")]
        if "{isa}" not in ours:
            contenders[1] = None
        ratios = ["" if row is None else f"{row['ratio']:.2g}×" for row in contenders]
        lines.append(f"| {task} | {over} | {' | '.join(ratios)} |")
    return "\n".join(
        [*lines, "", f"Measured on: {', '.join(sorted(machines))}; the pages of the methods have the rest."]
    )


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
