"""The contract: attributes, operators, errors, tolerances."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
import torch

import signwise.convex
from signwise import SignwiseError
from signwise.convex import (
    L1,
    AsymmetricBox,
    Convex,
    DeadZone,
    GroupL2,
    HalfSquare,
    Huber,
    KyFan,
    LInf,
    LogCosh,
    LogSumExp,
    Lp,
    Max,
    NotAvailableError,
    Nuclear,
    Product,
    PseudoHuber,
    Quadratic,
    Scaled,
    Schatten,
    Shifted,
    SmoothedL1,
    Sum,
    TopK,
)

FLAGS = ("even", "elementwise", "homogeneous", "solid", "bounded")
ELEMENTWISE = {"even", "elementwise", "solid", "bounded"}
NORM = {"even", "homogeneous", "solid", "bounded"}


@pytest.mark.parametrize(
    ("K", "lipschitz", "flags"),
    [
        (L1(), math.inf, ELEMENTWISE | {"homogeneous"}),
        (Lp(1.5), math.inf, NORM),
        (GroupL2(), math.inf, NORM),
        (DeadZone(0.1), math.inf, ELEMENTWISE),
        (Huber(0.25), 4.0, ELEMENTWISE),
        (LogCosh(), 1.0, ELEMENTWISE),
        (PseudoHuber(), 1.0, ELEMENTWISE),
        (SmoothedL1(0.5), 2 * math.sqrt(2 / math.pi), ELEMENTWISE),
        (TopK(2), math.inf, NORM),
        (LInf(), math.inf, NORM),
        (Nuclear(), math.inf, NORM - {"solid"}),
        (Schatten(1.5), math.inf, NORM - {"solid"}),
        (KyFan(2), math.inf, NORM - {"solid"}),
        (Max(), math.inf, {"homogeneous", "bounded"}),
        (LogSumExp(), 0.5, {"bounded"}),
        (HalfSquare(), 1.0, {"even", "elementwise", "solid"}),
        (Quadratic([[4.0, 0.0], [0.0, 0.5]]), 2.0, {"even", "solid"}),
        (AsymmetricBox(-1.0, 2.0), math.inf, {"elementwise", "homogeneous", "solid", "bounded"}),
        (AsymmetricBox(-2.0, 2.0), math.inf, ELEMENTWISE | {"homogeneous"}),
        (AsymmetricBox(1.0, 2.0), math.inf, {"elementwise", "homogeneous", "bounded"}),
        (Scaled(Huber(0.5), 3.0), 6.0, ELEMENTWISE),
        (Shifted(L1(), 0.5), math.inf, {"elementwise", "homogeneous", "bounded"}),
        (Shifted(L1(), 0.0), math.inf, ELEMENTWISE | {"homogeneous"}),
        (Shifted(Huber(0.5), [1.0]), 2.0, {"bounded"}),
        (Product([L1(), Huber(0.5)]), math.inf, {"even", "solid", "bounded"}),
        (Product([LogCosh(), Huber(0.5)]), 2.0, {"even", "solid", "bounded"}),
        (Sum(LogCosh(), HalfSquare()), 2.0, {"even", "elementwise", "solid"}),
        (Sum(L1(), Max()), math.inf, {"homogeneous", "bounded"}),
    ],
    ids=repr,
)
def test_attributes(K, lipschitz, flags):
    assert K.lipschitz == pytest.approx(lipschitz, rel=1e-12)
    assert {name for name in FLAGS if getattr(K, name)} == flags
    assert K.exact


def test_newton_schulz_is_not_exact_and_says_so_through_combinators():
    K = Nuclear(method="newton-schulz")
    for made in (K, 2 * K, K.shifted(1.0), Product([L1(), K]), K + L1()):
        assert not made.exact


def test_base_class_claims_nothing_and_raises_what_users_can_catch():
    K, z = Convex(), torch.ones(2)
    assert not any(getattr(K, name) for name in FLAGS)
    assert K.lipschitz == math.inf
    for name in (
        "value",
        "subgradient",
        "conjugate",
        "conjugate_subgradient",
        "project",
        "distance",
        "gauge",
    ):
        with pytest.raises(NotAvailableError, match=f"has no {name}; define it in the subclass") as caught:
            getattr(K, name)(z)
        assert isinstance(caught.value, SignwiseError)
        assert isinstance(caught.value, NotImplementedError)


def test_user_class_needs_two_methods_and_gets_the_algebra():
    @dataclass(frozen=True)
    class Hinge(Convex):
        elementwise = homogeneous = True

        def value(self, z):
            return z.double().clamp(min=0).sum()

        def subgradient(self, z):
            return (z > 0).to(z.dtype)

        def project(self, y):
            return y.clamp(0, 1)

    z = torch.tensor([2.0, -1.0])
    assert Hinge().distance(z).item() == pytest.approx(math.sqrt(2))
    assert (3 * Hinge()).subgradient(z).tolist() == [3.0, 0.0]
    assert (3 * Hinge()).distance(z).item() == 1.0
    assert (Hinge() + L1()).value(z).item() == 5.0
    assert Hinge().shifted(1.0).project(z).tolist() == [2.0, 1.0]
    assert Product([Hinge(), L1()]).subgradient(z).tolist() == [1.0, -1.0]
    with pytest.raises(NotAvailableError, match="has no conjugate"):
        (3 * Hinge()).conjugate(z)


def test_operators():
    assert 2 * L1() == L1() * 2 == Scaled(L1(), 2)
    assert L1() + LInf() == Sum(L1(), LInf())
    assert L1().shifted(0.5) == Shifted(L1(), 0.5)
    with pytest.raises(TypeError, match="unsupported operand"):
        L1() * None
    with pytest.raises(TypeError, match="unsupported operand"):
        L1() + 1


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (np.ones(2), "must be a torch.Tensor, got ndarray; convert an array with torch.from_numpy"),
        (torch.ones(2, dtype=torch.int64), r"floating dtype, got torch.int64; convert it with \w.float\(\)"),
        (torch.ones(2, dtype=torch.complex64), r"must be real, got torch.complex64; pass torch.view_as_real"),
        (torch.ones(2, dtype=torch.bool), "floating dtype, got torch.bool"),
    ],
)
@pytest.mark.parametrize(
    "K",
    [
        L1(),
        Huber(1.0),
        LInf(),
        TopK(1),
        GroupL2(),
        Lp(1.5),
        Max(),
        LogSumExp(),
        HalfSquare(),
        AsymmetricBox(-1, 1),
        2 * L1(),
        L1().shifted(1.0),
        Product([L1()]),
        Quadratic([[1.0, 0], [0, 1.0]]),
    ],
    ids=repr,
)
def test_arguments_that_are_no_real_floating_tensor(K, argument, message):
    for name in ("value", "subgradient", "conjugate", "project", "distance", "gauge"):
        if (name, type(K)) in {("project", Lp), ("distance", Lp)} | {
            ("gauge", kind) for kind in (Max, LogSumExp, Shifted)
        }:
            continue
        with pytest.raises(TypeError, match=message):
            getattr(K, name)(argument)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("K", [L1(), LogCosh(), 2 * Huber(1.0), LInf(), GroupL2(), TopK(3)], ids=repr)
def test_conjugate_forgives_four_units_in_the_last_place(K, dtype):
    eps = torch.finfo(dtype).eps
    y = torch.zeros(3, dtype=torch.float64)
    y[1] = 1 / K.gauge(torch.tensor([0.0, 1.0, 0.0])).item()
    inside, outside = (y * (1 + 2 * eps)).to(dtype), (y * (1 + 8 * eps)).to(dtype)
    assert K.conjugate(y.to(dtype)) < math.inf
    assert K.conjugate(inside) < math.inf
    assert K.conjugate(outside) == math.inf
    assert K.conjugate(outside, tolerance=16 * eps) < math.inf
    assert K.conjugate(inside, tolerance=0.0) == math.inf
    assert K.conjugate(inside.double(), tolerance=K.tolerance(inside)) < math.inf


@pytest.mark.parametrize(
    "K",
    [L1(), LogCosh(), Huber(1.0), PseudoHuber(), GroupL2(), Lp(1.5), Max(), LogSumExp(), TopK(2)],
    ids=repr,
)
def test_nan_is_not_lost(K):
    y = torch.tensor([0.5, math.nan])
    assert math.isnan(K.value(y))
    assert math.isnan(K.conjugate(y))


def test_nan_coordinates_of_subgradients():
    z = torch.tensor([2.0, math.nan])
    for K in (L1(), DeadZone(0.5), AsymmetricBox(-1.0, 1.0)):
        assert K.subgradient(z).tolist() == [1.0, 0.0]
    for K in (LogCosh(), Huber(1.0), PseudoHuber(), SmoothedL1(1.0)):
        assert torch.isnan(K.subgradient(z)).tolist() == [False, True]


def test_values_are_differentiable():
    z = torch.tensor([0.3, -2.0], dtype=torch.float64, requires_grad=True)
    for K in (LogCosh(), Huber(0.5), PseudoHuber(), SmoothedL1(1.0), GroupL2(), LogSumExp(), Lp(3.0)):
        (gradient,) = torch.autograd.grad(K.value(z), z)
        torch.testing.assert_close(gradient, K.subgradient(z.detach()))


def test_import_is_lazy_at_the_root():
    code = "import sys, signwise; assert 'torch' not in sys.modules; signwise.convex; sys.modules['torch']"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


def test_public_list_is_sorted_and_documented():
    names = signwise.convex.__all__
    assert names == sorted(names, key=lambda name: (not name.isupper() and name != "L1", name))
    for name in names:
        assert (getattr(signwise.convex, name).__doc__ or "").strip()
