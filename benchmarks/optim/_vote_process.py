"""One of the processes that ``bench_vote`` times; its arguments are RANK SIZE ROUNDS FOLDER."""

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from signwise.optim import Lion
from signwise.optim._vote import Buffers, encode, exchange, gather, hold_, make_poll, padded_length

COUNT = 4_000_000
TRAFFIC = Path("/proc/net/dev")


def loopback_bytes() -> int | None:
    """What the loopback device has sent, all processes of the machine together; None where nothing counts it."""
    if not TRAFFIC.exists():
        return None
    for line in TRAFFIC.read_text().splitlines():
        name, _, counts = line.partition(":")
        if name.strip() == "lo":
            return int(counts.split()[8])
    return None


def exchanges(rank: int, world: Any) -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    """By name, what is called before the clock starts and what is timed."""
    size = padded_length(COUNT, world.size())
    direction = torch.randn(size, generator=torch.Generator().manual_seed(rank))
    direction[::7] = 0
    signs = direction.sign().to(torch.int8)
    planes = encode(signs)
    majority, mean = (make_poll(world, vote, "abstain") for vote in ("majority", "mean"))
    wide, half, octets = direction.clone(), direction.bfloat16(), signs.clone()
    ballot, buffers, inbox = signs.clone(), Buffers(), torch.zeros(world.size(), *planes.shape, dtype=torch.int64)

    # Every way of counting the same votes has to come to the same result.
    votes = direction.sign()
    dist.all_reduce(votes)
    if not torch.equal(hold_(signs.clone(), majority, Buffers(), seed=0, step=0), votes.sign().to(torch.int8)):
        raise AssertionError("the vote is not the sign of the summed signs")
    if not torch.equal(hold_(signs.clone(), mean, Buffers(), seed=0, step=0), votes.to(torch.int8)):
        raise AssertionError("the mean vote is not the sum of the signs")
    again = partial(ballot.copy_, signs)
    whole, whole_mean = (partial(hold_, ballot, poll, buffers, seed=0, step=0) for poll in (majority, mean))
    return {
        "all_reduce, float32": (partial(wide.copy_, direction), partial(dist.all_reduce, wide)),
        "all_reduce, bfloat16": (partial(half.copy_, direction), partial(dist.all_reduce, half)),
        "all_reduce, int8 signs": (partial(octets.copy_, signs), partial(dist.all_reduce, octets)),
        "votes: exchange of packed planes": (lambda: None, partial(gather, planes, majority, inbox)),
        "votes: exchange and count": (lambda: None, partial(exchange, planes, majority, buffers, seed=0, step=0)),
        "votes: pack, exchange, count, unpack": (again, whole),
        "mean: pack, exchange, count, unpack": (again, whole_mean),
    }


def steps(rank: int, world: Any) -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    """Whole optimizer steps of one tensor, by name."""
    gradient = torch.randn(COUNT, generator=torch.Generator().manual_seed(rank))
    ours, theirs = (torch.nn.Parameter(torch.zeros(COUNT)) for _ in range(2))
    voting, plain = Lion([ours], 1e-4, process_group=world), Lion([theirs], 1e-4)

    def averaged() -> None:
        dist.all_reduce(theirs.grad)
        theirs.grad.div_(world.size())
        plain.step()

    def restore(p: torch.nn.Parameter) -> None:
        p.grad = gradient.clone()

    return {
        "all_reduce of float32 gradients, then Lion": (partial(restore, theirs), averaged),
        "Lion with votes": (partial(restore, ours), voting.step),
    }


def timed(contenders: dict[str, tuple[Callable[[], Any], Callable[[], Any]]], rounds: int) -> dict[str, Any]:
    """Seconds of the slower process in every round, and the loopback's bytes, by contender."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    sent: dict[str, list[int]] = {name: [] for name in contenders}
    order = list(contenders)
    for round_ in range(rounds + 1):
        order = order[1:] + order[:1]
        for name in order:
            prepare, call = contenders[name]
            prepare()
            dist.barrier()
            traffic, start = loopback_bytes(), time.perf_counter()
            call()
            took = torch.tensor(time.perf_counter() - start, dtype=torch.float64)
            dist.barrier()
            after = loopback_bytes()
            dist.all_reduce(took, dist.ReduceOp.MAX)
            if round_:  # the first is a warm-up
                seconds[name].append(took.item())
                if traffic is not None and after is not None:
                    sent[name].append(after - traffic)
    return {name: {"seconds": seconds[name], "sent": sent[name]} for name in contenders}


def main() -> None:
    rank, size, rounds, folder = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder / 'store'}", rank=rank, world_size=size)
    world = dist.group.WORLD
    results = [timed(contenders(rank, world), rounds) for contenders in (exchanges, steps)]
    if rank == 0:
        (folder / "results.json").write_text(json.dumps(results))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
