"""Lion-K's step of one tensor of 25 million float32 weights, where memory is the limit."""

import torch

from benchmarks._runner import Bench, Target
from benchmarks.optim._contenders import (
    adamw,
    certifying,
    certifying_each,
    lion_pytorch,
    lion_pytorch_foreach,
    same,
    sgd,
    signwise,
    stream,
    values,
)

N, ROUNDS = 25_000_000, 15
# K, every how many steps its sums are taken, and its arguments. The last two need logarithms and exponentials of every
# weight and gradient: what their sums cost at every step is shown, without a target.
PERIODS = (
    ("L1", 2, ()),
    ("DeadZone", 16, (0.1,)),
    ("Huber", 16, (0.1,)),
    ("AsymmetricBox", 10, (-1.0, 1.0)),
    ("HalfSquare", 5, ()),
    ("PseudoHuber", 64, ()),
    ("LogCosh", 1, ()),
    ("SmoothedL1", 1, (0.1,)),
)


def run(bench: Bench) -> None:
    weights, gradients = values([(N,)], 0), values([(N,)], 1)
    rounds = min(bench.rounds, ROUNDS)
    bench.group(
        f"one Lion step of {N:,} float32 weights",
        {
            "signwise": signwise(weights, gradients),
            "lion_pytorch": lion_pytorch(weights, gradients),
            "lion_pytorch foreach": lion_pytorch_foreach(weights, gradients),
        },
        baseline="lion_pytorch",
        equal=same,
        targets=[Target(contender="signwise", ratio=10)],
        rounds=rounds,
    )
    bench.group(
        "the same over a loop that only moves its 20 bytes a weight",
        {"stream": stream(weights, gradients), "signwise": signwise(weights, gradients)},
        baseline="stream",
        equal=None,
        targets=[Target(contender="signwise", ratio=1 / 1.10)],
        rounds=2 * rounds,
    )
    bench.group(
        "the same over torch's fused optimizers, which are other methods",
        {
            "torch AdamW fused": adamw(weights, gradients, fused=True),
            "torch SGD fused": sgd(weights, gradients, fused=True),
            "signwise": signwise(weights, gradients),
        },
        baseline="torch AdamW fused",
        equal=None,
        targets=[Target(contender="signwise", ratio=1 / 0.72)],
        rounds=rounds,
    )
    half_weights, half_gradients = ([t.bfloat16() for t in tensors] for tensors in (weights, gradients))
    # Inside the set, as after the entry phase.
    inside = [x.clamp(-4, 4) for x in weights]
    bench.group(
        "what certificates cost, over the plain step on the same memory",
        certifying(inside, gradients),
        baseline="signwise",
        equal=None,
        targets=[],
        rounds=2 * rounds,
    )
    for kappa, every, args in PERIODS:
        bench.group(
            f"{every} steps of {kappa}, without sums and with those of gap and distance of the last"
            if every > 1
            else f"a step of {kappa} without and with sums of gap and distance",
            certifying_each(inside, gradients, kappa, every, *args),
            baseline=kappa,
            equal=None,
            targets=[]
            if kappa in ("LogCosh", "SmoothedL1")
            else [Target(contender=f"{kappa}, certify={every}", ratio=1 / 1.05)],
            rounds=rounds if kappa == "L1" else min(rounds, 5),
        )
    bench.group(
        "what narrow storage costs, over the plain step",
        {
            "signwise": signwise(inside, gradients),
            "bfloat16 momentum": signwise(inside, gradients, torch.bfloat16),
            "int8 momentum": signwise(inside, gradients, torch.int8),
            "bfloat16 weights and momentum": signwise(half_weights, half_gradients, torch.bfloat16),
        },
        baseline="signwise",
        equal=same,
        targets=[
            Target(contender="bfloat16 momentum", ratio=1 / 0.9),
            Target(contender="int8 momentum", ratio=1 / 1.2),
        ],
        rounds=2 * rounds,
    )
