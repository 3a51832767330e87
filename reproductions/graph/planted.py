"""Planted factions and a status ladder, where counts tell nothing: ``python -m reproductions.graph.planted --out DIR``.

In the factions friends of friends are friends, and in the sparse ones few pairs have a common friend; on the ladder who
looks up approves. The claim is that (AUROC - .5) on the test part is at least .8 of what an oracle gets that knows what
was planted. One process, one thread; finished fits are kept in the cache folder.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from signwise.data import simulate_signed_events

from .._record_files import write_json
from ._one_run import do, load
from ._rows import ROWS, Job
from .grid import CACHE, interval

EVENTS = 20_000
SCENARIOS: dict[str, tuple[Any, int]] = {
    "factions": ("factions", 400),
    "sparse_factions": ("factions", 2_000),
    "status": ("status", 400),
}
"""What is planted, and among how many nodes."""
MODELS = ("bias_mean", "boosting", "TGN", "SEMBA", "SEMBAPlus", "SEMBAPlus-sketch")
SEEDS = (0, 1, 2)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of finished fits")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="number of seeds")
    parser.add_argument("--model", action="append", choices=MODELS, help="may be repeated; all by default")
    options = parser.parse_args(argv)
    os.environ.setdefault("SIGNWISE_PROGRESS", "0")
    torch.set_num_threads(1)
    record: dict[str, Any] = {"events": EVENTS, "scenarios": {}}
    for name, (scenario, nodes) in SCENARIOS.items():
        rows: dict[str, list[float]] = {}
        oracle = []
        for seed in SEEDS[: options.seeds]:
            # A new planted stream for each seed.
            planted = simulate_signed_events(EVENTS, nodes, scenario=scenario, seed=seed)
            oracle.append(planted.oracle_auc_test)
            for model in options.model or MODELS:
                job, folder = Job(row=model, task="sign", protocol="strict", seed=seed), options.cache / name
                found = load(job, planted.stream, folder) or do(job, planted.stream, folder)
                rows.setdefault(model, []).append(found["test"]["auc"])
        share = {m: (np.array(v) - 0.5) / (np.array(oracle) - 0.5) for m, v in rows.items()}
        record["scenarios"][name] = {
            "nodes": nodes,
            "oracle": interval(oracle),
            "models": {
                m: {"auc": interval(v), "share_of_oracle": interval(share[m].tolist())} for m, v in rows.items()
            },
        }
    write_json(options.out / "result.json", record)
    (options.out / "tables.md").write_text(table(record), encoding="utf-8")
    print(table(record))
    return 0


def table(record: dict[str, Any]) -> str:
    """AUROC, and the share of what the oracle gets above .5."""
    titles = {row.name: row.title for row in ROWS}
    lines = ["| planted | model | AUROC | oracle | (AUROC − .5)/(oracle − .5) |", "|---|---|---:|---:|---:|"]
    for scenario, entry in record["scenarios"].items():
        for model, found in entry["models"].items():
            what = f"{scenario.replace('_', ' ')}, {entry['nodes']:,} nodes"
            lines.append(
                f"| {what} | {titles[model]} | {found['auc']['mean']:.3f} | {entry['oracle']['mean']:.3f} "
                f"| {found['share_of_oracle']['mean']:.2f} |"
            )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main())
