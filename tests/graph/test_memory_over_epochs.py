"""Training takes no more memory epoch by epoch: nothing of an epoch's state or history outlives it."""

import ctypes
import gc
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from signwise.events import EventStream, chronological_split
from signwise.graph import SEMBA, SEMBAPlus, TrainingOptions
from signwise.graph import _training as training_module

NODES, EVENTS, EPOCHS = 12_000, 1_200, 6
# What an epoch's memories take: two of 64 float32 for each node.
STATE_BYTES = NODES * 2 * 64 * 4

STATM = Path("/proc/self/statm")


def resident() -> int:
    """Bytes in memory, after what is free was given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def stream():
    rng = np.random.default_rng(0)
    source = rng.integers(0, NODES, EVENTS)
    return EventStream(
        source=source,
        target=(source + rng.integers(1, NODES, EVENTS)) % NODES,
        time=np.arange(EVENTS) * 3600,
        sign=rng.choice([-1, 1], EVENTS),
        weight=np.ones(EVENTS),
        nodes=tuple(map(str, range(NODES))),
        weight_max=1.0,
    )


def growth(model_class, monkeypatch):
    """Bytes resident and bytes of Python and numpy after the last epoch, less those after the second."""
    seen = []
    choose = training_module._Run.choose

    def choose_and_look(run, bar):
        choose(run, bar)
        seen.append((resident(), tracemalloc.get_traced_memory()[0]))

    monkeypatch.setattr(training_module._Run, "choose", choose_and_look)
    events = stream()
    tracemalloc.start()
    try:
        training = TrainingOptions(epochs=EPOCHS, batch_size=200, choose=False)
        model_class("sign", training=training).fit(events, chronological_split(events))
    finally:
        tracemalloc.stop()
    assert len(seen) == EPOCHS
    return tuple(np.subtract(seen[-1], seen[1]).tolist())


pytestmark = pytest.mark.skipif(
    not (STATM.exists() and hasattr(ctypes.CDLL(None), "malloc_trim")), reason="needs /proc and glibc"
)


@pytest.mark.parametrize("model_class", [SEMBA, SEMBAPlus])
def test_memory_stays_flat_over_epochs(model_class, monkeypatch):
    """Four more epochs take less than the memories of one, and next to nothing of Python and numpy."""
    in_memory, traced = growth(model_class, monkeypatch)
    assert in_memory < STATE_BYTES
    assert traced < 100_000


def test_a_state_or_a_history_that_outlives_its_epoch_is_seen(monkeypatch):
    """The measure itself: what keeps the stores of each epoch, or the graph of each batch, is above the bound."""
    kept = {}
    keep = training_module.keep

    def keep_the_stores(work, table, stores, *rest):
        kept[id(stores[0])] = stores
        keep(work, table, stores, *rest)

    monkeypatch.setattr(training_module, "keep", keep_the_stores)
    assert growth(SEMBAPlus, monkeypatch)[0] > STATE_BYTES

    graphs = []

    def keep_the_graph(work, table, *rest):
        graphs.append(table)
        keep(work, table, *rest)

    monkeypatch.setattr(training_module, "keep", keep_the_graph)
    assert growth(SEMBAPlus, monkeypatch)[0] > STATE_BYTES
