"""Nuclear, Schatten and KyFan against scipy and at rank deficiency; the Newton-Schulz polar factor."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
import torch

from signwise.convex import GroupL2, KyFan, NotAvailableError, Nuclear, Schatten
from signwise.convex._spectral import newton_schulz


def normal(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def test_nuclear_is_the_polar_factor():
    z = normal(5, 5)
    polar, _ = scipy.linalg.polar(z.numpy())
    np.testing.assert_allclose(Nuclear().subgradient(z), polar, atol=1e-12)
    assert Nuclear().value(z).item() == pytest.approx(np.linalg.norm(z.numpy(), "nuc"), rel=1e-13)
    assert Nuclear().gauge(z).item() == pytest.approx(np.linalg.norm(z.numpy(), 2), rel=1e-13)


def test_nuclear_ignores_singular_values_that_are_rounding_noise():
    u, v = normal(6, 2, seed=1), normal(4, 2, seed=2)
    for dtype in (torch.float64, torch.float32):
        step = Nuclear().subgradient((u @ v.T).to(dtype)).double()
        s = torch.linalg.svdvals(step)
        torch.testing.assert_close(s[:2], torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-6)
        assert s[2] < 1e-6


def test_rtol_is_a_choice():
    z = torch.diag(torch.tensor([1.0, 0.05], dtype=torch.float64))
    assert Nuclear(rtol=0.1).subgradient(z).tolist() == [[1, 0], [0, 0]]
    assert Nuclear(rtol=0.0).subgradient(z).tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("K", [Nuclear(), Nuclear("newton-schulz"), Schatten(1.5), KyFan(2)], ids=repr)
def test_zero_and_empty_matrices(K):
    assert not K.subgradient(torch.zeros(3, 2)).any()
    for shape in ((0, 3), (3, 0)):
        empty = torch.zeros(shape)
        assert K.value(empty) == 0
        assert K.gauge(empty) == 0
        assert K.conjugate(empty) == 0
        assert K.subgradient(empty).shape == shape


@pytest.mark.parametrize("K", [Nuclear(), Nuclear("newton-schulz"), Schatten(3.0), KyFan(1)], ids=repr)
def test_kernels_of_convolutions_are_seen_as_rows_times_rest(K):
    z = normal(4, 3, 2, 2)
    flat = z.reshape(4, 12)
    torch.testing.assert_close(K.subgradient(z), K.subgradient(flat).view_as(z), rtol=0, atol=1e-14)
    assert K.value(z) == K.value(flat)
    tall = normal(12, 2, 2)
    torch.testing.assert_close(
        K.subgradient(tall), K.subgradient(tall.reshape(12, 4)).view_as(tall), rtol=0, atol=1e-14
    )


@pytest.mark.parametrize("shape", [(), (3,)])
def test_vectors_are_an_error(shape):
    for name in ("value", "subgradient", "gauge", "conjugate", "project", "distance"):
        with pytest.raises(ValueError, match=r"at least 2 dimensions .* use L1 or GroupL2 for vectors"):
            getattr(Nuclear(), name)(torch.zeros(shape))


def test_schatten_two_is_the_frobenius_norm():
    z = normal(4, 3)
    torch.testing.assert_close(Schatten(2.0).subgradient(z), GroupL2().subgradient(z), rtol=1e-12, atol=1e-13)
    assert Schatten(2.0).value(z).item() == pytest.approx(GroupL2().value(z).item(), rel=1e-13)


def test_schatten_names_what_to_use_instead_of_its_projection():
    for name in ("project", "distance"):
        with pytest.raises(NotAvailableError, match=rf"has no {name}; use gauge"):
            getattr(Schatten(1.5), name)(torch.eye(2))


def test_ky_fan_between_the_spectral_and_the_nuclear_norm():
    z = normal(5, 3)
    s = torch.linalg.svdvals(z)
    for k in (1, 2, 3, 7):
        assert KyFan(k).value(z).item() == pytest.approx(s[:k].sum().item(), rel=1e-13)
        assert torch.linalg.matrix_rank(KyFan(k).subgradient(z)) == min(k, 3)
    torch.testing.assert_close(KyFan(3).subgradient(z), Nuclear().subgradient(z), rtol=0, atol=1e-13)
    assert KyFan(2).gauge(z).item() == pytest.approx(max(s[0], s.sum() / 2).item(), rel=1e-13)


def test_projections_act_on_singular_values():
    u = torch.linalg.qr(normal(3, 3, seed=3)).Q
    v = torch.linalg.qr(normal(3, 3, seed=4)).Q
    z = u @ torch.diag(torch.tensor([3.0, 1.0, 0.5], dtype=torch.float64)) @ v.T
    for K, expected in ((Nuclear(), [1, 1, 0.5]), (KyFan(2), [1, 0.75, 0.25]), (KyFan(1), [1, 0, 0])):
        nearest = u @ torch.diag(torch.tensor(expected, dtype=torch.float64)) @ v.T
        torch.testing.assert_close(K.project(z), nearest, rtol=0, atol=1e-12)


def test_nan_is_an_error_of_the_decomposition_and_passes_through_newton_schulz():
    z = torch.full((3, 2), math.nan)
    with pytest.raises(torch.linalg.LinAlgError):
        Nuclear().subgradient(z)
    assert torch.isnan(Nuclear("newton-schulz").subgradient(z)).all()


# Newton-Schulz


def test_newton_schulz_stays_below_its_bound():
    """The quintic maps [0, 1.20237] into itself, so five steps from [0, 1] end below 1.20237."""
    s = torch.linspace(0, 1, 2_000_001, dtype=torch.float64)
    for _ in range(5):
        s = 3.4445 * s - 4.775 * s**3 + 2.0315 * s**5
        assert s.min() >= 0
        assert s.max() <= 1.20238


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("shape", [(8, 8), (64, 16), (16, 64), (3, 200)])
def test_newton_schulz_lies_in_the_set_and_near_the_polar_factor(shape, dtype):
    K = Nuclear(method="newton-schulz")
    for seed, spread in ((0, 1.0), (1, 1e-3)):
        z = normal(*shape, seed=seed)
        z[:, 0] *= spread
        z = z.to(dtype)
        u = K.subgradient(z)
        assert K.gauge(u) <= 1
        assert K.conjugate(u) == 0
        if spread == 1.0:
            s = torch.linalg.svdvals(1.21 * u.double())
            assert s.min() > 0.3
            assert (1.21 * u.double() * Nuclear().subgradient(z.double())).sum() > 0.7 * min(shape)


def test_newton_schulz_acts_on_singular_values_alone():
    z = normal(6, 4)
    u, s, vh = torch.linalg.svd(z, full_matrices=False)
    s = s / s.norm()
    for _ in range(5):
        s = 3.4445 * s - 4.775 * s**3 + 2.0315 * s**5
    torch.testing.assert_close(newton_schulz(z), (u * s) @ vh, rtol=0, atol=1e-12)
    torch.testing.assert_close(newton_schulz(z.T), newton_schulz(z).T, rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [2.0**-130, 2.0**-140, 2.0**120])
@pytest.mark.parametrize("method", ["svd", "newton-schulz"])
def test_extreme_scales(method, scale):
    z = normal(6, 4).mul(64).round().div(64).float()
    scaled = z * scale
    torch.testing.assert_close(Nuclear(method).subgradient(scaled), Nuclear(method).subgradient(z), rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Nuclear("qr"), ValueError, "method must be one of svd, newton-schulz; got 'qr'"),
        (lambda: Nuclear(rtol=-1.0), ValueError, r"rtol must be a finite number in \(0, 1\), got -1.0"),
        (lambda: Schatten(1.0), ValueError, "must be a finite number above 1"),
        (lambda: KyFan(0), ValueError, "k must be at least 1"),
        (lambda: Schatten(math.nan), ValueError, "must be a finite number"),
    ],
)
def test_wrong_parameters(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_an_rtol_that_drops_singular_values_is_not_exact():
    z = torch.diag(torch.tensor([1.0, 0.05], dtype=torch.float64))
    for K in (Nuclear(), Nuclear(rtol=0), Nuclear(rtol=0.1), Nuclear(method="newton-schulz")):
        gap = (K.value(z) - (z * K.subgradient(z)).sum()).item()  # 0 at a subgradient
        assert K.exact == (abs(gap) < 1e-12)
