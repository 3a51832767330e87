"""One process of a vote: ``python -m tests.optim.vote_processes RANK SIZE FOLDER`` saves what every case gives."""

from __future__ import annotations

import copy
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist

from signwise.optim import Lion, LionK, NonFiniteGradientError, _vote_step, mean_momentum

SHAPES = [(3, 5), (), (130,), (0,), (4, 3, 2)]
STEPS = 6
PLAIN = dict(lr=0.05, weight_decay=0.3)
# Cases that the oracle has too.
EXACT = {
    "majority": PLAIN,
    "coin": dict(**PLAIN, ties="coin", seed=7),
    "mean": dict(**PLAIN, vote="mean"),
    "heavy ball, no decay": dict(lr=0.05, betas=(0.5, 0.5)),
    "some gradients missing": dict(**PLAIN, ties="coin"),
    "gradients of zeros": dict(lr=0.05, ties="coin"),
}
# Cases whose weights are only to be alike on all processes.
ALIKE = {
    "bfloat16": dict(**PLAIN, momentum_dtype=torch.bfloat16),
    "bfloat16, int8": dict(**PLAIN, momentum_dtype=torch.int8, ties="coin"),
    "cautious": dict(**PLAIN, cautious="mask", decay="cautious"),
    "maximize": dict(**PLAIN, maximize=True),
    "by torch": dict(**PLAIN, fused=False),
    "coin, by torch": dict(**PLAIN, ties="coin", seed=7, foreach=True),
}


def start(k):
    return np.random.default_rng(k).uniform(-1, 1, SHAPES[k]).astype(np.float32)


def gradient(case):
    """``gradient(rank, step, k)`` of a case: quarters from -1/2 to 1/2, so that zeros and ties abound."""

    def of(rank, step, k):
        if case == "some gradients missing" and (k == 2 or (k == 0 and step % 2) or (k == 4 and rank)):
            return None
        if case == "gradients of zeros":
            return np.zeros(SHAPES[k], np.float32)
        values = np.random.default_rng([rank, step, k]).integers(-2, 3, SHAPES[k])
        return (0.25 * np.asarray(values)).astype(np.float32)

    return of


def parameters(dtype=torch.float32):
    return [torch.nn.Parameter(torch.tensor(start(k)).to(dtype)) for k in range(len(SHAPES))]


def drive(optimizer, params, of, rank, steps):
    for step in steps:
        for k, p in enumerate(params):
            g = of(rank, step, k)
            p.grad = None if g is None else torch.tensor(g).to(p.dtype)
        optimizer.step()


def outcome(optimizer, params):
    return {
        "weights": [p.detach().clone() for p in params],
        "momentum": [optimizer.state[p].get("exp_avg") for p in params],
        "certificate": optimizer.certificate(),
    }


def cases(rank, world):
    results = {}
    for case, options in {**EXACT, **ALIKE}.items():
        params = parameters(torch.bfloat16 if "bfloat16" in case else torch.float32)
        optimizer = Lion(params, process_group=world, **options)
        drive(optimizer, params, gradient(case), rank, range(STEPS))
        results[case] = outcome(optimizer, params)
    results["two groups"] = two_groups(rank, world)
    results["resumed"], results["mean of momentum"] = resumed(rank, world)
    results["copied"] = copied(rank, world)
    results.update(refusals(rank, world))
    return results


def two_groups(rank, world):
    params = parameters()
    groups = [{"params": params[:2], "lr": 0.05}, {"params": params[2:], "lr": 0.025, "weight_decay": 0.0}]
    optimizer = LionK(groups, **PLAIN, process_group=world)
    drive(optimizer, params, gradient("majority"), rank, range(STEPS))
    return outcome(optimizer, params)


def resumed(rank, world):
    """Half of the coin's steps, then the rest by an optimizer that loads the state; and the mean of all states."""
    params = parameters()
    first, second = (Lion(params, process_group=world, **EXACT["coin"]) for _ in range(2))
    drive(first, params, gradient("coin"), rank, range(STEPS // 2))
    second.load_state_dict(first.state_dict())
    drive(second, params, gradient("coin"), rank, range(STEPS // 2, STEPS))
    saved = [None] * dist.get_world_size()
    dist.all_gather_object(saved, second.state_dict(), group=world)
    return outcome(second, params), mean_momentum(saved)


def copied(rank, world):
    params = parameters()
    optimizer = Lion(params, process_group=world, **EXACT["majority"])
    optimizer = copy.deepcopy(optimizer)
    params = optimizer.param_groups[0]["params"]
    drive(optimizer, params, gradient("majority"), rank, range(STEPS))
    return outcome(optimizer, params)


def refusals(rank, world):
    """Steps that every process must refuse, or leave out, though only the last has a reason."""
    last, results = rank == dist.get_world_size() - 1, {}
    p = torch.nn.Parameter(torch.full((3,), 2.0 if last else 1.0))
    p.grad = torch.ones(3)
    results["other weights"] = message(Lion([p], 0.1, process_group=world), RuntimeError)
    p = torch.nn.Parameter(torch.ones(3))
    p.grad = torch.ones(3)
    results["other options"] = message(Lion([p], 0.2 if last else 0.1, process_group=world), RuntimeError)
    params = [torch.nn.Parameter(torch.ones(3)) for _ in range(2 if last else 1)]
    results["other parameters"] = message(Lion(params, 0.1, process_group=world), RuntimeError)
    for policy in ("raise", "skip", "count"):
        p = torch.nn.Parameter(torch.ones(3))
        p.grad = torch.tensor([float("nan"), 1.0, 1.0]) if last else torch.ones(3)
        optimizer = Lion([p], 0.5, process_group=world, nan_policy=policy)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            results[f"nan, {policy}"] = message(optimizer, NonFiniteGradientError)
        results[f"nan, {policy}, weights"] = p.detach()
        results[f"nan, {policy}, counted"] = optimizer.nonfinite_gradients
    return results


def message(optimizer, kind):
    try:
        optimizer.step()
    except kind as error:
        return str(error)
    return None


def main():
    rank, size, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    warnings.simplefilter("error")
    torch.set_num_threads(1)
    # So that the larger of these small parameters are stepped in pieces.
    _vote_step._PIECE = 16
    dist.init_process_group("gloo", init_method=f"file://{folder / 'store'}", rank=rank, world_size=size)
    try:
        torch.save(cases(rank, dist.group.WORLD), folder / f"{rank}.pt")
    finally:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
