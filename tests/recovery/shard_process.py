"""One of the processes of the sharded test: fits its part and writes the factors."""

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


if __name__ == "__main__":
    rank, size, store, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    torch.set_num_threads(1)
    dist.init_process_group("gloo", store=dist.FileStore(store, size), rank=rank, world_size=size)
    a, b, y = problem()
    mine = np.array_split(np.arange(M), size)[rank]
    found = fit(Sharded(RankOne(a[mine], b[mine])), y)
    np.savez(out, L=found.L_, R=found.R_, rank=found.rank_, recovered=found.recovered_)
    dist.destroy_process_group()
