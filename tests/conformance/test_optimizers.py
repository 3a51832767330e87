"""The contract of torch.optim, for every form of LionK; a form joins by one row of the table."""

from __future__ import annotations

import copy
import io
import pickle
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR

from signwise.convex import L1, DeadZone, GroupL2, Huber
from signwise.optim import (
    FrankWolfe,
    Lion,
    LionK,
    Muon,
    NormalizedSGD,
    SignSGD,
    Signum,
    SmoothLion,
    Tiger,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Row:
    name: str
    make: Callable[..., LionK]
    settings: dict[str, Any] = field(default_factory=dict)

    def __call__(self, params, **options):
        return self.make(params, **{**self.settings, **options})


ROWS = [
    Row("lion", Lion, {"lr": 1e-2, "weight_decay": 0.1}),
    Row("lion-foreach", Lion, {"lr": 1e-2, "weight_decay": 0.1, "foreach": True}),
    Row("lion-certify", Lion, {"lr": 1e-2, "weight_decay": 0.1, "certify": True}),
    Row("lion-capturable", Lion, {"lr": 1e-2, "weight_decay": 0.1, "capturable": True}),
    Row("lion-bf16-momentum", Lion, {"lr": 1e-2, "weight_decay": 0.1, "momentum_dtype": torch.bfloat16}),
    Row("lion-int8-momentum", Lion, {"lr": 1e-2, "weight_decay": 0.1, "momentum_dtype": torch.int8}),
    Row("lion-masked", Lion, {"lr": 1e-2, "weight_decay": 0.1, "cautious": "mask"}),
    Row("lion-cautious-decay", Lion, {"lr": 1e-2, "weight_decay": 0.1, "decay": "cautious"}),
    Row("signum", Signum, {"lr": 1e-2}),
    Row("sign-sgd", SignSGD, {"lr": 1e-2}),
    Row("tiger", Tiger, {"lr": 1e-2}),
    Row("normalized-sgd", NormalizedSGD, {"lr": 1e-2, "weight_decay": 0.1}),
    Row("smooth-lion", SmoothLion, {"lr": 1e-2, "weight_decay": 0.1}),
    Row("frank-wolfe", FrankWolfe, {"step_size": 1e-2, "radius": 4.0}),
    Row("muon", Muon, {"lr": 1e-2, "weight_decay": 0.1}),
    Row("muon-svd", Muon, {"lr": 1e-2, "weight_decay": 0.1, "method": "svd", "adjust": "original"}),
    Row("dead-zone", partial(LionK, kappa=DeadZone(1e-3)), {"lr": 1e-2, "radius": 10.0}),
    Row("huber", partial(LionK, kappa=Huber(0.1)), {"lr": 1e-2, "radius": 10.0}),
]
every_form = pytest.mark.parametrize("form", ROWS, ids=lambda row: row.name)


def model(dtype=torch.float32, seed=0):
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3)).to(dtype)


def batch(seed=1, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(16, 6, generator=generator).to(dtype), torch.randn(16, 3, generator=generator).to(dtype)


def loss_of(net, data):
    x, y = data
    return (net(x) - y).square().mean()


def train(net, optimizer, steps, start=0):
    for step in range(start, start + steps):
        optimizer.zero_grad()
        loss_of(net, batch(step)).backward()
        optimizer.step()


def values(net):
    return [p.detach().clone() for p in net.parameters()]


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@every_form
def test_the_loss_falls(form):
    net = model()
    optimizer = form(net.parameters())
    before = loss_of(net, batch()).item()
    for _ in range(100):
        optimizer.zero_grad()
        loss_of(net, batch()).backward()
        optimizer.step()
    assert loss_of(net, batch()).item() < 0.9 * before


@every_form
@pytest.mark.parametrize("through_disk", [False, True])
def test_resuming_is_not_interrupting(form, through_disk):
    net, other = model(), model()
    optimizer, resumed = form(net.parameters()), form(other.parameters())
    train(net, optimizer, 5)
    saved = {"net": net.state_dict(), "optimizer": optimizer.state_dict()}
    if through_disk:
        file = io.BytesIO()
        torch.save(saved, file)
        file.seek(0)
        saved = torch.load(file, weights_only=True)
    other.load_state_dict(saved["net"])
    resumed.load_state_dict(saved["optimizer"])
    train(net, optimizer, 5, start=5)
    train(other, resumed, 5, start=5)
    assert same(values(net), values(other))
    assert optimizer.certificate() == resumed.certificate()


@every_form
def test_loading_copies_and_leaves_the_state_dict_alone(form):
    net = model()
    optimizer = form(net.parameters())
    train(net, optimizer, 2)
    saved = optimizer.state_dict()
    before = copy.deepcopy(saved)
    other = model()
    resumed = form(other.parameters())
    resumed.load_state_dict(saved)
    train(other, resumed, 1)
    for key, entries in before["state"].items():
        for name, value in entries.items():
            torch.testing.assert_close(saved["state"][key][name], value, rtol=0, atol=0, equal_nan=True)
    assert saved["param_groups"] == before["param_groups"]


@every_form
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"])
def test_copies_go_on_alike(form, copied):
    net = model()
    optimizer = form(net.parameters())
    train(net, optimizer, 3)
    twin_net, twin = copied((net, optimizer))
    train(net, optimizer, 3, start=3)
    train(twin_net, twin, 3, start=3)
    assert same(values(net), values(twin_net))
    assert repr(twin) == repr(optimizer)
    twin.add_param_group({"params": [torch.nn.Parameter(torch.zeros(2, 2))]})


@every_form
def test_a_step_with_a_closure_is_a_step(form):
    net, other = model(), model()
    plain, closed = form(net.parameters()), form(other.parameters())
    for step in range(3):
        plain.zero_grad()
        loss = loss_of(net, batch(step))
        loss.backward()
        assert plain.step() is None

        def closure(step=step):
            closed.zero_grad()
            assert torch.is_grad_enabled()
            value = loss_of(other, batch(step))
            value.backward()
            return value

        assert torch.equal(closed.step(closure), loss)
    assert same(values(net), values(other))


@every_form
def test_maximize_is_a_step_on_the_negated_loss(form):
    net, other = model(), model()
    up, down = form(net.parameters(), maximize=True), form(other.parameters())
    for step in range(3):
        for optimizer, some, sign in ((up, net, 1), (down, other, -1)):
            optimizer.zero_grad()
            (sign * loss_of(some, batch(step))).backward()
            optimizer.step()
    assert same(values(net), values(other))


@every_form
def test_parameters_without_gradients_stay_as_they_are(form):
    net = model()
    optimizer = form(net.parameters())
    before = values(net)
    optimizer.step()
    assert same(values(net), before)
    net[0].requires_grad_(False)
    train(net, optimizer, 2)
    assert same(values(net[0]), before[:2])
    assert not optimizer.state[net[0].weight]
    assert not same(values(net[2]), before[2:])


@every_form
def test_gradients_are_left_alone(form):
    net = model()
    optimizer = form(net.parameters())
    loss_of(net, batch()).backward()
    before = [p.grad.clone() for p in net.parameters()]
    optimizer.step()
    assert same([p.grad for p in net.parameters()], before)


@every_form
def test_sparse_gradients_are_refused_before_anything_changes(form):
    first, table = torch.nn.Parameter(torch.zeros(4, 2)), torch.nn.Embedding(4, 2, sparse=True)
    optimizer = form([first, table.weight])
    first.grad = torch.ones(4, 2)
    table(torch.tensor([1])).sum().backward()
    with pytest.raises(RuntimeError, match=r"does not support sparse gradients.*use sparse=False"):
        optimizer.step()
    assert not first.any()


@every_form
def test_groups_have_their_own_options(form):
    a, b = torch.nn.Parameter(torch.ones(3, 3)), torch.nn.Parameter(torch.ones(3, 3))
    optimizer = form([{"params": [a], "lr": 0.0}, {"params": [b]}])
    a.grad, b.grad = torch.ones(3, 3), torch.ones(3, 3)
    optimizer.step()
    assert torch.equal(a, torch.ones(3, 3))
    assert (b < 1).any()


@every_form
def test_named_parameters(form):
    net = model()
    optimizer = form(net.named_parameters())
    names = [name for group in optimizer.param_groups for name in group["param_names"]]
    assert sorted(names) == sorted(name for name, _ in net.named_parameters())
    train(net, optimizer, 1)


@every_form
def test_a_group_can_be_added_later(form):
    a, b = torch.nn.Parameter(torch.ones(3, 3)), torch.nn.Parameter(torch.ones(3, 3))
    optimizer = form([a])
    given = {"params": b}
    optimizer.add_param_group(given)
    assert given == {"params": b}
    a.grad, b.grad = torch.ones(3, 3), torch.ones(3, 3)
    optimizer.step()
    assert torch.equal(a, b)
    with pytest.raises(ValueError, match="more than one parameter group"):
        optimizer.add_param_group({"params": [b]})


@every_form
def test_a_tensor_lr_is_read_each_step(form):
    if "lr" not in form.settings:
        pytest.skip("its lr follows from step_size and radius")
    net, other = model(), model()
    rate = torch.tensor(1e-2, dtype=torch.float64)
    plain, tensor = form(net.parameters()), form(other.parameters(), lr=rate)
    train(net, plain, 2)
    train(other, tensor, 2)
    torch.testing.assert_close(values(net), values(other), rtol=2e-6, atol=1e-7)
    rate.fill_(0.0)
    before = values(other)
    train(other, tensor, 1)
    assert same(values(other), before)


@every_form
def test_schedulers_drive_the_lr(form):
    net = model()
    optimizer = form(net.parameters())
    start = optimizer.param_groups[0]["lr"]
    scheduler = CosineAnnealingLR(optimizer, 4)
    for _ in range(4):
        train(net, optimizer, 1)
        scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.0, abs=1e-12)
    LambdaLR(optimizer, lambda step: 1.0)
    assert optimizer.param_groups[0]["lr"] == start


@every_form
def test_grad_scaler(form):
    net, other = model(), model()
    optimizer, plain = form(net.parameters()), form(other.parameters())
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    for step in range(3):
        optimizer.zero_grad()
        scaler.scale(loss_of(net, batch(step))).backward()
        scaler.step(optimizer)
        scaler.update()
    train(other, plain, 3)
    assert same(values(net), values(other))
    before = values(net)
    optimizer.zero_grad()
    scaler.scale(loss_of(net, batch(0)) * float("inf")).backward()
    scaler.step(optimizer)
    scaler.update()
    assert same(values(net), before)
    assert scaler.get_scale() == 2.0**9


@every_form
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0), (2, 3, 4, 5)])
def test_any_shape(form, shape):
    p = torch.nn.Parameter(torch.full(shape, 0.5))
    optimizer = form([p])
    for _ in range(2):
        p.grad = torch.ones(shape)
        optimizer.step()
    assert p.shape == shape
    assert not p.numel() or (p < 0.5).any()


@every_form
def test_strided_parameters_step_like_contiguous_ones(form):
    start = torch.randn(6, 4)
    strided, plain = torch.nn.Parameter(start.t().contiguous().t()), torch.nn.Parameter(start.clone())
    a, b = form([strided]), form([plain])
    for seed in range(3):
        g = torch.randn(6, 4, generator=torch.Generator().manual_seed(seed))
        strided.grad, plain.grad = g.t().contiguous().t(), g
        a.step()
        b.step()
    torch.testing.assert_close(strided, plain, rtol=1e-6, atol=1e-7)
    assert strided.stride() == (1, 6)


@every_form
def test_tied_weights_step_once(form):
    net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 4))
    net[1].weight = net[0].weight
    optimizer = form(net.parameters())
    net(torch.ones(2, 4)).sum().backward()
    optimizer.step()
    assert optimizer.state[net[0].weight]["step"] == 1


@every_form
def test_complex_parameters_are_pairs_of_real_ones(form):
    if form.make is Muon:
        pytest.skip("a complex matrix as pairs is not the matrix whose singular values are meant")
    z = torch.nn.Parameter(torch.randn(3, 2, dtype=torch.complex64))
    pairs = torch.nn.Parameter(torch.view_as_real(z.detach()).clone())
    a, b = form([z]), form([pairs])
    for seed in range(3):
        g = torch.randn(3, 2, 2, generator=torch.Generator().manual_seed(seed))
        z.grad, pairs.grad = torch.view_as_complex(g), g
        a.step()
        b.step()
    assert torch.equal(torch.view_as_real(z.detach()), pairs)


@every_form
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_dtypes(form, dtype):
    net = model(dtype)
    optimizer = form(net.parameters())
    for step in range(3):
        optimizer.zero_grad()
        loss_of(net, batch(step, dtype)).backward()
        optimizer.step()
    assert all(p.dtype == dtype for p in net.parameters())
    kept = form.settings.get("momentum_dtype") or (torch.float64 if dtype == torch.float64 else torch.float32)
    assert {state["exp_avg"].dtype for state in optimizer.state.values()} == {kept}


@every_form
def test_hooks_run(form):
    net = model()
    optimizer = form(net.parameters())
    calls = []
    optimizer.register_step_pre_hook(lambda *_: calls.append("before"))
    optimizer.register_step_post_hook(lambda *_: calls.append("after"))
    train(net, optimizer, 1)
    assert calls == ["before", "after"]


@every_form
def test_old_state_gets_the_options_that_came_later(form):
    net = model()
    optimizer = form(net.parameters())
    train(net, optimizer, 1)
    state = optimizer.__getstate__()
    for group in state["param_groups"]:
        for name in ("kappa", "certify", "seed", "nan_policy", "rounding", "cautious"):
            del group[name]
    optimizer.__setstate__(state)
    assert all(group["kappa"] == L1() and group["nan_policy"] == "count" for group in optimizer.param_groups)
    train(net, optimizer, 1)


def test_group_l2_over_pairs_is_the_complex_sign():
    z = torch.randn(5, dtype=torch.complex64)
    p = torch.nn.Parameter(torch.zeros(5, dtype=torch.complex64))
    p.grad = z
    LionK([p], lr=1.0, kappa=GroupL2(dims=-1)).step()
    torch.testing.assert_close(p.detach(), -torch.sgn(z))


@pytest.mark.parametrize("lr", [1e-2, torch.tensor(1e-2, dtype=torch.float64)], ids=["float", "tensor"])
def test_a_capturable_step_compiles(lr):
    net, other = model(), model()
    optimizer = Lion(net.parameters(), lr, weight_decay=0.1, capturable=True)
    plain = Lion(other.parameters(), 1e-2, weight_decay=0.1)
    compiled = torch.compile(optimizer.step, backend="aot_eager")
    for step in range(4):
        optimizer.zero_grad()
        loss_of(net, batch(step)).backward()
        compiled()
    train(other, plain, 4)
    torch.testing.assert_close(values(net), values(other), rtol=1e-6, atol=1e-7)


@pytest.mark.cuda
def test_a_step_in_a_cuda_graph():
    p = torch.nn.Parameter(torch.ones(1000, device="cuda"))
    twin = torch.nn.Parameter(torch.ones(1000, device="cuda"))
    optimizer, plain = Lion([p], 1e-2, weight_decay=0.1, capturable=True), Lion([twin], 1e-2, weight_decay=0.1)
    p.grad, twin.grad = torch.randn(1000, device="cuda"), torch.empty(1000, device="cuda")
    twin.grad.copy_(p.grad)
    optimizer.step()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        optimizer.step()
    for _ in range(5):
        graph.replay()
    for _ in range(6):
        plain.step()
    torch.testing.assert_close(p, twin, rtol=1e-6, atol=1e-7)
    assert optimizer.certificate().feasibility_bound == pytest.approx(plain.certificate().feasibility_bound)
