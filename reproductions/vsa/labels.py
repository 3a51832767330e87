"""Kinds of documents from their content: ``python -m reproductions.vsa.labels --out DIR``.

SchemaStore (label: the schema), FHIR (the resource type) and Vega-Lite (the first part of the file name), without the
fields and strings that state the label. Two scores: the label of the nearest other document, and five-fold accuracy of
a ridge classifier on the stored vectors. Every contender's variant is chosen on a random half of the documents by the
nearest neighbour and scored on the other half. Needs the three data sets.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score

from . import _record
from ._comparison import compare, margins, table
from ._documents import labelled
from ._representations import Representation

CORPORA = {"schemastore-test-documents": 5, "fhir-r4-examples": 5, "vega-lite-specs": 10}
MEASURES = ["nearest", "probe"]


def nearest(representation: Representation, documents: list[Any], labels: np.ndarray) -> float:
    stored = representation.fit(documents).stored(documents)
    products = representation.query(documents) @ stored.T
    products = products.toarray() if hasattr(products, "toarray") else products
    np.fill_diagonal(products, -np.inf)
    return float((labels[np.argmax(products, axis=1)] == labels).mean())


def probe(representation: Representation, documents: list[Any], labels: np.ndarray, seed: int) -> float:
    stored = representation.fit(documents).stored(documents)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    # A label may have fewer than five documents in this half.
    warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
    return float(cross_val_score(RidgeClassifier(alpha=0.1), stored, labels, cv=folds).mean())


def main(argv: list[str] | None = None) -> int:
    parser = _record.arguments(__doc__)
    parser.add_argument("--only", metavar="CONTENDER", help="run one contender alone, for its rows of the table")
    options = parser.parse_args(argv)
    tasks: dict[str, Any] = {}
    text = ""
    for name, least in CORPORA.items():
        documents, marks = labelled(name, least)
        labels = np.array(marks)
        order = np.random.default_rng(options.seed).permutation(len(documents))
        parts = [np.sort(order[i::2])[: 60 if options.quick else None] for i in range(2)]
        halves = [([documents[i] for i in part], labels[part]) for part in parts]
        budgets = compare(
            lambda r, half=halves[0]: nearest(r, *half),
            lambda r, half=halves[1]: {"nearest": nearest(r, *half), "probe": probe(r, *half, options.seed)},
            options.quick,
            options.only,
        )
        margin = {budget: margins(rows, MEASURES) for budget, rows in budgets.items()}
        count = len(halves[1][0])
        tasks[name] = {"documents": count, "labels": len(set(halves[1][1])), "budgets": budgets, "margin": margin}
        text += f"**{name}**, {count} documents, {len(set(halves[1][1]))} labels\n\n{table(budgets, MEASURES)}\n"
    print(_record.write(options.out, {"settings": {"seed": options.seed}, "tasks": tasks}))
    (options.out / "table.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
