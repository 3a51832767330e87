"""The problem of the sharded test, and its second process, which writes the factors."""

import sys

import numpy as np
import torch
import torch.distributed as dist

from signwise.recovery import RankOne, RobustMatrixSensing, Sharded

D, R, M = 12, 2, 480


def problem():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((M, D)), rng.standard_normal((M, D))
    U, V = rng.standard_normal((D, R)), rng.standard_normal((D, R))
    y = RankOne(a, b).forward(U, V)
    y[:96] += 100 * rng.standard_normal(96)
    return a, b, y


def fit(operator, y):
    return RobustMatrixSensing(max_rank=6).fit(operator, y)


def fit_part(rank, store):
    """Fit this process's half of the measurements together with the other process."""
    dist.init_process_group("gloo", store=dist.FileStore(str(store), 2), rank=rank, world_size=2)
    try:
        a, b, y = problem()
        mine = np.array_split(np.arange(M), 2)[rank]
        return fit(Sharded(RankOne(a[mine], b[mine])), y)
    finally:
        dist.destroy_process_group()


if __name__ == "__main__":
    torch.set_num_threads(1)
    found = fit_part(1, sys.argv[1])
    np.savez(sys.argv[2], L=found.L_, R=found.R_, rank=found.rank_, recovered=found.recovered_)
