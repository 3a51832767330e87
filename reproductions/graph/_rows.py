"""The rows of the tables: models, what is left out of them, and on which tasks and protocols they are measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from signwise.graph import GCN, SEMBA, SGCN, TGN, FairnessGoodness, FeatureModel, SEMBAPlus

TASKS = ("sign", "link", "signed_link", "weight")
SEEDS = (0, 1, 2, 3, 4)
RANKS = 100


@dataclass(frozen=True, kw_only=True)
class Row:
    """A model as it is measured.

    Args:
        name: unique.
        title: for the tables.
        make: from a task and a seed to a new model.
        tasks: on which it is measured.
        protocols: under which.
        online: what it may learn while it is asked.
        varies: whether its seed changes more than the non-events.
        group: ``baseline``, ``model`` or ``ablation``.
    """

    name: str
    title: str
    make: Callable[[str, int], Any]
    tasks: tuple[str, ...] = TASKS
    protocols: tuple[str, ...] = ("strict", "published")
    online: str = "off"
    varies: bool = True
    group: str = "model"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One fit of a row: a task, a protocol and a seed."""

    row: str
    task: str
    protocol: str
    seed: int

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.row}.{self.task}.{self.protocol}.{self.seed}"


def features(family: str, title: str, tasks: tuple[str, ...] = TASKS, **options: Any) -> Row:
    """A rule, a regression or trees on running features."""
    return Row(
        name=options.pop("name", family),
        title=title,
        make=lambda task, seed: FeatureModel(family=family, task=task, seed=seed),
        tasks=tasks,
        varies=False,
        group="baseline",
        **options,
    )


def network(
    kind: Any, title: str, name: str | None = None, changes: dict[str, Any] | None = None, **options: Any
) -> Row:
    """A network with memories or on snapshots."""
    made = {} if not changes else {"options": replace(kind.OPTIONS, **changes)}
    return Row(
        name=name or kind.__name__, title=title, make=lambda task, seed: kind(task, seed=seed, **made), **options
    )


def ablation(kind: Any, name: str, title: str, **changes: Any) -> Row:
    """A network with one part left out, on signs."""
    return network(
        kind, title, f"{kind.__name__}-{name}", changes, tasks=("sign",), protocols=("strict",), group="ablation"
    )


ROWS: tuple[Row, ...] = (
    features("always_positive", "always positive"),
    features("ratee_mean", "ratee mean", ("sign", "weight")),
    features("rater_rate", "rater rate", ("sign",)),
    features("bias_mean", "ratee mean + rater bias", ("sign", "signed_link", "weight")),
    Row(
        name="fairness_goodness",
        title="fairness-goodness",
        make=lambda task, seed: FairnessGoodness(task=task),
        tasks=("sign", "weight"),
        varies=False,
        group="baseline",
    ),
    features("degree", "ratee's degree", ("link",)),
    features("attachment", "degree product", ("link",)),
    features("logistic_22", "logistic / ridge, 22 features"),
    features("logistic", "logistic / ridge, 34 features"),
    features("boosting", "boosted trees"),
    features("boosting_tuned", "boosted trees, tuned", ("sign", "weight"), protocols=("strict",)),
    features(
        "boosting", "boosted trees, refit per 500", ("sign", "weight"), name="boosting-finetune",
        online="finetune", protocols=("strict",),
    ),
    network(GCN, "GCN"),
    network(SGCN, "SGCN"),
    network(TGN, "TGN"),
    network(SEMBA, "SEMBA"),
    network(SEMBAPlus, "SEMBAPlus"),
    network(
        SEMBAPlus, "SEMBAPlus, calibrated online", "SEMBAPlus-calibrate", online="calibrate", tasks=("sign",),
        protocols=("strict",),
    ),
    network(
        SEMBAPlus, "SEMBAPlus, learning online", "SEMBAPlus-finetune", online="finetune", tasks=("sign", "weight"),
        protocols=("strict",),
    ),
    network(
        SEMBAPlus, "SEMBAPlus, signed propagation", "SEMBAPlus-sketch", {"sketch": 64}, tasks=("sign",),
        protocols=("strict",),
    ),
    ablation(SEMBA, "no-balance", "SEMBA without the balance rule", balance=False),
    ablation(SEMBA, "no-propagation", "SEMBA without propagation", propagate=False),
    ablation(SEMBAPlus, "no-balance", "SEMBAPlus without the balance rule", balance=False),
    ablation(SEMBAPlus, "no-propagation", "SEMBAPlus without propagation", propagate=False),
    ablation(SEMBAPlus, "one-memory", "SEMBAPlus with one memory", memories=1),
    ablation(SEMBAPlus, "no-memories", "SEMBAPlus without memories (features alone)", decoder="features"),
    ablation(SEMBAPlus, "no-features", "SEMBAPlus without features (memories alone)", decoder="memory"),
)  # fmt: skip
"""In the order of the tables."""


def jobs(rows: tuple[Row, ...] = ROWS, seeds: tuple[int, ...] = SEEDS) -> Iterator[Job]:
    """Every fit, all first seeds before the second ones. A row without chance is fitted once where pairs are fixed."""
    for seed in seeds:
        for row in rows:
            for task in row.tasks:
                for protocol in row.protocols:
                    if seed == seeds[0] or row.varies or task in ("link", "signed_link"):
                        yield Job(row=row.name, task=task, protocol=protocol, seed=seed)
