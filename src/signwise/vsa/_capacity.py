"""How many terms a bundle can hold: the closed form."""

from __future__ import annotations

import math

import numpy as np


def capacity(d: int, n: float, N: int, *, bits: bool = False) -> float:
    """The probability that cleanup names the right one of N candidates, for one term of a bundle of n.

    The bundle is the sum of n nearly orthogonal terms of equal weight in d components, of which one is looked
    for. Its overlap with the right candidate is normal with mean sqrt(d/n) in units of the noise, that with
    each of the N - 1 wrong ones is normal with mean 0, and the right one wins with probability

        integral of phi(t - sqrt(d/n)) Phi(t)^(N - 1) dt,

    phi and Phi the normal density and distribution function. Packing the bundle to its signs keeps 2/pi of
    the information: d becomes 2 d/pi.

    Args:
        d: number of components, at least 1.
        n: number of terms, the wanted one included, n-grams and views counted one by one; for weights w of the
            terms and w_i of the wanted one, the sum of w^2 over w_i^2.
        N: number of candidates, at least 1.
        bits: whether the bundle is packed to its signs.

    Returns:
        A probability.

    Raises:
        ValueError: d, n or N below 1.

    References:
        Clarkson, Ubaru and Yang, Capacity analysis of vector symbolic architectures, arXiv 2301.10352.

    Examples:
        >>> [round(capacity(8 * n, n, 1000), 3) for n in (1, 16)], round(capacity(1024, 32, 1000), 3)
        ([0.35, 0.35], 0.988)
    """
    if d < 1 or n < 1 or N < 1:
        raise ValueError(f"d, n and N must be at least 1, got d={d}, n={n}, N={N}")
    from scipy.special import log_ndtr

    mean = math.sqrt((2 * d / math.pi if bits else d) / n)
    # The integrand is smooth and dies off at both ends, so equal steps converge faster than any power of the step.
    t, step = np.linspace(mean - 12, mean + 12, 4801, retstep=True)
    density = np.exp(-0.5 * (t - mean) ** 2) / math.sqrt(2 * math.pi)
    return float(min(1.0, step * (density * np.exp((N - 1) * log_ndtr(t))).sum()))
