"""Fit every row on a signed stream and measure it: ``python -m reproductions.graph.grid --out DIR``.

The stream is bitcoin-otc, another data set (``--dataset NAME``), or your own file (``--events FILE``: CSV with the
columns source, target, rating and time, or any other that ``signwise forecast`` reads). Every finished fit is kept in
the cache folder and is not repeated: stop whenever you like, and call again. One process, one thread.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import platform
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

import signwise
from signwise.data import load as load_data
from signwise.events import EventStream
from signwise.forecast import read_events
from signwise.graph import Interval, compare

from .._record_files import write_json
from ._one_run import do, load, report_of
from ._rows import ROWS, SEEDS, Job, jobs
from ._tables import tables

CACHE = Path(__file__).parents[2] / "build" / "reproductions" / "graph"
COMPARISONS = {
    "sign": (("SEMBAPlus", "boosting"), ("SEMBAPlus", "SEMBA"), ("SEMBA", "TGN")),
    "link": (("SEMBAPlus", "TGN"), ("SEMBAPlus", "boosting")),
    "weight": (("SEMBAPlus", "boosting"),),
}
MEASURES = {"sign": ("auc", "ap_negative", "macro_f1"), "link": ("auc", "ap"), "weight": ("rmse", "pcc")}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--dataset", default="bitcoin-otc", help="a data set of signwise.data")
    parser.add_argument("--events", type=Path, help="a file of your own instead")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of finished fits")
    parser.add_argument("--only", action="append", default=[], metavar="PATTERN", help="ROW.TASK.PROTOCOL.SEED, with *")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="number of seeds")
    parser.add_argument("--max-minutes", type=float, default=float("inf"), help="start no fit after so long")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--list", action="store_true", help="say what is done and what is not, and do nothing")
    options = parser.parse_args(argv)
    os.environ.setdefault("SIGNWISE_PROGRESS", "0")
    torch.set_num_threads(options.threads)
    name = options.dataset if options.events is None else options.events.stem
    stream = load_data(options.dataset) if options.events is None else read_events(options.events).stream
    record = run_all(name, stream, options)
    if not options.list:
        write_json(options.out / "result.json", record)
        (options.out / "tables.md").write_text(tables(record), encoding="utf-8")
        print(tables(record))
    if record["left"]:
        print(f"{record['left']} fits are left; the same command goes on with them", file=sys.stderr)
    return 0


def run_all(name: str, stream: EventStream, options: argparse.Namespace) -> dict[str, Any]:
    """Do what is missing, and sum up what is there."""
    folder, end = options.cache / name, time.monotonic() + 60 * options.max_minutes
    wanted = list(jobs(seeds=tuple(range(options.seeds))))
    found: dict[tuple[str, str, str], list[tuple[Job, dict[str, Any]]]] = defaultdict(list)
    left = 0
    for number, job in enumerate(wanted, 1):
        record = load(job, stream, folder)
        chosen = not options.only or any(fnmatch.fnmatch(job.name, pattern) for pattern in options.only)
        if record is None and chosen and not options.list and time.monotonic() < end:
            record = do(job, stream, folder)
            print(
                f"{number}/{len(wanted)} {job.name}: {record['cpu_seconds']} s of processor time",
                file=sys.stderr, flush=True,
            )  # fmt: skip
        if options.list:
            print(f"{'done' if record else 'left'} {job.name}")
        left += record is None
        if record is not None:
            found[job.row, job.task, job.protocol].append((job, record))
    return summary(name, stream, found, folder) | {"left": left}


def summary(
    name: str,
    stream: EventStream,
    found: dict[tuple[str, str, str], list[tuple[Job, dict[str, Any]]]],
    folder: Path,
) -> dict[str, Any]:
    """Means and intervals of every row, and paired differences."""
    rows: dict[str, Any] = {}
    for (row, task, protocol), runs in found.items():
        records = [record for _, record in runs]
        parts = {"test": [r["test"] for r in records], "validation": [r["validation"] for r in records]}
        for part in records[0]["slices"]:
            parts[part] = [r["slices"][part] for r in records]
        parts["ranks"] = [r["ranks"] for r in records]
        entry = {part: over_runs(values) for part, values in parts.items() if None not in values}
        entry |= {"runs": len(records), "cpu_seconds": float(np.median([r["cpu_seconds"] for r in records]))}
        rows.setdefault(protocol, {}).setdefault(task, {})[row] = entry
    differences = []
    for task, pairs in COMPARISONS.items():
        for first, second in pairs:
            both = [found.get((row, task, "strict")) for row in (first, second)]
            if not all(both):
                continue
            reports = [report_of([j for j, _ in runs], [r for _, r in runs], folder) for runs in both]
            for measure in MEASURES[task]:
                for part in ("test", "both_known", "one_new", "both_new", "seen"):
                    values = [report.values(measure, part) for report in reports]
                    if not any(np.isnan(v).any() for v in values):
                        done = compare(*reports, measure, part=part)
                        differences.append({"task": task, "first": first, "second": second, **vars(done)})
    return {
        "command": "python -m reproductions.graph.grid",
        "data": name,
        "events": len(stream),
        "nodes": stream.num_nodes,
        "machine": {
            "processor": platform.machine(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "signwise": signwise.__version__,
        },
        "titles": {row.name: row.title for row in ROWS},
        "groups": {row.name: row.group for row in ROWS},
        "protocols": rows,
        "differences": differences,
    }


def over_runs(values: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean and 95 % interval of every number over the runs; lists by their index, records inside by their place."""
    out: dict[str, Any] = {}
    for key, value in values[0].items():
        column = [v[key] for v in values]
        if isinstance(value, (list, tuple)):
            for i, item in enumerate(value):
                inner = [c[i] for c in column]
                if isinstance(item, dict):
                    out[f"{key}.{i}"] = over_runs(inner)
                elif None not in inner:
                    out[f"{key}.{i}"] = interval(inner)
        elif isinstance(value, (int, float)) and None not in column:
            out[key] = interval(column)
    return out


def interval(column: list[float]) -> dict[str, float]:
    """Mean and ends."""
    found = Interval.over_runs(np.asarray(column, np.float64))
    return {"mean": found.mean, "low": found.low, "high": found.high}


if __name__ == "__main__":
    sys.exit(main())
