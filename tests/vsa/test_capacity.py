"""The closed form of the capacity against figures, limits and simulation."""

import numpy as np
import pytest

from signwise.vsa import capacity


@pytest.mark.parametrize(("ratio", "expected"), [(8, 0.350), (16, 0.764), (32, 0.988)])
def test_figures_of_a_thousand_candidates(ratio, expected):
    assert capacity(ratio * 64, 64, 1000) == pytest.approx(expected, abs=6e-4)


@pytest.mark.parametrize(("N", "ratio"), [(10**3, 33), (10**5, 47), (10**6, 53)])
def test_what_99_percent_needs(N, ratio):
    assert capacity(ratio * 16, 16, N) >= 0.99 > capacity((ratio - 1) * 16, 16, N)


def test_limits():
    assert capacity(64, 1000, 1) == pytest.approx(1, abs=1e-12)
    # Without signal each of N candidates is as likely as the others.
    assert capacity(1, 1e12, 50) == pytest.approx(1 / 50, rel=1e-4)
    # Two candidates: the difference of two normals, Phi(sqrt(d / 2n)).
    assert capacity(100, 50, 2) == pytest.approx(0.8413447, abs=1e-7)
    assert capacity(10**6, 1, 10) == 1.0
    assert capacity(1000, 20, 100, bits=True) == pytest.approx(capacity(2000, 20 * np.pi, 100), abs=1e-12)


@pytest.mark.parametrize("arguments", [(0, 1, 1), (1, 0.5, 1), (1, 1, 0)])
def test_refusals(arguments):
    with pytest.raises(ValueError, match="at least 1"):
        capacity(*arguments)


@pytest.mark.parametrize("bits", [False, True])
def test_simulated_bundles(bits):
    # An odd number of terms, so that no component of a bundle is zero when it is packed to its sign.
    d, n, N, trials = 512, 31, 200, 400
    rng = np.random.default_rng(5)
    right = 0
    for _ in range(trials):
        memory = rng.choice(np.array([-1.0, 1.0]), (N, d))
        y = memory[0] + rng.choice(np.array([-1.0, 1.0]), (n - 1, d)).sum(0)
        right += int(np.argmax(memory @ (np.sign(y) if bits else y)) == 0)
    expected = capacity(d, n, N, bits=bits)
    assert abs(right / trials - expected) <= 4 * np.sqrt(expected * (1 - expected) / trials)
