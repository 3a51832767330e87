"""Training on the first 8,000 events of bitcoin-otc: one epoch, everything included, against PyG's TGN loop.

The contenders learn the same task with memories of the same size and the same number of neighbors, but they are
different models, so their results are not compared. That ours computes what it says is for the tests: memories and
vectors against loops over events, and attention against PyG's ``TransformerConv`` with the same weights.
"""

from functools import partial

import numpy as np
import torch

from benchmarks._runner import Bench, Contender, Target
from signwise import data
from signwise.events import EventStream, Split
from signwise.graph import SEMBA, MemoryOptions, SEMBAPlus, TrainingOptions
from signwise.progress import quiet

EVENTS, DIM, NEIGHBORS, TIME_DIM = 8_000, 64, 10, 32
ROUNDS = 5


def first_events() -> EventStream:
    """Bitcoin-OTC where it is installed, else its twin."""
    try:
        stream: EventStream = data.load("bitcoin-otc")
    except data_error():
        stream = data.simulate_signed_events(2 * EVENTS, 3_000, seed=1).stream
    return stream.select(slice(0, EVENTS + 2))


def data_error() -> type[Exception]:
    from signwise.errors import DataError

    return DataError


def all_but_two(stream: EventStream) -> Split:
    """Two events for the validation and test parts, which are not timed work."""
    n = np.arange(len(stream))
    return Split(
        train=n < EVENTS,
        validation=n == EVENTS,
        test=n > EVENTS,
        train_end=int(stream.time[EVENTS - 1]),
        validation_end=int(stream.time[EVENTS]),
    )


def ours(model_class: type, stream: EventStream, batch: int, **options: object) -> float:
    model = model_class(
        "sign",
        options=MemoryOptions(**options) if options else None,
        training=TrainingOptions(epochs=1, batch_size=batch, choose=False),
    )
    with quiet():
        model.fit(stream, all_but_two(stream))
    return 0.0


def pyg_tgn(stream: EventStream, batch: int) -> float:
    """The loop of PyG's example ``tgn.py`` for signs: TGNMemory, LastNeighborLoader, TransformerConv."""
    from torch_geometric.nn import TGNMemory, TransformerConv
    from torch_geometric.nn.models.tgn import IdentityMessage, LastAggregator, LastNeighborLoader

    torch.manual_seed(0)
    n, nodes = EVENTS, stream.num_nodes
    source, target = (torch.from_numpy(np.array(c[:n])) for c in (stream.source, stream.target))
    time = torch.from_numpy(((stream.time[:n] - stream.time[0]) * stream.tick_seconds).astype(np.int64))
    x = torch.from_numpy(stream.normalized()[:n].astype(np.float32))
    message = torch.stack([x, x.abs(), (x > 0).float(), torch.ones_like(x)], 1)
    label = (x > 0).float()
    memory = TGNMemory(nodes, 4, DIM, TIME_DIM, IdentityMessage(4, DIM, TIME_DIM), LastAggregator())
    attention = TransformerConv(DIM, DIM // 2, heads=2, edge_dim=4 + TIME_DIM)
    decoder = torch.nn.Sequential(torch.nn.Linear(2 * DIM, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
    loader = LastNeighborLoader(nodes, size=NEIGHBORS)
    modules = torch.nn.ModuleList([memory, attention, decoder])
    optimizer = torch.optim.AdamW(modules.parameters(), lr=1e-3, fused=True)
    assoc = torch.empty(nodes, dtype=torch.long)
    modules.train()
    memory.reset_state()
    loader.reset_state()
    for start in range(0, n, batch):
        part = slice(start, start + batch)
        u, v, t = source[part], target[part], time[part]
        n_id, edge_index, e_id = loader(torch.cat([u, v]).unique())
        assoc[n_id] = torch.arange(len(n_id))
        z, last_update = memory(n_id)
        rel_t = (last_update[edge_index[0]] - time[e_id]).float()
        edge = torch.cat([memory.time_enc(rel_t), message[e_id]], -1)
        z = attention(z, edge_index, edge)
        logit = decoder(torch.cat([z[assoc[u]], z[assoc[v]]], 1))[:, 0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logit, label[part])
        optimizer.zero_grad()
        memory.update_state(u, v, t, message[part])
        loader.insert(u, v)
        loss.backward()
        optimizer.step()
        memory.detach()
    return 0.0


def run(bench: Bench) -> None:
    stream = first_events()
    for batch in (200, 1000):
        bench.group(
            f"one epoch of 8,000 events in batches of {batch}, memories of {DIM}, {NEIGHBORS} neighbors, set-up "
            "included (different models: results are not compared)",
            {
                "PyG TGNMemory": Contender(call=partial(pyg_tgn, stream, batch)),
                "signwise SEMBAPlus": Contender(call=partial(ours, SEMBAPlus, stream, batch)),
                "signwise SEMBA": Contender(call=partial(ours, SEMBA, stream, batch)),
            },
            baseline="PyG TGNMemory",
            equal=None,
            targets=[Target(contender=f"signwise {name}", ratio=1.5) for name in ("SEMBAPlus", "SEMBA")],
            rounds=min(bench.rounds, ROUNDS),
        )
