"""State dicts: dtypes as they were saved, and the exchange with lion_pytorch in both directions."""

import copy
import io

import pytest
import torch

from signwise.convex import L1, Convex, Huber, Quadratic
from signwise.optim import Lion, LionK


def step(optimizer, p, seed):
    p.grad = torch.randn(p.shape, generator=torch.Generator().manual_seed(seed)).to(p.dtype)
    optimizer.step()


@pytest.mark.parametrize("momentum", [None, torch.bfloat16, torch.int8, torch.float64])
@pytest.mark.parametrize("weights", [torch.float32, torch.bfloat16, torch.float16])
def test_state_keeps_its_dtypes(momentum, weights):
    p, q = (torch.nn.Parameter(torch.ones(300, dtype=weights)) for _ in range(2))
    first, second = (Lion([x], 1e-3, momentum_dtype=momentum) for x in (p, q))
    step(first, p, 0)
    second.load_state_dict(first.state_dict())
    kept, loaded = first.state[p], second.state[q]
    assert loaded.keys() == kept.keys()
    for name, value in kept.items():
        if isinstance(value, torch.Tensor):
            assert loaded[name].dtype == value.dtype
            assert torch.equal(loaded[name], value)
            assert loaded[name].data_ptr() != value.data_ptr()
        else:
            assert loaded[name] == value


def test_state_of_other_dtypes_goes_on_in_them():
    p, q = (torch.nn.Parameter(torch.ones(300)) for _ in range(2))
    narrow, wide = Lion([p], 1e-3, momentum_dtype=torch.bfloat16), Lion([q], 1e-3)
    step(narrow, p, 0)
    wide.load_state_dict(narrow.state_dict())
    with torch.no_grad():
        q.copy_(p)
    step(narrow, p, 1)
    step(wide, q, 1)
    assert wide.state[q]["exp_avg"].dtype == torch.bfloat16
    assert torch.equal(p, q)


def test_the_users_hooks_see_tensors_and_come_first():
    p = torch.nn.Parameter(torch.ones(3))
    optimizer = Lion([p], 1e-3)
    step(optimizer, p, 0)
    seen = []

    def double(_, state_dict):
        seen.append(type(state_dict["state"][0]["exp_avg"]))
        return {**state_dict, "state": {0: {"exp_avg": 2 * state_dict["state"][0]["exp_avg"]}}}

    optimizer.register_load_state_dict_pre_hook(double)
    before = optimizer.state[p]["exp_avg"].clone()
    for _ in range(2):
        optimizer.load_state_dict(optimizer.state_dict())
    assert seen == [torch.Tensor] * 2
    assert torch.equal(optimizer.state[p]["exp_avg"], 4 * before)


def test_the_saved_function_wins_and_a_missing_one_stays():
    p = torch.nn.Parameter(torch.ones(3))
    saved = LionK([p], 1e-3, kappa=Huber(0.5)).state_dict()
    optimizer = LionK([p], 1e-3, kappa=Huber(0.25))
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0]["kappa"] == Huber(0.5)
    del saved["param_groups"][0]["kappa"]
    optimizer = LionK([p], 1e-3, kappa=Huber(0.25))
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0]["kappa"] == Huber(0.25)


@pytest.mark.parametrize(
    "kappa", [L1(), 2.0 * L1(), L1().shifted(torch.ones(2)), Quadratic([[2.0, 0.0], [0.0, 1.0]])], ids=repr
)
def test_checkpoints_are_read_as_weights_only(kappa):
    p = torch.nn.Parameter(torch.ones(2))
    file = io.BytesIO()
    torch.save(LionK([p], 1e-3, kappa=kappa).state_dict(), file)
    file.seek(0)
    loaded = torch.load(file, weights_only=True)
    read = loaded["param_groups"][0]["kappa"]
    assert read == kappa
    assert torch.equal(read.subgradient(torch.ones(2)), kappa.subgradient(torch.ones(2)))


def test_functions_of_users_have_to_be_allowed_by_them():
    class Mine(Convex):
        pass

    p = torch.nn.Parameter(torch.ones(2))
    state = LionK([p], 1e-3, kappa=Mine()).state_dict()
    assert isinstance(state["param_groups"][0]["kappa"], Mine)


def test_state_goes_to_lion_pytorch_and_back():
    lion_pytorch = pytest.importorskip("lion_pytorch")
    p, q = (torch.nn.Parameter(torch.ones(1000)) for _ in range(2))
    ours, theirs = Lion([p], 1e-3, weight_decay=0.1), lion_pytorch.Lion([q], 1e-2, weight_decay=0.2)

    def equal_steps(seeds):
        for seed in seeds:
            step(ours, p, seed)
            step(theirs, q, seed)
        return torch.equal(p, q)

    for seed in range(3):
        step(ours, p, seed)
    with torch.no_grad():
        q.copy_(p)
    # torch's load_state_dict shares tensors with what it is given.
    theirs.load_state_dict(copy.deepcopy(ours.state_dict()))
    assert theirs.param_groups[0]["lr"] == 1e-3
    assert equal_steps(range(3, 6))
    ours.load_state_dict(theirs.state_dict())
    assert equal_steps(range(6, 9))
    fresh = Lion([p], 5e-3)
    fresh.load_state_dict({**theirs.state_dict(), "state": {0: {"exp_avg": theirs.state[q]["exp_avg"]}}})
    ours = fresh
    assert equal_steps(range(9, 12))
    assert ours.certificate().guarantee == "set"


def test_the_cautious_options_of_lion_pytorch_are_understood():
    cautious = pytest.importorskip("lion_pytorch.cautious_lion")
    p, q = (torch.nn.Parameter(torch.ones(1000)) for _ in range(2))
    theirs = cautious.Lion([q], 1e-3, weight_decay=0.1, cautious_wd=True)
    step(theirs, q, 0)
    ours = Lion([p], 1e-2)
    saved = theirs.state_dict()
    saved["param_groups"][0]["cautious_factor"] = 0.5
    with pytest.raises(ValueError, match=r"cautious_factor=0.5, a blend"):
        Lion([p], 1e-2).load_state_dict(saved)
    ours.load_state_dict(theirs.state_dict())
    group = ours.param_groups[0]
    assert (group["cautious"], group["decay"], group["lr"]) == ("rescale", "cautious", 1e-3)
    assert "cautious_factor" not in group
