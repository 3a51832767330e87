import itertools
import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from signwise.binary import quantization_error


@pytest.mark.parametrize(
    ("name", "place", "value"), [("laplace", 0.9548825, 0.1028346), ("gaussian", 1.042675, 0.0969945)]
)
def test_the_largest_error_and_where_it_is(name, place, value):
    found = minimize_scalar(
        lambda x: -quantization_error(name, x).error, bounds=(0.1, 5), method="bounded", options={"xatol": 1e-10}
    )
    assert found.x == pytest.approx(place, abs=1e-6)
    assert -found.fun == pytest.approx(value, abs=1e-6 / 10)


@pytest.mark.parametrize("name", ["laplace", "gaussian"])
def test_limits_and_monotony(name):
    assert quantization_error(name, 1e3).error == pytest.approx(0.5 - 4 / math.pi**2, abs=1e-6)
    relative = [quantization_error(name, x).relative for x in np.geomspace(1e-4, 50, 400)]
    assert all(b <= a + 1e-12 for a, b in itertools.pairwise(relative))
    assert relative[-1] == pytest.approx(1 - 8 / math.pi**2, abs=1e-3)
    assert relative[0] == pytest.approx({"laplace": 0.5, "gaussian": 1 - 2 / math.pi}[name], abs=1e-4)


@pytest.mark.parametrize(("x", "relative"), [(0.01, 0.4999), (0.5, 0.3552), (3.0, 0.1986)])
def test_published_relative_errors(x, relative):
    assert quantization_error("laplace", x).relative == pytest.approx(relative, abs=5e-5)


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("name", ["laplace", "gaussian"])
def test_monte_carlo(name, scale):
    draws = np.random.default_rng(0)
    w = np.sin(draws.laplace(0, scale, 4_000_000) if name == "laplace" else draws.normal(0, scale, 4_000_000))
    theory = quantization_error(name, scale)
    gamma, power = np.abs(w).mean(), np.square(w).mean()
    assert gamma == pytest.approx(theory.gamma, abs=4e-4)
    assert power == pytest.approx(theory.power, abs=4e-4)
    best = np.square(w - gamma * np.where(w >= 0, 1, -1)).mean()
    assert best == pytest.approx(theory.error, abs=2e-4)


def test_the_small_and_the_large_form_meet():
    below, above = quantization_error("gaussian", 0.01 - 1e-12), quantization_error("gaussian", 0.01)
    assert below.gamma == pytest.approx(above.gamma, rel=1e-9)


def test_arguments():
    with pytest.raises(ValueError, match="scale must be positive"):
        quantization_error("laplace", 0.0)
    with pytest.raises(ValueError, match="'laplace' or 'gaussian'"):
        quantization_error("normal", 1.0)
