"""Train binarisers under equal budgets on Fashion-MNIST: ``python -m reproductions.binary.accuracy --out DIR``.

A narrow ResNet-20 (width 8). Each method chooses the learning rate of its latents from the same six on validation
images (10,000 training images, 3 epochs, one seed), and then trains 12,000 images for 8 epochs with five fresh seeds;
the last epoch is scored on the test images. Every finished run is a file in the cache folder and is not repeated: stop
whenever you like, and call again. ``--ablations`` adds other frequencies, a frequency for each layer, both signs of the
penalty, and Lion-K's box.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from scipy import stats
from torch import Tensor

from signwise.binary import DivergedError, PerLayer, StageConfig, TwoStageConfig, evaluate, fit, resnet20, set_omega
from signwise.data import load
from signwise.optim import LionK

ROOT = Path(__file__).parents[2]
CACHE = ROOT / "build" / "reproductions" / "binary-accuracy"
FACTORS = (1.0, 3.0, 10.0, 30.0, 100.0, 400.0)
SEEDS = (1, 2, 3, 4, 5)
VALIDATION = 5000
BASE_LR = 0.01


@dataclass(frozen=True)
class Method:
    """A way of training: what differs from the others, and nothing else does."""

    title: str
    surrogate: str = "biper"
    binary: bool = True
    two_stage: bool = False
    omega: float = 20.0
    per_layer: float | None = None
    tau: float = 0.0
    pull: str = "zero"
    lion: bool = False

    @property
    def reference_lr(self) -> float:
        """The learning rate of latents that the factors multiply.

        A frequency ω multiplies the effective rate by ω², so a periodic method's grid begins that much lower and all
        methods search the same effective rates.
        """
        if self.lion:
            return 1e-5
        return BASE_LR / self.omega**2 if self.surrogate == "biper" and self.binary else BASE_LR


METHODS = {
    "float": Method("float", binary=False),
    "ste": Method("STE", "ste"),
    "ste_clip": Method("clipped STE", "ste_clip"),
    "bireal": Method("Bi-Real", "bireal"),
    "biper": Method("BiPer, one stage"),
    "biper_two": Method("BiPer, two stages", two_stage=True),
}
ABLATIONS = {
    "omega5": Method("BiPer, ω = 5", omega=5.0),
    "omega40": Method("BiPer, ω = 40", omega=40.0),
    "per_layer": Method("BiPer, ω·std(w) = 1 in each layer", per_layer=1.0),
    "pull_zero": Method("BiPer, published penalty", tau=0.037),
    "pull_peak": Method("BiPer, penalty towards the peaks", tau=0.037, pull="peak"),
    "biper_lion": Method("BiPer, Lion-K", lion=True),
    "ste_clip_lion": Method("clipped STE, Lion-K's box", "ste_clip", lion=True),
}


@dataclass(frozen=True)
class Run:
    """One training: of the grid where ``seed`` is 0, else scored on the test images."""

    method: str
    factor: float
    seed: int
    smoke: bool = False

    @property
    def name(self) -> str:
        return f"{self.method}-{self.factor:g}-{self.seed}"

    @property
    def images(self) -> int:
        return 256 if self.smoke else 12_000 if self.seed else 10_000

    @property
    def epochs(self) -> int:
        return 2 if self.smoke else 8 if self.seed else 3


def tensors(smoke: bool) -> dict[str, tuple[Tensor, Tensor]]:
    """Normalized training, validation and test images; random ones for a smoke test."""
    if smoke:
        draws = torch.Generator().manual_seed(0)
        return {
            part: (torch.randn(n, 1, 28, 28, generator=draws), torch.randint(0, 10, (n,), generator=draws))
            for part, n in (("train", 256), ("val", 64), ("test", 64))
        }
    data = load("fashion-mnist")
    order = torch.randperm(len(data.train_images), generator=torch.Generator().manual_seed(0))

    def part(images: Any, labels: Any) -> tuple[Tensor, Tensor]:
        x = (torch.tensor(images)[:, None].float() / 255 - 0.2860) / 0.3530
        return x, torch.tensor(labels)

    x, y = part(data.train_images, data.train_labels)
    held, kept = order[:VALIDATION], order[VALIDATION:]
    test = part(data.test_images, data.test_labels)
    return {"train": (x[kept], y[kept]), "val": (x[held], y[held]), "test": test}


def train(run: Run) -> dict[str, Any]:
    """Do one run; its scores."""
    method = (METHODS | ABLATIONS)[run.method]
    start = time.process_time()
    data = tensors(run.smoke)
    torch.manual_seed(run.seed)
    model = resnet20(
        in_channels=1,
        width=8,
        weight_surrogate=method.surrogate if method.binary else "biper",
        omega=method.omega,
        binary=method.binary,
    )
    if method.per_layer is not None:
        set_omega(model, PerLayer(method.per_layer))
    stage = StageConfig(
        epochs=run.epochs,
        lr=BASE_LR if method.binary else BASE_LR * run.factor,
        batch_size=128,
        binary_lr_factor=method.reference_lr * run.factor / BASE_LR,
        weight_decay=1e-4,
        binary_weight_decay=0.0,
        tau=method.tau,
        pull=method.pull,
    )
    if method.two_stage:
        halves = [dataclasses.replace(stage, epochs=n) for n in (run.epochs // 2, run.epochs - run.epochs // 2)]
        config = TwoStageConfig(stage1=halves[0], stage2=halves[1], seed=run.seed)
    else:
        config = TwoStageConfig(stage2=stage, seed=run.seed)
    part = torch.randperm(len(data["train"][0]), generator=torch.Generator().manual_seed(run.seed))[: run.images]
    images = data["train"][0][part], data["train"][1][part]
    try:
        fit(model, images, config=config, optimizer=boxed if method.lion else None, progress=False)
        diverged = False
    except DivergedError:
        # It counts, with what its last weights score.
        diverged = True
    scored = "test" if run.seed else "val"
    loss, accuracy = evaluate(model, data[scored])
    return {
        "run": asdict(run),
        "scored": scored,
        "loss": loss if math.isfinite(loss) else None,
        "accuracy": accuracy,
        "diverged": diverged,
        "cpu_seconds": round(time.process_time() - start, 1),
    }


def boxed(groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """Lion-K whose decay keeps the latents in |w| <= 1 in place of clipping; the others are free."""
    for group in groups:
        group["weight_decay"] = 1.0 if group["name"] == "binary" else 0.0
        if group["name"] != "binary":
            group["lr"] = group["lr"] / 10
    return LionK([{k: v for k, v in group.items() if k != "name"} for group in groups], lr=1e-4)


class Work:
    """Runs that are wanted, and the folder of those that are done."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.cache = options.cache / "smoke" if options.smoke else options.cache
        self.jobs = options.jobs
        self.end = time.monotonic() + 60 * options.max_minutes
        self.left = 0

    def found(self, run: Run) -> dict[str, Any] | None:
        path = self.cache / f"{run.name}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def do(self, runs: list[Run]) -> None:
        with ThreadPoolExecutor(max(1, self.jobs)) as pool:
            list(pool.map(self.one, [run for run in runs if self.found(run) is None]))

    def one(self, run: Run) -> None:
        if time.monotonic() > self.end:
            self.left += 1
            return
        if self.jobs:
            command = [sys.executable, "-m", "reproductions.binary.accuracy", "--out", str(self.cache.resolve())]
            environment = os.environ | {"OMP_NUM_THREADS": "1", "SIGNWISE_THREADS": "1"}
            subprocess.run([*command, "--run", json.dumps(asdict(run))], check=True, cwd=ROOT, env=environment)
        else:
            write(self.cache, train(run), f"{run.name}.json")
        done = self.found(run)
        if done is not None:
            print(f"{run.name}: {done['accuracy']:.4f}, {done['cpu_seconds']} s", file=sys.stderr, flush=True)


def write(folder: Path, record: dict[str, Any], name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{name}"
    partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    partial.replace(folder / name)


def summary(work: Work, names: list[str], smoke: bool) -> dict[str, Any]:
    """Chosen rates, scores, and paired differences from BiPer in one stage."""
    rows: dict[str, Any] = {}
    for name in names:
        grid = [work.found(Run(name, factor, 0, smoke)) for factor in factors(smoke)]
        row: dict[str, Any] = {
            "title": (METHODS | ABLATIONS)[name].title,
            "grid": [{"factor": g["run"]["factor"], "val_accuracy": g["accuracy"]} for g in grid if g],
        }
        finals = [work.found(run) for run in final(work, name, smoke)]
        if finals and None not in finals:
            scores = [f["accuracy"] for f in finals if f]
            row |= {"factor": finals[0]["run"]["factor"], "accuracies": scores, "mean": statistics.mean(scores)}
            row["deviation"] = statistics.stdev(scores) if len(scores) > 1 else 0.0
        rows[name] = row
    base = rows.get("biper", {}).get("accuracies")
    for row in rows.values():
        if base and len(base) > 1 and row.get("accuracies") not in (None, base):
            gaps = [a - b for a, b in zip(row["accuracies"], base, strict=True)]
            half = stats.t.ppf(0.975, len(gaps) - 1) * statistics.stdev(gaps) / math.sqrt(len(gaps))
            center = statistics.mean(gaps)
            row["over_biper"] = {"mean": center, "low": center - half, "high": center + half}
    return {"methods": rows, "left": work.left}


def factors(smoke: bool) -> tuple[float, ...]:
    return FACTORS[:2] if smoke else FACTORS


def final(work: Work, name: str, smoke: bool) -> list[Run]:
    """The runs of the rate that is best on validation images, once the whole grid is there."""
    grid = [work.found(Run(name, factor, 0, smoke)) for factor in factors(smoke)]
    if None in grid:
        return []
    best = max((g for g in grid if g), key=lambda g: g["accuracy"])
    return [Run(name, best["run"]["factor"], seed, smoke) for seed in (SEEDS[:2] if smoke else SEEDS)]


def table(record: dict[str, Any]) -> str:
    """Accuracy and paired interval of each method."""
    lines = ["| method | latent lr × | test accuracy, % | minus BiPer, one stage, % |", "|---|---:|---:|---:|"]
    for row in record["methods"].values():
        if "mean" not in row:
            continue
        over = row.get("over_biper")
        gap = f"{100 * over['mean']:+.2f} [{100 * over['low']:+.2f}, {100 * over['high']:+.2f}]" if over else ""
        lines.append(
            f"| {row['title']} | {row['factor']:g} | {100 * row['mean']:.2f} ± {100 * row['deviation']:.2f} | {gap} |"
        )
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of finished runs")
    parser.add_argument("--max-minutes", type=float, default=math.inf, help="start no run after so long")
    parser.add_argument("--only", action="append", default=[], metavar="METHOD", help="may be repeated")
    parser.add_argument("--ablations", action="store_true", help="the ablations too")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time; 0: run in this one")
    parser.add_argument("--smoke", action="store_true", help="two epochs on random images, a grid of two, two seeds")
    parser.add_argument("--run", help="one run, as JSON; what the other processes are called with")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    if options.run:
        run = Run(**json.loads(options.run))
        write(options.out, train(run), f"{run.name}.json")
        return 0
    known = METHODS | ABLATIONS
    if unknown := [name for name in options.only if name not in known]:
        parser.error(f"no method {', '.join(unknown)}; there are: {', '.join(known)}")
    names = options.only or list(known if options.ablations else METHODS)
    work = Work(options)
    work.do([Run(name, factor, 0, options.smoke) for name in names for factor in factors(options.smoke)])
    work.do([run for name in names for run in final(work, name, options.smoke)])
    record = summary(work, names, options.smoke)
    write(options.out, record, "result.json")
    (options.out / "accuracy.md").write_text(table(record), encoding="utf-8")
    print(table(record))
    if work.left:
        print(f"{work.left} runs are left; the same command goes on with them", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
