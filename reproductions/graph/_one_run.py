"""One fit and its stored result: measures as JSON, the test pairs and scores as arrays beside it."""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from signwise.events import EventStream
from signwise.graph import Outcome, Report, Run, evaluate

from .._record_files import write_json
from ._rows import RANKS, ROWS, Job

VERSION = 1
"""Raised when a protocol or a default changes, so that older results are not taken for new ones."""


def fingerprint(stream: EventStream) -> str:
    """A digest of the events."""
    digest = hashlib.sha256()
    for column in (stream.source, stream.target, stream.time, stream.rating):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()[:16]


def do(job: Job, stream: EventStream, folder: Path) -> dict[str, Any]:
    """Fit, measure and store; returns the record."""
    row = next(row for row in ROWS if row.name == job.row)
    begin = time.process_time()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the published protocol leaks", UserWarning)
        report = evaluate(
            lambda seed: row.make(job.task, seed),
            stream,
            protocol=job.protocol,
            online=row.online,
            seeds=(job.seed,),
            ranks=RANKS if job.task == "link" and job.protocol == "strict" else 0,
            name=row.name,
        )
    (run,) = report.runs
    record = {
        "version": VERSION,
        "events": fingerprint(stream),
        "job": asdict(job),
        "leaky": report.leaky,
        "thresholds": list(run.thresholds),
        "validation": asdict(run.validation),
        "test": asdict(run.test),
        "slices": {name: None if part is None else asdict(part) for name, part in run.slices.items()},
        "ranks": None if run.ranks is None else asdict(run.ranks),
        "cpu_seconds": round(time.process_time() - begin, 1),
    }
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {"label": run.outcome.label, "score": run.outcome.score.astype(np.float32), "event": run.outcome.event}
    arrays |= {f"slice.{name}": mask for name, mask in run.outcome_slices.items()}
    np.savez_compressed(folder / f"{job.name}.npz", **arrays)
    write_json(folder / f"{job.name}.json", record)
    return record


def load(job: Job, stream: EventStream, folder: Path) -> dict[str, Any] | None:
    """The record of a finished fit on these events."""
    path = folder / f"{job.name}.json"
    if not path.exists():
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    good = record["version"] == VERSION and record["events"] == fingerprint(stream)
    return record if good else None


def report_of(found: list[Job], records: list[dict[str, Any]], folder: Path) -> Report:
    """The report of stored fits, as far as comparisons need it."""
    runs = []
    for job, record in zip(found, records, strict=True):
        with np.load(folder / f"{job.name}.npz") as arrays:
            outcome = Outcome(
                task=job.task, label=arrays["label"], score=arrays["score"].astype(np.float64), event=arrays["event"]
            )
            masks = {name.removeprefix("slice."): arrays[name] for name in arrays.files if name.startswith("slice.")}
        thresholds = tuple(record["thresholds"])
        runs.append(
            Run(
                seed=job.seed,
                thresholds=thresholds,
                validation=outcome.measure(thresholds),
                test=outcome.measure(thresholds),
                slices={name: outcome.select(mask).measure(thresholds) for name, mask in masks.items()},
                ranks=None,
                outcome=outcome,
                outcome_slices=masks,
                fit_seconds=0.0,
                score_seconds=0.0,
            )
        )
    first = found[0]
    leaky = records[0]["leaky"]
    return Report(
        model=first.row, task=first.task, protocol=first.protocol, leaky=leaky, online="off", runs=tuple(runs)
    )
