"""Steps as graphs of torch.compile, on the CPU by an internal switch, and on CUDA where there is one."""

import copy

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

from signwise.convex import DeadZone, GroupL2, Huber, LogCosh
from signwise.optim import LionK, Muon, _compiled

SHAPES = [(), (7,), (33, 5), (0,), (300,)]
OPTIONS = [
    {},
    {"maximize": True},
    {"cautious": "mask"},
    {"decay": "cautious"},
    {"weight_decay": 0.0},
    {"kappa": Huber(0.3)},
    {"kappa": DeadZone(0.5), "cautious": "rescale"},
    {"kappa": LogCosh()},
]
pytestmark = pytest.mark.filterwarnings("ignore:.*start outside the radius")


@pytest.fixture
def counter(monkeypatch):
    """The CPU as a device of graphs, which are counted and run as they were traced."""
    counter = CompileCounterWithBackend("aot_eager")
    monkeypatch.setattr(_compiled, "DEVICES", {"cpu"})
    monkeypatch.setattr(_compiled, "BACKEND", counter)
    torch._dynamo.reset()
    yield counter
    torch._dynamo.reset()


def graphs(counter):
    """How many graphs with operations were compiled."""
    return sum(any(node.op == "call_function" for node in module.graph.nodes) for module in counter.graphs)


def pair(device="cpu", dtype=torch.float32, fused=True, **options):
    """Parameters and optimizers: one that compiles, one eager."""
    generator = torch.Generator().manual_seed(0)
    values = [torch.randn(shape, generator=generator).to(device, dtype) for shape in SHAPES]
    result = []
    for how in ({"fused": fused}, {"fused": False, "foreach": True}):
        params = [torch.nn.Parameter(x.clone()) for x in values]
        result.append((params, LionK(params, **{"lr": 0.01, "weight_decay": 0.3, **options, **how})))
    return result


def drive(pairs, steps, change=lambda step, optimizer: None):
    for step in range(steps):
        generator = torch.Generator().manual_seed(step)
        grads = [torch.randn(shape, generator=generator) for shape in SHAPES]
        for params, optimizer in pairs:
            for p, g in zip(params, grads, strict=True):
                p.grad = g.to(p)
            change(step, optimizer)
            optimizer.step()


def close(pairs, rtol=3e-6):
    (ours, a), (theirs, b) = pairs
    for p, q in zip(ours, theirs, strict=True):
        torch.testing.assert_close(p.detach(), q.detach(), rtol=rtol, atol=1e-7)
        torch.testing.assert_close(a.state[p]["exp_avg"], b.state[q]["exp_avg"], rtol=rtol, atol=1e-7)
        assert a.state[p]["step"] == b.state[q]["step"]


@pytest.mark.parametrize(
    ("options", "dtype"), [*((options, torch.float32) for options in OPTIONS), ({}, torch.float64)], ids=repr
)
def test_a_graph_is_the_foreach_step(counter, options, dtype):
    pairs = pair(dtype=dtype, **options)
    drive(pairs, 3)
    close(pairs)
    assert graphs(counter) == 1


def test_schedules_compile_nothing_anew(counter):
    def change(step, optimizer):
        optimizer.param_groups[0]["lr"] = 0.01 / (step + 1)
        optimizer.param_groups[0]["weight_decay"] = 0.3 + 0.1 * step

    pairs = pair(fused=None)
    drive(pairs, 6, change)
    close(pairs)
    assert graphs(counter) == 1


def test_many_groups_have_a_graph_each(counter):
    # More than torch compiles for one function.
    params = [torch.nn.Parameter(torch.ones(k + 1)) for k in range(12)]
    optimizer = LionK([{"params": [p]} for p in params], 0.1, fused=True)
    for p in params:
        p.grad = torch.ones_like(p)
    optimizer.step()
    assert graphs(counter) == 12
    assert all(torch.equal(p, torch.full_like(p, 0.9)) for p in params)


def test_what_is_not_compiled_takes_the_other_path(counter):
    for options in ({"kappa": GroupL2()}, {"certify": True}, {"capturable": True}, {"momentum_dtype": torch.bfloat16}):
        pairs = pair(fused=None, **options)
        drive(pairs, 2)
        close(pairs, rtol=1e-5)
    assert graphs(counter) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [({"kappa": GroupL2()}, "sum over coordinates"), ({"certify": True}, "no certificate sums")],
)
def test_fused_says_why_there_is_no_graph(counter, options, words):
    with pytest.raises(RuntimeError, match=words):
        LionK([torch.nn.Parameter(torch.ones(2))], 0.1, fused=True, **options)


def test_a_compiler_that_fails_leaves_the_step_to_foreach(counter, monkeypatch):
    def broken(graph, inputs):
        raise NotImplementedError("no compiler")

    monkeypatch.setattr(_compiled, "BACKEND", broken)
    pairs = pair(fused=None)
    with pytest.warns(RuntimeWarning, match="does not compile"):
        drive(pairs, 1)
    drive(pairs, 2)
    close(pairs, rtol=0)
    params, optimizer = pair(fused=True)[0]
    params[1].grad = torch.ones(7)
    with pytest.raises(RuntimeError, match="does not compile; use fused=None"):
        optimizer.step()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_graph_compiles_to_code(monkeypatch):
    monkeypatch.setattr(_compiled, "DEVICES", {"cpu"})
    torch._dynamo.reset()
    pairs = pair()
    drive(pairs, 3)
    close(pairs)
    torch._dynamo.reset()


@pytest.mark.cuda
@pytest.mark.parametrize("fused", [None, True])
@pytest.mark.parametrize("options", [{}, {"cautious": "mask"}, {"decay": "cautious"}, {"kappa": Huber(0.3)}], ids=repr)
def test_cuda_agrees_with_eager(fused, options):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(300_000, generator=generator)
    results = []
    for device, how in (("cuda", fused), ("cpu", False)):
        p = torch.nn.Parameter(x.to(device))
        optimizer = LionK([p], 1e-3, weight_decay=0.1, fused=how, **options)
        for step in range(5):
            p.grad = torch.randn(300_000, generator=torch.Generator().manual_seed(step)).to(device)
            optimizer.step()
        results.append(p.detach().cpu())
    apart = (results[0] - results[1]).abs()
    assert (apart > 1e-6).sum() <= 1e-5 * apart.numel() * 5
    assert apart.max() <= 2 * 1e-3 * 5


@pytest.mark.cuda
def test_muon_on_cuda_takes_the_foreach_path():
    p = torch.nn.Parameter(torch.randn(8, 4, device="cuda"))
    q = torch.nn.Parameter(copy.deepcopy(p.detach()).cpu())
    for some in (p, q):
        some.grad = torch.ones_like(some)
        Muon([some], 0.1).step()
    torch.testing.assert_close(p.detach().cpu(), q.detach(), rtol=1e-4, atol=1e-5)


def test_the_switch_is_for_cuda():
    assert not _compiled.compiled_device(torch.ones(1))
    assert "cuda" in _compiled.DEVICES
