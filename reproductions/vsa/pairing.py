"""Pairing the webhook payloads of platform versions: ``python -m reproductions.vsa.pairing --out DIR``.

A payload of one version of GitHub's platform is to find one of the same event and action among the payloads of the
other versions; recall at 1. Every contender's variant is chosen on half of the labels and scored on the other half.
Needs the data set github-webhook-payloads.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

from signwise import data

from . import _record
from ._comparison import compare, margins, table
from ._representations import Representation


def main(argv: list[str] | None = None) -> int:
    parser = _record.arguments(__doc__)
    parser.add_argument("--only", metavar="CONTENDER", help="run one contender alone, for its rows of the table")
    options = parser.parse_args(argv)
    corpus = data.load("github-webhook-payloads", progress=False)
    documents = [json.loads((corpus.folder / path).read_bytes()) for path in corpus.paths]
    labels, groups = np.array(corpus.labels), np.array(corpus.groups)
    both = {label for label in set(corpus.labels) if len(set(groups[labels == label])) > 1}
    names = sorted(both)
    np.random.default_rng(options.seed).shuffle(names)
    halves = [np.flatnonzero(np.isin(labels, names[i::2])) for i in range(2)]

    def recall(representation: Representation, queries: np.ndarray) -> float:
        stored = representation.fit(documents).stored(documents)
        products = representation.query([documents[i] for i in queries]) @ stored.T
        products = products.toarray() if hasattr(products, "toarray") else products
        products[groups[queries][:, None] == groups[None]] = -np.inf
        return float((labels[np.argmax(products, axis=1)] == labels[queries]).mean())

    budgets = compare(
        lambda r: recall(r, halves[0]), lambda r: {"recall": recall(r, halves[1])}, options.quick, options.only
    )
    record: dict[str, Any] = {
        "settings": {"seed": options.seed, "documents": len(documents), "queries": len(halves[1])},
        "budgets": budgets,
        "margin": {budget: margins(rows, ["recall"]).get("recall") for budget, rows in budgets.items()},
    }
    print(_record.write(options.out, record))
    (options.out / "table.md").write_text(table(budgets, ["recall"]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
