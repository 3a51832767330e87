"""Finding the original of a damaged document: ``python -m reproductions.vsa.retrieval --out DIR``.

Recall at 1 over the metadata of this machine's packages (``pip inspect``) and over 1200 synthetic orders, at four
levels of damage. Every contender's variant is chosen on other damage of the middle level.
"""

from __future__ import annotations

import random
import sys
from typing import Any

import numpy as np

from . import _record
from ._comparison import compare, margins, table
from ._documents import LEVELS, damaged, orders, packages
from ._representations import Representation


def recall(representation: Representation, documents: list[Any], queries: list[Any]) -> float:
    products = representation.query(queries) @ representation.stored(documents).T
    products = products.toarray() if hasattr(products, "toarray") else products
    return float((np.argmax(products, axis=1) == np.arange(len(documents))).mean())


def measure(documents: list[Any], seed: int, quick: bool, only: str | None) -> dict[str, Any]:
    def queries(level: str, salt: int) -> list[Any]:
        rng = random.Random(f"{seed} {salt} {level}")
        return [damaged(document, level, rng) for document in documents]

    tuning = queries("mid", 1)
    tests = {level: queries(level, 2) for level in LEVELS}

    def score(representation: Representation) -> dict[str, float]:
        representation.fit(documents)
        return {level: recall(representation, documents, test) for level, test in tests.items()}

    return compare(lambda r: recall(r.fit(documents), documents, tuning), score, quick, only)


def main(argv: list[str] | None = None) -> int:
    parser = _record.arguments(__doc__)
    parser.add_argument("--only", metavar="CONTENDER", help="run one contender alone, for its rows of the table")
    options = parser.parse_args(argv)
    corpora = {"orders": orders(60 if options.quick else 1200, options.seed)}
    if not options.quick:
        corpora = {"packages": packages(), **corpora}
    tasks: dict[str, Any] = {}
    text = ""
    for name, documents in corpora.items():
        budgets = measure(documents, options.seed, options.quick, options.only)
        margin = {budget: margins(rows, list(LEVELS)) for budget, rows in budgets.items()}
        tasks[name] = {"documents": len(documents), "budgets": budgets, "margin": margin}
        text += f"**{name}**, {len(documents)} documents\n\n{table(budgets, list(LEVELS))}\n"
    print(_record.write(options.out, {"settings": {"seed": options.seed}, "tasks": tasks}))
    (options.out / "table.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
