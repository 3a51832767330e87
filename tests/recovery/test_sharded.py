"""Two processes with half of the measurements each end where one with all of them does."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch.distributed as dist

from signwise.recovery import RankOne, Sharded

from . import shard_process


@pytest.mark.skipif(not dist.is_available() or not dist.is_gloo_available(), reason="torch has no gloo")
def test_two_processes_equal_one(tmp_path):
    script, store = Path(shard_process.__file__), tmp_path / "store"
    outs = [tmp_path / f"{rank}.npz" for rank in range(2)]
    processes = [
        subprocess.Popen([sys.executable, str(script), str(rank), "2", str(store), str(outs[rank])], env={**os.environ})
        for rank in range(2)
    ]
    codes = [process.wait(timeout=300) for process in processes]
    assert codes == [0, 0]
    a, b, y = shard_process.problem()
    alone = shard_process.fit(RankOne(a, b), y)
    first, second = (np.load(out) for out in outs)
    assert np.array_equal(first["L"], second["L"])
    assert np.array_equal(first["R"], second["R"])
    assert int(first["rank"]) == alone.rank_ == 2
    assert bool(first["recovered"])
    assert alone.recovered_
    np.testing.assert_allclose(
        first["L"] @ first["R"].T, alone.low_rank_, rtol=0, atol=1e-8 * np.abs(alone.low_rank_).max()
    )


def test_it_needs_a_group():
    if dist.is_initialized():
        pytest.skip("another test left a process group")
    with pytest.raises(RuntimeError, match="init_process_group"):
        Sharded(RankOne(np.ones((2, 2))))
