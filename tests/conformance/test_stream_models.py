"""The strict rule and its relatives, for every model of a stream; a model joins by one row of the table."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from signwise.data import simulate_signed_events
from signwise.events import EventStream, chronological_split
from signwise.graph import (
    GCN,
    SEMBA,
    SGCN,
    TGN,
    FairnessGoodness,
    FeatureModel,
    Queries,
    SEMBAPlus,
    SnapshotOptions,
    TrainingOptions,
    draw_negatives,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Row:
    """A model for a task.

    Args:
        make: from a seed to a new model.
        online: the ways of learning online that it knows.
        choices: whether validation events decide between candidates, as its documentation says.
        tolerance: of scores under another order, numbering or length of the stream; 0 is bit-equal.
        descends: whether it learns by steps along gradients.
    """

    name: str
    make: Callable[..., Any]
    online: tuple[str, ...] = ("off",)
    choices: bool = False
    tolerance: float = 0.0
    descends: bool = False
    settings: dict[str, Any] = field(default_factory=dict)

    def __call__(self, seed=0):
        return self.make(seed=seed, **self.settings)


def features(family, task, *online, **options):
    return Row(
        f"{family}-{task}",
        partial(FeatureModel, family=family, task=task, refit_every=60),
        online=("off", *online),
        **options,
    )


def memories(kind, task, *online, **options):
    settings = {
        "task": task,
        "training": TrainingOptions(epochs=1, batch_size=40),
        "options": replace(kind.OPTIONS, dim=8, heads=2, head_dim=4, neighbors=5, **options),
    }
    name = "-".join([kind.__name__, task, *map(str, options.values())])
    return Row(name, kind, online=("off", *online), choices=True, tolerance=1e-5, descends=True, settings=settings)


def convolutions(kind, task):
    options = SnapshotOptions(dim=8, batch_size=50, epochs=2)
    return Row(
        f"{kind.__name__}-{task}",
        kind,
        choices=True,
        tolerance=1e-5,
        descends=True,
        settings={"task": task, "options": options},
    )


ROWS = [
    features("always_positive", "sign"),
    features("ratee_mean", "sign"),
    features("ratee_mean", "weight"),
    features("rater_rate", "sign"),
    features("bias_mean", "sign", "calibrate"),
    features("bias_mean", "weight"),
    features("bias_mean", "signed_link"),
    features("degree", "link"),
    features("attachment", "link"),
    features("logistic_22", "sign"),
    features("logistic", "sign", "finetune"),
    features("logistic", "link", "finetune"),
    features("logistic", "signed_link"),
    features("logistic", "weight", "finetune"),
    features("boosting", "sign", "finetune", "calibrate"),
    features("boosting", "link"),
    features("boosting", "signed_link"),
    features("boosting", "weight"),
    features("boosting_tuned", "sign", choices=True),
    Row("fairness-goodness-sign", lambda seed: FairnessGoodness(task="sign", refit_every=60)),
    Row("fairness-goodness-weight", lambda seed: FairnessGoodness(task="weight", refit_every=60)),
    *(convolutions(GCN, task) for task in ("sign", "link", "weight")),
    *(convolutions(SGCN, task) for task in ("sign", "signed_link")),
    memories(SEMBA, "sign"),
    memories(SEMBA, "link"),
    memories(TGN, "sign"),
    memories(TGN, "link"),
    memories(SEMBAPlus, "sign", "calibrate", "finetune"),
    memories(SEMBAPlus, "sign", granularity=30),
    memories(SEMBAPlus, "link"),
    memories(SEMBAPlus, "signed_link"),
    memories(SEMBAPlus, "weight"),
]
every_model = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def tied_stream(seed=0):
    """Some hundred events on a few dozen nodes, many of them simultaneous."""
    return simulate_signed_events(400, 45, tie_seconds=5 * 86_400.0, seed=seed).stream


@dataclass(frozen=True)
class Case:
    stream: EventStream
    split: Any
    negatives: Queries
    model: Any


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Models this small gain nothing from a second thread, and lose much where the processor is shared."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def cases():
    """Fitted models, each made once."""
    made: dict[str, Case] = {}

    def get(row):
        if row.name not in made:
            stream = tied_stream()
            split = chronological_split(stream)
            negatives = draw_negatives(stream, seed=1)
            model = row().fit(stream, split, negatives=negatives)
            made[row.name] = Case(stream, split, negatives, model)
        return made[row.name]

    return get


def assert_same(a, b, tolerance=0.0):
    if tolerance:
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
    else:
        np.testing.assert_array_equal(a, b)


def altered(stream, change, seed=0):
    """Other ends, signs and weights where ``change`` is true."""
    rng = np.random.default_rng(seed)
    n = int(change.sum())
    source, target, sign, weight = (np.array(c) for c in (stream.source, stream.target, stream.sign, stream.weight))
    source[change] = rng.integers(0, stream.num_nodes, n)
    target[change] = (source[change] + rng.integers(1, stream.num_nodes, n)) % stream.num_nodes
    sign[change], weight[change] = -sign[change], rng.integers(1, 11, n)
    return replace(stream, source=source, target=target, sign=sign, weight=weight)


@every_model
def test_no_score_depends_on_an_event_at_or_after_its_time(row, cases):
    case = cases(row)
    stream = case.stream
    for online in row.online:
        before = case.model.scores(stream, queries=case.negatives, online=online)
        assert np.isfinite(before.events).all()
        assert np.isfinite(before.queries).all()
        for share in (0.2, 0.88):
            cut = int(stream.time[int(share * len(stream))])
            other = altered(stream, stream.time >= cut)
            after = case.model.scores(other, queries=case.negatives, online=online)
            # A query at the cut reads events strictly before it, and none of those was altered.
            past, asked = stream.time < cut, case.negatives.time <= cut
            assert_same(before.events[past], after.events[past])
            assert_same(before.queries[asked], after.queries[asked])


@every_model
def test_an_event_scores_as_the_same_pair_asked_at_its_time(row, cases):
    case = cases(row)
    stream = case.stream
    own = Queries(source=stream.source, target=stream.target, time=stream.time, event=np.arange(len(stream)))
    for online in row.online:
        scores = case.model.scores(stream, queries=own, online=online)
        assert_same(scores.events, scores.queries, row.tolerance)


@every_model
def test_a_stream_that_ends_earlier_has_the_same_scores_so_far(row, cases):
    case = cases(row)
    stream = case.stream
    for online in row.online:
        whole = case.model.scores(stream, online=online)
        for share in (0.5, 0.9):
            prefix = stream.select(stream.time <= stream.time[int(share * len(stream))])
            part = case.model.scores(prefix, online=online)
            assert_same(part.events, whole.events[: len(prefix)], row.tolerance)


@every_model
def test_queries_do_not_change_the_scores_of_events(row, cases):
    case = cases(row)
    for online in row.online:
        alone = case.model.scores(case.stream, online=online)
        beside = case.model.scores(case.stream, queries=case.negatives, online=online)
        assert_same(alone.events, beside.events, row.tolerance)
        assert len(alone.queries) == 0


@every_model
def test_the_order_of_simultaneous_events_changes_nothing(row, cases):
    case = cases(row)
    order = np.lexsort((np.random.default_rng(2).random(len(case.stream)), case.stream.time))
    assert (order != np.arange(len(order))).any()
    shuffled = case.stream.select(order)
    place = np.argsort(order)
    column = place[case.negatives.event]
    negatives = replace(case.negatives, event=column)
    # The order in which a gradient is summed rounds it; what is learnt by many steps may drift apart on that.
    again = case.model if row.descends else row().fit(shuffled, chronological_split(shuffled), negatives=negatives)
    for online in row.online:
        one = case.model.scores(case.stream, queries=case.negatives, online=online)
        two = again.scores(shuffled, queries=negatives, online=online)
        assert_same(one.events[order], two.events, row.tolerance)
        assert_same(one.queries, two.queries, row.tolerance)


@every_model
def test_the_numbering_of_nodes_changes_nothing(row, cases):
    case = cases(row)
    stream = case.stream
    number = np.random.default_rng(3).permutation(stream.num_nodes)
    names = np.empty(stream.num_nodes, object)
    names[number] = stream.nodes
    renamed = replace(stream, source=number[stream.source], target=number[stream.target], nodes=tuple(names))
    asked = replace(case.negatives, source=number[case.negatives.source], target=number[case.negatives.target])
    again = row().fit(renamed, chronological_split(renamed), negatives=asked)
    one = case.model.scores(stream, queries=case.negatives)
    two = again.scores(renamed, queries=asked)
    assert_same(one.events, two.events, row.tolerance)
    assert_same(one.queries, two.queries, row.tolerance)


@every_model
def test_equal_seeds_give_equal_scores_and_asking_changes_nothing(row, cases):
    case = cases(row)
    again = row().fit(case.stream, case.split, negatives=case.negatives)
    for online in row.online:
        first = case.model.scores(case.stream, online=online)
        assert_same(first.events, case.model.scores(case.stream, online=online).events)
        assert_same(first.events, again.scores(case.stream, online=online).events)


@every_model
def test_the_fit_reads_no_test_event_and_of_validation_only_what_it_says(row, cases):
    case = cases(row)
    late = altered(case.stream, case.split.test)
    again = row().fit(late, case.split, negatives=case.negatives)
    expected = case.model.scores(case.stream)
    assert_same(again.scores(case.stream).events, expected.events)
    if not row.choices:
        late = altered(case.stream, ~case.split.train)
        again = row().fit(late, case.split, negatives=case.negatives)
        assert_same(again.scores(case.stream).events, expected.events)


@every_model
def test_columns_are_what_the_task_says(row, cases):
    case = cases(row)
    scores = case.model.scores(case.stream, queries=case.negatives)
    n, q = len(case.stream), len(case.negatives)
    columns = {"sign": 1, "link": 1, "signed_link": 3}.get(case.model.task)
    if columns is None:
        columns = 1 if scores.levels is None else 1 + len(scores.levels)
    assert scores.events.shape == (n, columns)
    assert scores.queries.shape == (q, columns)
    assert scores.events.dtype == scores.queries.dtype == np.float64
    if case.model.task == "signed_link":
        np.testing.assert_allclose(np.exp(scores.events).sum(1), 1.0, rtol=1e-5)
    if scores.levels is not None:
        np.testing.assert_allclose(scores.events[:, 1:].sum(1), 1.0, rtol=1e-5)
