"""Train two small networks with six optimizers: ``python -m reproductions.optim.training --out DIR``.

Each optimizer gets the same grid size, the pair of learning rate and weight decay with the least validation loss is
taken, and three fresh seeds are run and scored on the test part. Every finished run is a file in the cache folder and
is not repeated: stop whenever you like, and call again. Reads tiny-shakespeare and fashion-mnist.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from .._record_files import finite
from . import _record
from ._contenders import CONTENDERS
from ._one_run import PROTOCOL, Run, train
from ._tables import curves, training_table
from ._tasks import TASKS

ROOT = Path(__file__).parents[2]
CACHE = ROOT / "build" / "reproductions" / "optim-training"
SEEDS = (1, 2, 3)
TUNING_SEED = 0


def main(argv: list[str] | None = None) -> int:
    parser = _record.arguments(__doc__)
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of finished runs")
    parser.add_argument("--max-minutes", type=float, default=float("inf"), help="start no run after so long")
    parser.add_argument("--only", action="append", default=[], metavar="TASK[/OPTIMIZER]", help="may be repeated")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time; 0: run in this one")
    parser.add_argument("--threads", type=int, default=1, help="of torch, in each process")
    parser.add_argument("--smoke", action="store_true", help="three steps on random data, a grid of two, one seed")
    parser.add_argument("--run", help="one run, as JSON; what the other processes are called with")
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    if options.run:
        run = Run(**json.loads(options.run))
        _record.write(options.out, train(run), f"{run.name}.json")
        return 0
    pairs = chosen(options.only, parser.error)
    work = Work(options)
    best: dict[tuple[str, str], Run | None] = {}
    # One after the other, so that what is there after an interruption is complete for some of them.
    for number, pair in enumerate(pairs, 1):
        grid = tuning(*pair, smoke=options.smoke)
        label = f"{'/'.join(pair)} ({number} of {len(pairs)})"
        work.do(grid, f"{label}, grid")
        best[pair] = select(work.found(grid))
        work.do(final(best[pair]) if best[pair] else [], f"{label}, seeds")
    record = finite(summary(best, work))
    _record.write(options.out, record)
    (options.out / "training.md").write_text(training_table(record), encoding="utf-8")
    for task in record["tasks"]:
        curves(record, task, options.out / f"training_{task}.svg")
    print(training_table(record))
    if work.left:
        print(f"{work.left} runs are left; the same command goes on with them", file=sys.stderr)
    return 0


def chosen(only: list[str], error: Any) -> list[tuple[str, str]]:
    """Pairs of task and optimizer."""
    pairs = [(task, contender) for contender in CONTENDERS for task in TASKS]
    names = {f"{task}/{contender}" for task, contender in pairs}
    for name in only:
        if name not in names | set(TASKS):
            error(f"--only {name}: there are {', '.join([*TASKS, *sorted(names)])}")
    return [pair for pair in pairs if not only or pair[0] in only or "/".join(pair) in only]


def tuning(task: str, contender: str, *, smoke: bool) -> list[Run]:
    """The runs of the grid."""
    grid = CONTENDERS[contender].grid(task)[: 2 if smoke else None]
    return [
        Run(task=task, contender=contender, lr=lr, decay=decay, seed=TUNING_SEED, final=False, smoke=smoke)
        for lr, decay in grid
    ]


def select(records: list[dict[str, Any]]) -> Run | None:
    """The setting of least validation loss, once the whole grid is there; diverged runs lose."""
    if not records or None in records:
        return None
    best = min(records, key=lambda r: float("inf") if r["validation"]["loss"] is None else r["validation"]["loss"])
    return Run(**best["run"])


def final(best: Run) -> list[Run]:
    """The runs of a chosen setting on fresh seeds."""
    settings = asdict(best) | {"final": True}
    return [Run(**settings | {"seed": seed}) for seed in (SEEDS[:1] if best.smoke else SEEDS)]


class Work:
    """Runs that are wanted, and the folder of those that are done."""

    def __init__(self, options: Any) -> None:
        self.cache = options.cache / "smoke" if options.smoke else options.cache
        self.jobs = 0 if options.smoke else options.jobs
        self.threads = options.threads
        self.end = time.monotonic() + 60 * options.max_minutes
        self.left = 0

    def load(self, run: Run) -> dict[str, Any] | None:
        """The record of a finished run under this protocol."""
        path = self.cache / f"{run.name}.json"
        if not path.exists():
            return None
        record = json.loads(path.read_text(encoding="utf-8"))
        return record if record.get("protocol") == PROTOCOL else None

    def found(self, runs: Iterable[Run]) -> list[dict[str, Any] | None]:
        return [self.load(run) for run in runs]

    def do(self, runs: Iterable[Run], label: str) -> None:
        """Do what is missing, until the time is over."""
        missing = [run for run in runs if self.load(run) is None]
        with ThreadPoolExecutor(max(1, self.jobs)) as pool:
            for number, line in enumerate(pool.map(self.one, missing), 1):
                print(f"{label} {number}/{len(missing)}: {line}", file=sys.stderr, flush=True)

    def one(self, run: Run) -> str:
        if time.monotonic() > self.end:
            self.left += 1
            return f"{run.name}: left"
        if self.jobs:
            threads = str(self.threads)
            command = [sys.executable, "-m", "reproductions.optim.training", "--threads", threads]
            subprocess.run(
                [*command, "--out", self.cache.resolve(), "--run", json.dumps(asdict(run))],
                check=True,
                cwd=ROOT,
                env=os.environ | {"OMP_NUM_THREADS": threads, "SIGNWISE_THREADS": threads},
            )
        else:
            _record.write(self.cache, train(run), f"{run.name}.json")
        record = self.load(run)
        return (
            f"{run.name}: validation loss {record['validation']['loss']}, {record['cpu_seconds']} s of processor time"
        )


def summary(best: dict[tuple[str, str], Run | None], work: Work) -> dict[str, Any]:
    """All grids, chosen settings and scores in one record."""
    tasks: dict[str, Any] = {}
    for (task, contender), setting in best.items():
        runs = work.found(tuning(task, contender, smoke=work.cache.name == "smoke"))
        entry: dict[str, Any] = {
            "title": CONTENDERS[contender].title,
            "constraint": CONTENDERS[contender].constraint,
            "grid": [
                {"lr": r["run"]["lr"], "decay": r["run"]["decay"], "validation_loss": r["validation"]["loss"]}
                for r in runs
                if r
            ],
            "complete": False,
        }
        finals = [] if setting is None else work.found(final(setting))
        if finals and None not in finals:
            entry |= scores(finals) | {"complete": True, "lr": setting.lr, "decay": setting.decay}
        place = tasks.setdefault(task, {"title": TASKS[task].title, "headline": "", "contenders": {}})
        place["headline"] = "accuracy" if TASKS[task].accuracy_is_headline else "loss"
        place["contenders"][contender] = entry
        if finals and finals[0]:
            place |= {key: finals[0][key] for key in ("steps", "batch", "parameters")}
    claims = {"lr_adamw_over_lion": {task: ratio(entry["contenders"]) for task, entry in tasks.items()}}
    return {
        "command": "python -m reproductions optim/training",
        "machine": _record.machine(),
        "seeds": list(SEEDS),
        "threads": work.threads,
        "tasks": tasks,
        "claims": claims,
    }


def scores(finals: list[dict[str, Any]]) -> dict[str, Any]:
    """Means and sample deviations over the seeds."""
    result: dict[str, Any] = {}
    for part in ("validation", "test"):
        for quantity in ("loss", "accuracy"):
            # A diverged run has no loss; the mean then has none either.
            values = torch.tensor([float("nan") if r[part][quantity] is None else r[part][quantity] for r in finals])
            deviation = values.double().std().item() if len(values) > 1 else 0.0
            result[f"{part}_{quantity}"] = {"mean": values.double().mean().item(), "deviation": deviation}
    result["diverged"] = sum(r["test"]["loss"] is None for r in finals)
    result["curve"] = mean_curve([r["curve"] for r in finals])
    result["cpu_seconds"] = sorted(r["cpu_seconds"] for r in finals)[len(finals) // 2]
    held = [r["constraint"] for r in finals if r["constraint"]]
    result["certificate"] = (
        {
            "guarantee": held[0]["guarantee"],
            "distance": max(h["distance"] for h in held),
            "bound": max(h["bound"] for h in held),
            "largest_gauge": max(h["largest_gauge"] for h in held),
        }
        if held
        else None
    )
    return result


def mean_curve(runs: list[list[tuple[int, float | None]]]) -> dict[str, list[Any]]:
    """The mean over runs, up to where the first of them diverges."""
    steps, means = [], []
    for points in zip(*runs, strict=False):
        losses = [loss for _, loss in points]
        if None in losses:
            break
        steps.append(points[0][0])
        means.append(sum(losses) / len(losses))
    return {"steps": steps, "validation_loss": means}


def ratio(contenders: dict[str, Any]) -> float | None:
    """AdamW's tuned learning rate over Lion's."""
    both = [contenders.get(name, {}).get("lr") for name in ("adamw", "lion")]
    return None if None in both else both[0] / both[1]


if __name__ == "__main__":
    sys.exit(main())
