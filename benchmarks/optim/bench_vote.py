"""Sign votes against all_reduce: time and bytes of two gloo processes on one machine, one thread each."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks._runner import Bench, Target, report
from benchmarks.optim._vote_process import COUNT
from signwise.optim._vote import padded_length

PROCESSES = 2
PLANES = "votes: exchange of packed planes"
FLOAT32 = "all_reduce, float32"
FEWER_BYTES, FASTER = 15.9, 5.0


def measured(rounds: int) -> list[dict[str, Any]]:
    """Start the processes, wait for them, and read what the first wrote."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)}
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "SIGNWISE_THREADS"), "1")
    with tempfile.TemporaryDirectory() as folder:
        arguments = [str(PROCESSES), str(rounds), folder]
        command = [sys.executable, "-m", "benchmarks.optim._vote_process"]
        runs = [
            subprocess.Popen([*command, str(rank), *arguments], cwd=Path(__file__).parents[2], env=environment)
            for rank in range(PROCESSES)
        ]
        try:
            codes = [run.wait(timeout=600) for run in runs]
        finally:
            for run in runs:
                run.kill()
        if any(codes):
            raise RuntimeError(f"the processes ended with {codes}")
        return json.loads((Path(folder) / "results.json").read_text())


def payload(name: str) -> int | None:
    """Bytes that leave each of two processes: 2(n − 1)/n of what is reduced, or all of what is gathered."""
    size = padded_length(COUNT, PROCESSES)
    octets = {FLOAT32: 4 * size, "all_reduce, bfloat16": 2 * size, "all_reduce, int8 signs": size}
    return octets.get(name, size // 4 if name.startswith(("votes", "mean")) else None)


def add(bench: Bench, title: str, samples: dict[str, Any], baseline: str, targets: list[Target]) -> None:
    """Put the samples among the groups of the benchmark, as its own groups are."""
    rows: dict[str, dict[str, Any]] = {}
    base = samples[baseline]
    for name, sample in samples.items():
        seconds = sample["seconds"]
        row = {
            "median_s": statistics.median(seconds),
            "min_s": min(seconds),
            "ratio": statistics.median(b / s for b, s in zip(base["seconds"], seconds, strict=True)),
            "calls": 1,
        }
        rows[name] = {key: float(f"{value:.4g}") for key, value in row.items()}
        if payload(name) is not None:
            rows[name]["bytes_sent"] = payload(name)
        if sample["sent"]:
            # The least of the rounds, for other programs use the device too.
            rows[name]["loopback_bytes_a_process"] = min(sample["sent"]) // PROCESSES
    group = {
        "title": title,
        "baseline": [baseline],
        "rounds": len(base["seconds"]),
        "results_compared": True,
        "contenders": rows,
        "targets": [
            {"contender": t.contender, "ratio": t.ratio, "met": rows[t.contender]["ratio"] >= t.ratio} for t in targets
        ],
    }
    for key in ("bytes_sent", "loopback_bytes_a_process"):
        if PLANES in rows and key in rows[PLANES]:
            fewer = rows[baseline][key] / rows[PLANES][key]
            group["targets"].append(
                {"contender": f"{PLANES}, {key}", "ratio": FEWER_BYTES, "reached": fewer, "met": fewer >= FEWER_BYTES}
            )
    bench.groups.append(group)
    report(group)
    for name, row in rows.items():
        print(f"  {name:38s} {row.get('bytes_sent')} bytes, on the device {row.get('loopback_bytes_a_process')}")


def run(bench: Bench) -> None:
    bench.clock = "wall"
    exchanges, steps = measured(bench.rounds)
    title = f"{PROCESSES} gloo processes, {COUNT:,} coordinates"
    targets = [Target(contender=PLANES, ratio=FASTER)]
    add(bench, f"Exchange: {title}", exchanges, FLOAT32, targets)
    add(bench, f"Optimizer step: {title}", steps, "all_reduce of float32 gradients, then Lion", [])
