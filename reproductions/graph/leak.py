"""What it is worth that a batch enters the graph before it is scored: ``python -m reproductions.graph.leak --out DIR``.

The first public code of SEMBA puts the 1,000 events of a batch into the graph and scores them afterwards, so that the
ratee of an event attends to that very event and its weight. Here the same SEMBA is fitted twice on bitcoin-otc: with
the batch in the graph, and with the graph as it was before the batch. Nothing else differs; memories are those from
before the batch both times. One process, one thread.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from signwise.data import load
from signwise.events import EventStream, chronological_split
from signwise.graph import SEMBA, Replay, sign_metrics
from signwise.graph._published import ATTENDED, BATCH, newest_received

from .._record_files import write_json
from .grid import interval

SEEDS = (0, 1, 2)
PARTS = ("train", "validation", "test")
VARIANTS = {"batch_first": "batch enters, then scores", "score_first": "scores, then batch enters"}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="number of seeds")
    options = parser.parse_args(argv)
    os.environ.setdefault("SIGNWISE_PROGRESS", "0")
    torch.set_num_threads(1)
    stream = load("bitcoin-otc")
    runs = {
        variant: [measure(stream, seed, inside=variant == "batch_first") for seed in SEEDS[: options.seeds]]
        for variant in VARIANTS
    }
    record: dict[str, Any] = {
        "data": "bitcoin-otc",
        "seeds": options.seeds,
        "variants": {
            variant: {part: interval([run[part] for run in found]) for part in PARTS} for variant, found in runs.items()
        },
        "leak": {part: interval([a[part] - b[part] for a, b in zip(*runs.values(), strict=True)]) for part in PARTS},
    }
    write_json(options.out / "result.json", record)
    (options.out / "tables.md").write_text(table(record), encoding="utf-8")
    print(table(record))
    return 0


def measure(stream: EventStream, seed: int, *, inside: bool) -> dict[str, float]:
    """AUROC of signs on each part."""
    model = SEMBA("sign", options=replace(SEMBA.OPTIONS, granularity=BATCH, neighbors=ATTENDED), seed=seed)
    model.read_neighbors = lambda events, queries, seen: batch_neighbors(events, seen, inside=inside)
    split = chronological_split(stream)
    logit = model.fit(stream, split, progress=False).scores(stream).events[:, 0]
    found = {}
    for part in PARTS:
        mask = getattr(split, part)
        measured = sign_metrics(stream.sign[mask], 1 / (1 + np.exp(-logit[mask])), 0.5)
        assert measured is not None
        assert measured.auc is not None
        found[part] = measured.auc
    return found


def batch_neighbors(stream: EventStream, seen: Replay, *, inside: bool) -> Replay:
    """The replay with the newest events that a ratee was given by the end of the batch, or before it; raters have none.

    As in the public code, attention runs over ratings received.
    """
    n = len(stream)
    end = np.minimum((np.arange(n) // BATCH + inside) * BATCH, n)
    before = np.stack([np.zeros_like(end), end], axis=1)
    neighbors = newest_received(stream, np.stack([stream.source, stream.target], axis=1), before)
    return replace(seen, neighbors=neighbors)


def table(record: dict[str, Any]) -> str:
    """AUROC of both variants, and the paired difference."""
    lines = ["| SEMBA, sign, AUROC | training | validation | test |", "|---|---:|---:|---:|"]
    rows = {VARIANTS[variant]: found for variant, found in record["variants"].items()}
    rows["what the leak adds (paired by seed)"] = record["leak"]
    for title, found in rows.items():
        cells = [f"{found[part]['mean']:.3f} ± {(found[part]['high'] - found[part]['low']) / 2:.3f}" for part in PARTS]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main())
