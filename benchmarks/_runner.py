"""Round-robin timing of named contenders in one process.

Each round times every contender once, in an order that rotates, so that a slow moment of the machine falls on all
alike. A ratio is taken within each round and its median is reported. Results are compared before anything is timed.
"""

from __future__ import annotations

import json
import math
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
CLOCKS = {"thread": time.thread_time, "wall": time.perf_counter}


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One way of doing the work: a call, and a context that surrounds its timing but is not timed."""

    call: Callable[[], Any]
    around: Callable[[], AbstractContextManager[Any]] = nullcontext


@dataclass(frozen=True, kw_only=True)
class Target:
    """A ratio that ``contender`` is to reach over the baseline."""

    contender: str
    ratio: float


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A time in seconds below which 99 of 100 calls of ``contender`` are to stay."""

    contender: str
    p99_s: float


@dataclass(kw_only=True)
class Bench:
    """Collects the groups of one benchmark file.

    Args:
        name: name of the results file, ``<package>_<benchmark>``.
        rounds: timed rounds of each group.
        sample_s: a sample repeats a quick call until it takes about this long.
        clock: ``"thread"`` is the CPU time of the calling thread, blind to other processes; ``"wall"`` is for
            work on several threads.
    """

    name: str
    rounds: int = 25
    sample_s: float = 2e-3
    clock: str = "thread"
    threads: int = 1
    groups: list[dict[str, Any]] = field(default_factory=list)

    def group(
        self,
        title: str,
        contenders: dict[str, Contender | Callable[[], Any]],
        *,
        baseline: str | tuple[str, ...],
        equal: Callable[[Any, Any], bool] | None,
        targets: Iterable[Target] = (),
        bytes_read: int | None = None,
        rounds: int | None = None,
    ) -> dict[str, Any]:
        """Check and time one group.

        Args:
            title: what the group does, with its sizes.
            contenders: calls by name.
            baseline: whom ratios are over; of several, the fastest of each round.
            equal: says whether two results agree; every contender is compared with the first. None where the
                contenders do different work (then the title says so).
            targets: ratios to reach; recorded as met or missed, never an error.
            bytes_read: adds GB/s to each contender.
            rounds: another number of rounds than the file's.
        """
        named = {n: c if isinstance(c, Contender) else Contender(call=c) for n, c in contenders.items()}
        base = (baseline,) if isinstance(baseline, str) else baseline
        clock, results, calls = CLOCKS[self.clock], {}, {}
        for name, contender in named.items():
            with contender.around():
                results[name] = contender.call()
                start = clock()
                contender.call()
                once = max(clock() - start, 1e-7)
                calls[name] = max(1, math.ceil(self.sample_s / once))
        if equal is not None:
            first = next(iter(named))
            for name, result in results.items():
                if not equal(results[first], result):
                    raise AssertionError(f"{self.name}, {title}: {name} and {first} give different results")
        del results
        times: dict[str, list[float]] = {name: [] for name in named}
        order = list(named)
        for _ in range(rounds or self.rounds):
            order = order[1:] + order[:1]
            for name in order:
                call, count = named[name].call, calls[name]
                with named[name].around():
                    start = clock()
                    for _ in range(count):
                        call()
                    times[name].append((clock() - start) / count)
        best = [min(times[name][i] for name in base) for i in range(len(times[order[0]]))]
        rows = {}
        for name, samples in times.items():
            row = {
                "median_s": statistics.median(samples),
                "min_s": min(samples),
                "ratio": statistics.median(b / s for b, s in zip(best, samples, strict=True)),
                "calls": calls[name],
            }
            if bytes_read is not None:
                row["gb_per_s"] = bytes_read / row["median_s"] / 1e9
            rows[name] = rounded(row)
        outcome = {
            "title": title,
            "baseline": list(base),
            "rounds": rounds or self.rounds,
            "results_compared": equal is not None,
            "contenders": rows,
            "targets": [
                {"contender": t.contender, "ratio": t.ratio, "met": rows[t.contender]["ratio"] >= t.ratio}
                for t in targets
            ],
        }
        self.groups.append(outcome)
        report(outcome)
        return outcome

    def latencies(
        self,
        title: str,
        contenders: dict[str, Callable[[int], Any]],
        *,
        baseline: str,
        equal: Callable[[Any, Any], bool],
        calls: int,
        limits: Iterable[Limit] = (),
    ) -> dict[str, Any]:
        """Check and time single calls, whose slowest matter: medians and 99th percentiles over all calls.

        Args:
            title: what a call does, with its sizes.
            contenders: calls by name, which take the number of the question that they answer.
            baseline: whom ratios, taken for each question, are over.
            equal: says whether two answers to a question agree; every contender is compared with the first.
            calls: number of questions in a round. Each is answered by all contenders in turn before the next.
            limits: of 99th percentiles; recorded as met or missed, never an error.
        """
        clock = CLOCKS[self.clock]
        first, *others = contenders
        for i in range(calls):
            expected = contenders[first](i)
            for name in others:
                if not equal(expected, contenders[name](i)):
                    raise AssertionError(f"{self.name}, {title}: {name} and {first} give different results for {i}")
        times: dict[str, list[float]] = {name: [] for name in contenders}
        order = list(contenders)
        for _ in range(self.rounds):
            for i in range(calls):
                order = order[1:] + order[:1]
                for name in order:
                    start = clock()
                    contenders[name](i)
                    times[name].append(clock() - start)
        rows = {
            name: rounded(
                {
                    "median_s": statistics.median(samples),
                    "min_s": min(samples),
                    "p99_s": sorted(samples)[math.ceil(0.99 * len(samples)) - 1],
                    "ratio": statistics.median(b / s for b, s in zip(times[baseline], samples, strict=True)),
                    "calls": calls,
                }
            )
            for name, samples in times.items()
        }
        outcome = {
            "title": title,
            "baseline": [baseline],
            "rounds": self.rounds,
            "results_compared": True,
            "contenders": rows,
            "targets": [
                {"contender": t.contender, "p99_s": t.p99_s, "met": rows[t.contender]["p99_s"] <= t.p99_s}
                for t in limits
            ],
        }
        self.groups.append(outcome)
        report(outcome)
        return outcome

    def write(self, path: Path | None = None) -> Path:
        """Write the results with the machine, versions and settings."""
        path = path or RESULTS / f"{self.name}.json"
        path.parent.mkdir(exist_ok=True)
        record = {
            "name": self.name,
            "command": f"python -m benchmarks {self.name}",
            "machine": machine(),
            "settings": {"clock": self.clock, "threads": self.threads, "sample_s": self.sample_s},
            "groups": self.groups,
        }
        path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return path


def rounded(row: dict[str, float]) -> dict[str, float]:
    """Four figures of each number."""
    return {key: float(f"{value:.4g}") for key, value in row.items()}


def report(group: dict[str, Any]) -> None:
    """Print one group."""
    print(f"\n{group['title']}")
    for name, row in group["contenders"].items():
        rate = f"  {row['gb_per_s']:7.1f} GB/s" if "gb_per_s" in row else ""
        rate += f"  p99 {row['p99_s'] * 1e6:9.1f} us" if "p99_s" in row else ""
        print(f"  {name:38s} {row['median_s'] * 1e6:11.1f} us  {row['ratio']:7.2f}x{rate}")
    for target in group["targets"]:
        wanted = f"p99 at most {target['p99_s'] * 1e3:g} ms" if "p99_s" in target else f"at least {target['ratio']}x"
        print(f"  {'met' if target['met'] else 'MISSED'}: {target['contender']} {wanted}")


def machine() -> dict[str, Any]:
    """The processor and the versions that matter, nothing that names a computer or its user."""
    from signwise import __version__, _native

    model = platform.machine()
    if Path("/proc/cpuinfo").exists():
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    versions = {"signwise": __version__, "python": platform.python_version()}
    for package in ("numpy", "torch", "faiss-cpu", "orjson", "scikit-learn", "torch-hd", "torch-geometric"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    core = _native.core()
    return {
        "processor": model,
        "system": platform.system(),
        "best_isa": _native.best_isa(),
        "compiler": None if core is None else f"g++ {core.compiler}",
        "versions": versions,
    }


def limit_threads(threads: int = 1) -> None:
    """Give every thread pool in reach the same size; OMP_NUM_THREADS and its like are set by ``__main__``."""
    try:
        import torch
    except ModuleNotFoundError:
        pass
    else:
        torch.set_num_threads(threads)
    if "faiss" in sys.modules:
        sys.modules["faiss"].omp_set_num_threads(threads)
