"""Documents of the tasks: orders, this machine's packages, corpora without their labels, and damage."""

from __future__ import annotations

import copy
import json
import random
import subprocess
import sys
from typing import Any

from signwise import data

FIRST = [
    "Ada",
    "Alan",
    "Barbara",
    "Carl",
    "Donald",
    "Edsger",
    "Frances",
    "Grace",
    "Hedy",
    "Ivan",
    "Jean",
    "Kurt",
    "Leslie",
    "Margaret",
    "Niklaus",
    "Radia",
]
LAST = [
    "Lovelace",
    "Turing",
    "Liskov",
    "Sassenrath",
    "Knuth",
    "Dijkstra",
    "Allen",
    "Hopper",
    "Lamarr",
    "Sutherland",
    "Bartik",
    "Gödel",
    "Lamport",
]
CITIES = [
    "Turin",
    "Oslo",
    "Bonn",
    "Lyon",
    "Porto",
    "Gdansk",
    "Graz",
    "Ghent",
    "Leeds",
    "Malmo",
    "Split",
    "Brno",
    "Vilnius",
    "Tartu",
    "Cork",
    "Patras",
]
THINGS = [
    "lamp",
    "desk",
    "chair",
    "shelf",
    "rug",
    "mirror",
    "clock",
    "vase",
    "stool",
    "bench",
    "frame",
    "basket",
    "kettle",
    "pan",
    "bowl",
    "tray",
]
COLOURS = ["red", "green", "blue", "black", "white", "grey", "brown", "orange", "violet"]

LEVELS = {
    "mild": (0.15, 0.2, 0.01, False),
    "mid": (0.35, 0.5, 0.05, False),
    "hard": (0.5, 0.8, 0.2, False),
    "mid, arrays shuffled": (0.35, 0.5, 0.05, True),
}


def orders(count: int, seed: int) -> list[dict[str, Any]]:
    """Orders of about 500 bytes."""
    rng = random.Random(seed)

    def order(number: int) -> dict[str, Any]:
        items = [
            {
                "sku": f"{rng.choice(COLOURS)[:2].upper()}-{rng.randrange(1000):03d}",
                "name": f"{rng.choice(COLOURS)} {rng.choice(THINGS)}",
                "quantity": rng.randint(1, 9),
                "price": round(rng.lognormvariate(3, 1), 2),
            }
            for _ in range(rng.randint(1, 4))
        ]
        name = f"{rng.choice(FIRST)} {rng.choice(LAST)}"
        return {
            "order": number,
            "customer": {"name": name, "email": f"{name.split()[0].lower()}{rng.randrange(99)}@example.org"},
            "address": {
                "street": f"{rng.randrange(1, 200)} {rng.choice(LAST)} street",
                "city": rng.choice(CITIES),
                "zip": f"{rng.randrange(10**5):05d}",
            },
            "items": items,
            "total": round(sum(i["price"] * i["quantity"] for i in items), 2),
            "paid": rng.random() < 0.7,
            "express": rng.random() < 0.2,
            "tags": rng.sample(["gift", "new", "return", "fragile", "bulk", "web"], rng.randint(0, 3)),
            "note": rng.choice([None, "", "leave at the door", "call before delivery", "second floor"]),
        }

    return [order(rng.randrange(10**6)) for _ in range(count)]


def packages() -> list[dict[str, Any]]:
    """Metadata of the packages of this machine's environment, as ``pip inspect`` gives them."""
    command = [sys.executable, "-m", "pip", "inspect"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [package["metadata"] for package in json.loads(shown)["installed"]]


def damaged(document: Any, level: str, rng: random.Random) -> Any:
    """A copy with members dropped, one typing error in many strings, numbers off, keys in another order."""
    drop, typo, jitter, shuffle = LEVELS[level]

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            kept = [(k, walk(v)) for k, v in value.items() if rng.random() >= drop]
            kept = kept or [(k, walk(v)) for k, v in list(value.items())[:1]]
            rng.shuffle(kept)
            return dict(kept)
        if isinstance(value, list):
            items = [walk(v) for v in value]
            if shuffle:
                rng.shuffle(items)
            return items
        if isinstance(value, str) and value and rng.random() < typo:
            at = rng.randrange(len(value))
            return value[:at] + rng.choice("abcdefghijklmnopqrstuvwxyz") + value[at + 1 :]
        if isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool)):
            changed = value * (1 + rng.gauss(0, jitter))
            return round(changed, 2) if isinstance(value, float) else round(changed)
        return value

    return walk(document)


DROPPED = {
    "fhir-r4-examples": {"resourceType", "id", "text", "meta", "url", "fullUrl"},
    "schemastore-test-documents": {"$schema"},
    "vega-lite-specs": {"$schema", "description", "title", "name", "mark"},
}


def labelled(name: str, least: int, largest: int = 200_000) -> tuple[list[Any], list[str]]:
    """Documents of a corpus whose label has ``least`` documents or more, without what states the label.

    Members of the names in ``DROPPED`` go, and every string that contains the label.
    """
    corpus = data.load(name, progress=False)
    found: list[tuple[Any, str]] = []
    for path, label in zip(corpus.paths, corpus.labels, strict=True):
        content = (corpus.folder / path).read_bytes()
        try:
            document = json.loads(content) if len(content) <= largest else None
        except ValueError:
            continue
        if isinstance(document, dict):
            found.append((without(document, DROPPED[name], label.lower()), label))
    found = [(document, label) for document, label in found if document]
    many = {label for _, label in found if sum(other == label for _, other in found) >= least}
    return [d for d, label in found if label in many], [label for _, label in found if label in many]


def without(value: Any, names: set[str], label: str) -> Any:
    """A copy without the members of these names and the strings that contain the label."""
    if isinstance(value, dict):
        kept = {k: without(v, names, label) for k, v in value.items() if k not in names}
        return {k: v for k, v in kept.items() if not states(v, label)}
    if isinstance(value, list):
        return [without(v, names, label) for v in value if not states(v, label)]
    return copy.copy(value)


def states(value: Any, label: str) -> bool:
    return isinstance(value, str) and label in value.lower()
