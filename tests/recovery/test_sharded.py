"""Two processes with half of the measurements each end where one with all of them does."""

import subprocess
import sys

import numpy as np
import pytest
import torch.distributed as dist

from signwise.recovery import RankOne, Sharded

from . import shard_process


@pytest.mark.skipif(not dist.is_available() or not dist.is_gloo_available(), reason="torch has no gloo")
def test_two_processes_equal_one(tmp_path):
    # This process is the first of the two, which saves an interpreter and its imports.
    store, out = tmp_path / "store", tmp_path / "second.npz"
    process = subprocess.Popen([sys.executable, shard_process.__file__, str(store), str(out)])
    try:
        mine = shard_process.fit_part(0, store)
    finally:
        code = process.wait(timeout=300)
    assert code == 0
    a, b, y = shard_process.problem()
    alone = shard_process.fit(RankOne(a, b), y)
    first, second = ({"L": mine.L_, "R": mine.R_, "rank": mine.rank_, "recovered": mine.recovered_}, np.load(out))
    assert np.array_equal(first["L"], second["L"])
    assert np.array_equal(first["R"], second["R"])
    assert int(first["rank"]) == alone.rank_ == 2
    assert bool(first["recovered"])
    assert alone.recovered_
    np.testing.assert_allclose(
        first["L"] @ first["R"].T, alone.low_rank_, rtol=0, atol=1e-8 * np.abs(alone.low_rank_).max()
    )


def test_it_needs_a_group():
    with pytest.raises(RuntimeError, match="init_process_group"):
        Sharded(RankOne(np.ones((2, 2))))
