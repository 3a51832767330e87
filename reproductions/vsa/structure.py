"""Classes that differ in structure alone: ``python -m reproductions.vsa.structure --out DIR``.

Two classes of documents with the same words and numbers: who is the sender and who the receiver; which of two names is
nested in the other's object; whether a list runs up or down; and which names stand with which numbers in the objects
of an array. Scores: nearest neighbour and five-fold ridge probe, for ours with default options and with pos+set+adj and
conjunctions, and for features that are flat. Chance is 0.5.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from . import _record
from ._representations import Features, Ours, Representation, hashed, text, tokens, weighted
from .labels import nearest, probe

NAMES = [f"{a}{b}" for a in ("mo", "la", "ki", "ru", "te") for b in ("na", "ri", "so", "du")]


def role(flag: bool, rng: random.Random) -> Any:
    boss, clerk = ("anna", "bert") if flag else ("bert", "anna")
    return {"sender": {"name": boss}, "receiver": {"name": clerk}, "word": rng.choice(NAMES)}


def nesting(flag: bool, rng: random.Random) -> Any:
    inner, outer = ("part", "whole") if flag else ("whole", "part")
    return {outer: {inner: {"name": "anna"}}, "word": rng.choice(NAMES)}


def order(flag: bool, rng: random.Random) -> Any:
    first = rng.randrange(len(NAMES) - 1)
    pair = NAMES[first : first + 2]
    return {"list": pair if flag else pair[::-1], "word": rng.choice(NAMES)}


def together(flag: bool, rng: random.Random) -> Any:
    values = ["red", "blue"] if flag else ["blue", "red"]
    items = [{"name": name, "colour": colour} for name, colour in zip(("anna", "bert"), values, strict=True)]
    rng.shuffle(items)
    return {"items": items, "word": rng.choice(NAMES)}


TASKS: dict[str, Callable[[bool, random.Random], Any]] = {
    "role": role,
    "nesting": nesting,
    "order": order,
    "together": together,
}
WAYS: dict[str, Callable[[], Representation]] = {
    "signwise": lambda: Ours(False, True),
    "signwise, pos+set+adj, conjunctions": lambda: Ours(False, True, arrays=("pos", "set", "adj"), conjunctions=True),
    "FeatureHasher on paths, index": lambda: Features(hashed(False), tokens(True, True), None),
    "TF-IDF words": lambda: Features(weighted("word", False), text, None),
    "TF-IDF characters": lambda: Features(weighted("char", False), text, None),
}


def main(argv: list[str] | None = None) -> int:
    options = _record.arguments(__doc__).parse_args(argv)
    count = 60 if options.quick else 400
    tasks: dict[str, dict[str, dict[str, float]]] = {}
    for name, make in TASKS.items():
        rng = random.Random(f"{options.seed} {name}")
        labels = np.array([i % 2 for i in range(count)])
        documents = [make(bool(label), rng) for label in labels]
        tasks[name] = {
            way: {"nearest": nearest(new(), documents, labels), "probe": probe(new(), documents, labels, options.seed)}
            for way, new in WAYS.items()
        }
    print(_record.write(options.out, {"settings": {"documents": count, "seed": options.seed}, "tasks": tasks}))
    lines = ["| representation | " + " | ".join(TASKS) + " |", "|---|" + "---:|" * len(TASKS)]
    for way in WAYS:
        cells = [f"{tasks[t][way]['nearest']:.2f} / {tasks[t][way]['probe']:.2f}" for t in TASKS]
        lines.append(f"| {way} | {' | '.join(cells)} |")
    (options.out / "table.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
