"""One score of a live model: the median and the slowest hundredth of single calls.

The same pairs are scored one by one by :meth:`LiveModel.score` and as batches of one by :meth:`LiveModel.scores`.
"""

import math

from benchmarks._runner import Bench, Limit
from benchmarks.graph.bench_training import EVENTS, all_but_two, first_events
from signwise.graph import LiveModel, LiveScore, SEMBAPlus, TrainingOptions
from signwise.progress import quiet

PAIRS = 500
P99_S = 2e-3


def same(left: LiveScore, right: LiveScore) -> bool:
    return math.isclose(left.logit, right.logit, abs_tol=1e-4)


def run(bench: Bench) -> None:
    stream = first_events()
    model = SEMBAPlus("sign", training=TrainingOptions(epochs=1, batch_size=1000, choose=False))
    with quiet():
        model.fit(stream, all_but_two(stream))
    live = LiveModel(model)
    live.ingest(stream)
    now = int(stream.time[-1])
    live.advance(now)
    # Raters and ratees of the last events, each rater with the ratee of another event.
    raters = [stream.nodes[u] for u in stream.source[-PAIRS:]]
    ratees = [stream.nodes[v] for v in stream.target[-PAIRS - 1 : -1]]
    bench.latencies(
        f"a score by a SEMBAPlus that has followed {EVENTS:,} events, {PAIRS} pairs one by one",
        {
            "signwise, a batch of one": lambda i: live.scores(raters[i : i + 1], ratees[i : i + 1], now + 1)[0],
            "signwise": lambda i: live.score(raters[i], ratees[i], now + 1),
        },
        baseline="signwise, a batch of one",
        equal=same,
        calls=PAIRS,
        limits=[Limit(contender="signwise", p99_s=P99_S)],
    )
