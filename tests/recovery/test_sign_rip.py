"""The scaling function agrees with its closed form, and entrywise measurements fail on spikes."""

import numpy as np
import pytest

from signwise.recovery import Dense, Mask, phi_outliers, sign_rip

D = 30


@pytest.fixture(scope="module")
def operator():
    return Dense(np.random.default_rng(0).standard_normal((6000, D, D)))


def bad(p, sd):
    return lambda rng, m: sd * rng.standard_normal(m) * (rng.random(m) < p)


@pytest.mark.parametrize(
    ("p", "sd", "phi"), [(0.3, 1.0, 0.766), (0.3, 5.0, 0.637), (0.5, 100.0, 0.406), (1.0, 2.0, 0.522)]
)
def test_phi(operator, p, sd, phi):
    assert phi_outliers(p, sd, 3**0.5) == pytest.approx(phi, abs=1e-3)
    (family,) = sign_rip(operator, 3, bad(p, sd), norm=3**0.5, n_probes=4)
    assert family.phi == pytest.approx(phi, abs=0.03)
    assert 0 < family.delta_mean <= family.delta < 1


def test_more_measurements_lower_delta(operator):
    many, few = (sign_rip(op, 1, n_probes=4)[0].delta_mean for op in (operator, operator.subset(np.arange(600))))
    assert many < few / 2


def test_single_entries_have_another_phi_on_spikes():
    rows, cols = np.divmod(np.random.default_rng(1).permutation(400)[:300], 20)
    spread, spiky = sign_rip(Mask(rows, cols, (20, 20)), 1, probes="both", n_probes=8)
    assert (spread.probes, spiky.probes) == ("gaussian", "spiky")
    assert spiky.phi < spread.phi / 5
    assert spread.delta > 0.5


def test_a_wide_operator():
    operator = Dense(np.random.default_rng(0).standard_normal((3000, 3, 8)))
    (family,) = sign_rip(operator, 2, n_probes=4)
    assert family.phi == pytest.approx((2 / np.pi) ** 0.5, abs=0.03)


@pytest.mark.parametrize("options", [{"rank": 0}, {"rank": 31}, {"rank": 1, "norm": 0}, {"rank": 1, "probes": "x"}])
def test_wrong_options(operator, options):
    with pytest.raises(ValueError, match=r"must be|families"):
        sign_rip(operator, **options)
