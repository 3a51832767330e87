"""Sign votes: two and four processes over gloo against one process in numpy, and the parts of a vote one by one."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist

import signwise
from signwise.convex import L1, Huber
from signwise.optim import Lion, LionK, SignSGD, _vote, mean_momentum
from signwise.optim._vote import Poll, decode, encode, padded_length, tally

from ..oracles import sign_votes as oracle
from .vote_processes import ALIKE, EXACT, PLAIN, SHAPES, STEPS, drive, gradient, parameters, start


@pytest.fixture(scope="module", params=[2, pytest.param(4, marks=pytest.mark.slow)])
def results(request, tmp_path_factory):
    """What each process saved."""
    folder = tmp_path_factory.mktemp("votes")
    root, source = Path(__file__).parents[2], Path(signwise.__file__).parents[1]
    paths = [str(source), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", f"{__package__ or 'tests.optim'}.vote_processes"]
    runs = [
        subprocess.Popen(
            [*command, str(rank), str(request.param), str(folder)],
            cwd=root,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(request.param)
    ]
    try:
        errors = [run.communicate(timeout=240)[1] for run in runs]
    finally:
        for run in runs:
            run.kill()
    assert [run.returncode for run in runs] == [0] * len(runs), "\n".join(errors)
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(request.param)]


def same_bits(left, right):
    return left.dtype == right.dtype and left.shape == right.shape and torch.equal(left, right)


def threads():
    """The names of this process's threads that belong to a process group."""
    names = (path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm"))
    return sum("gloo" in name for name in names)


@pytest.fixture
def world(tmp_path):
    """A process group of this process alone."""
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    yield dist.group.WORLD
    dist.destroy_process_group()


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are listed in /proc, which Linux has")
def test_an_optimizer_does_not_keep_a_destroyed_group_alive(tmp_path):
    before = threads()
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    weights = torch.nn.Parameter(torch.ones(3))
    optimizer = Lion([weights], lr=0.1, process_group=dist.group.WORLD)
    torch.optim.lr_scheduler.ConstantLR(optimizer)  # a cycle, so that only the garbage collector frees the optimizer
    weights.grad = torch.ones(3)
    optimizer.step()
    assert threads() > before
    dist.destroy_process_group()
    assert threads() == before
    with pytest.raises(RuntimeError, match="votes in was destroyed; build the optimizer after init_process_group"):
        optimizer.step()


@pytest.mark.parametrize("case", EXACT)
def test_it_is_the_vote_of_one_process(results, case):
    n = len(results)
    weights, momentum = oracle.run([start(k) for k in range(len(SHAPES))], gradient(case), n, STEPS, **EXACT[case])
    for rank, saved in enumerate(results):
        for k in range(len(SHAPES)):
            np.testing.assert_array_equal(saved[case]["weights"][k].numpy(), weights[k])
            kept = saved[case]["momentum"][k]
            if kept is not None:
                np.testing.assert_array_equal(kept.numpy(), momentum[rank][k])


@pytest.mark.parametrize("case", [*EXACT, *ALIKE, "two groups", "resumed", "copied"])
def test_weights_have_the_same_bits_everywhere_and_moved(results, case):
    for k in range(len(SHAPES)):
        assert all(same_bits(saved[case]["weights"][k], results[0][case]["weights"][k]) for saved in results)
    moved = [
        not np.array_equal(w.float().numpy(), start(k)) for k, w in enumerate(results[0][case]["weights"]) if w.numel()
    ]
    assert any(moved) == (case != "gradients of zeros")
    momenta = [saved[case]["momentum"][0] for saved in results]
    assert case == "gradients of zeros" or not same_bits(momenta[0], momenta[1])


@pytest.mark.parametrize(("case", "other"), [("majority", "by torch"), ("coin", "coin, by torch")])
def test_kernels_have_the_bits_of_torch(results, case, other):
    for saved in results:
        for part in ("weights", "momentum"):
            assert all(map(same_bits, saved[case][part], saved[other][part]))


def test_zeros_move_nothing(results):
    weights = results[0]["gradients of zeros"]["weights"]
    for k, w in enumerate(weights):
        np.testing.assert_array_equal(w.numpy(), start(k))


def test_what_no_process_has_a_gradient_of_stays(results):
    np.testing.assert_array_equal(results[0]["some gradients missing"]["weights"][2].numpy(), start(2))
    assert results[0]["some gradients missing"]["momentum"][2] is None
    # Rank 0 alone has gradients of the last one; the others vote with a momentum of zeros.
    assert not results[1]["some gradients missing"]["momentum"][4].any()


def test_a_param_group_has_its_own_rate(results):
    whole, split = results[0]["majority"]["weights"], results[0]["two groups"]["weights"]
    assert torch.equal(whole[0], split[0])
    assert not torch.equal(whole[2], split[2])


def test_saved_and_loaded_it_goes_on_as_if_nothing_had_been(results):
    for saved in results:
        for part in ("weights", "momentum"):
            assert all(map(same_bits, saved["resumed"][part], saved["coin"][part]))


def test_the_mean_of_momentum_is_that_of_the_processes(results):
    for k in range(len(SHAPES)):
        mean = np.mean([saved["resumed"]["momentum"][k].double().numpy() for saved in results], 0)
        np.testing.assert_array_equal(results[0]["mean of momentum"]["state"][k]["exp_avg"].numpy(), mean.astype("f4"))


def test_a_deep_copy_votes_too(results):
    for saved in results:
        assert all(map(same_bits, saved["copied"]["weights"], saved["majority"]["weights"]))


def test_the_box_keeps_its_guarantee(results):
    for case in ("majority", "coin", "mean"):
        certificate = results[0][case]["certificate"]
        assert certificate.guarantee == "set"
        assert certificate.radius == 1 / 0.3
        assert certificate.distance == 0


@pytest.mark.parametrize(
    ("case", "what"),
    [("other weights", "their weights"), ("other options", "their options"), ("other parameters", "their parameters")],
)
def test_every_process_refuses_what_differs(results, case, what):
    for saved in results:
        assert saved[case].startswith("the processes that vote differ in")
        assert what in saved[case]


def test_a_nan_of_one_process_stops_all_or_none(results):
    for rank, saved in enumerate(results):
        last = rank == len(results) - 1
        assert "1 gradient entries" in saved["nan, raise"]
        assert torch.equal(saved["nan, raise, weights"], torch.ones(3))
        assert saved["nan, skip"] is None
        assert torch.equal(saved["nan, skip, weights"], torch.ones(3))
        # A NaN casts no vote.
        assert torch.equal(saved["nan, count, weights"], torch.full((3,), 0.5))
        assert saved["nan, count, counted"] == last


@pytest.mark.parametrize("options", [{}, {"vote": "mean"}, {"ties": "coin"}, {"cautious": "mask"}], ids=str)
def test_alone_it_is_plain(world, options):
    ours, theirs = parameters(), parameters()
    plain = {key: value for key, value in options.items() if key == "cautious"}
    drive(Lion(ours, **PLAIN, **options, process_group=world), ours, gradient("majority"), 0, range(STEPS))
    drive(Lion(theirs, **PLAIN, **plain), theirs, gradient("majority"), 0, range(STEPS))
    assert all(map(same_bits, ours, theirs))


def test_named_forms_take_the_option(world):
    assert SignSGD(parameters(), 0.1, process_group=world, vote="mean").param_groups[0]["betas"] == (0.0, 0.0)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"kappa": Huber(0.5)}, "only kappa=L1"),
        ({"kappa": 2.0 * L1()}, "only kappa=L1"),
        ({"cautious": "rescale"}, "cautious='mask'"),
        ({"certify": True}, "averages the gradient"),
        ({"capturable": True}, "capturable=True"),
        ({"fused": True}, "fused=True"),
        ({"vote": "median"}, "'majority', 'mean'"),
        ({"ties": "positive"}, "'abstain', 'coin'"),
        ({"vote": "mean", "ties": "coin"}, "ties='abstain'"),
    ],
    ids=str,
)
def test_options_that_do_not_go_together(world, options, what):
    with pytest.raises(ValueError, match=what):
        LionK(parameters(), 0.1, process_group=world, **options)


def test_a_group_added_later_is_checked_too(world):
    optimizer = Lion(parameters(), 0.1, process_group=world)
    with pytest.raises(ValueError, match="only kappa=L1"):
        optimizer.add_param_group({"params": parameters(), "kappa": Huber(0.5)})


def test_a_process_group_is_asked_for():
    with pytest.raises(TypeError, match="init_process_group"):
        Lion(parameters(), 0.1, process_group="gloo")


def test_a_mean_counts_as_many_as_int8_holds(world, monkeypatch):
    monkeypatch.setattr(dist.ProcessGroup, "size", lambda self: 128)
    with pytest.raises(ValueError, match="at most 127 processes, got 128"):
        Lion(parameters(), 0.1, process_group=world, vote="mean")


def test_it_does_not_pickle(world):
    with pytest.raises(TypeError, match="state_dict"):
        pickle.dumps(Lion(parameters(), 0.1, process_group=world))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 127])
def test_a_ballot_is_padded_to_whole_words_of_every_voter(n):
    for count in (0, 1, 63, 64, 65, 64 * n, 64 * n + 1):
        length = padded_length(count, n)
        assert length % (8 * n) == length % (64 * n) == 0
        assert count <= length < count + 64 * n


@pytest.mark.parametrize("piece", [1, 3, 10, 1 << 14])
def test_a_ballot_comes_back_in_two_bits_a_vote(monkeypatch, piece):
    monkeypatch.setattr(_vote, "_PIECE", piece)
    ballot = torch.randint(-1, 2, (640,), dtype=torch.int8)
    planes = encode(ballot)
    assert planes.nbytes * 8 == 2 * ballot.numel()
    assert same_bits(decode(planes), ballot)


@pytest.mark.parametrize("ties", ["abstain", "coin"])
def test_an_even_split(ties):
    length = 64 * 2000
    up = torch.ones(length, dtype=torch.int8)
    planes = torch.stack([encode(up), encode(-up)])
    poll = Poll(group=lambda: None, vote="majority", ties=ties)
    won = [decode(tally(planes, poll, seed=3, step=step, offset=0)) for step in range(2)]
    if ties == "abstain":
        assert not won[0].any()
        return
    for draws in won:
        assert set(draws.tolist()) == {-1, 1}
        # The sum of fair coins: beyond five standard deviations once in two million times.
        assert abs(int(draws.sum(dtype=torch.int64))) < 5 * length**0.5
    # Draws of one step say nothing of the next, nor of their neighbours.
    assert abs(int((won[0] * won[1]).sum(dtype=torch.int64))) < 5 * length**0.5
    assert abs(int((won[0][1:] * won[0][:-1]).sum(dtype=torch.int64))) < 5 * length**0.5
    shifted = decode(tally(planes[..., 10:], poll, seed=3, step=0, offset=640))
    assert torch.equal(shifted, won[0][640:])


def test_a_coin_is_not_thrown_where_nobody_votes():
    poll = Poll(group=lambda: None, vote="majority", ties="coin")
    planes = torch.stack([encode(torch.zeros(128, dtype=torch.int8))] * 2)
    assert not decode(tally(planes, poll, seed=0, step=0, offset=0)).any()


def saved(dtype, gradients, steps=1):
    p = torch.nn.Parameter(torch.zeros(300))
    optimizer = Lion([p], 0.1, momentum_dtype=dtype)
    for _ in range(steps):
        p.grad = gradients.clone()
        optimizer.step()
    return optimizer.state_dict()


@pytest.mark.parametrize("dtype", [None, torch.bfloat16, torch.int8])
def test_the_mean_keeps_its_dtype(dtype):
    g = torch.linspace(-1, 1, 300)
    one, other = saved(dtype, g), saved(dtype, 3 * g)
    entries = mean_momentum([one, other])["state"][0]
    assert entries["exp_avg"].dtype == one["state"][0]["exp_avg"].dtype
    p = torch.nn.Parameter(torch.zeros(300))
    optimizer = Lion([p], 0.1, momentum_dtype=dtype)
    optimizer.load_state_dict(mean_momentum([one, other]))
    assert optimizer.state[p]["step"] == 1
    m = entries["exp_avg"].float()
    if dtype == torch.int8:
        m = m * entries["exp_avg_scale"].repeat_interleave(256)[:300]
    # Three roundings to 1/127 of the largest entry, or to 8 bits.
    torch.testing.assert_close(m, 0.02 * g, rtol=0, atol=0.02 * (1e-6 if dtype is None else 3 / 127))


def test_the_mean_wants_states_of_one_step():
    g = torch.ones(300)
    with pytest.raises(ValueError, match="at least one"):
        mean_momentum([])
    with pytest.raises(ValueError, match="state dict 1"):
        mean_momentum([saved(None, g), saved(None, g, steps=2)])
