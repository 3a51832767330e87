"""The ways a function of signwise.bits can be computed: each instruction tier, and numpy, on 1 and 2 threads."""

from contextlib import ExitStack, contextmanager
from unittest import mock

import pytest

from signwise import _native


def _tiers():
    best = _native.best_isa()
    return () if best is None else _native.ISA_NAMES[: _native.ISA_NAMES.index(best) + 1]


WAYS = [(tier, threads) for tier in _tiers() for threads in (1, 2)] + [("numpy", 1)]


@contextmanager
def computing(way):
    tier, threads = way
    with ExitStack() as stack:
        stack.enter_context(_native.use_fallback() if tier == "numpy" else _native.force_isa(tier))
        stack.enter_context(mock.patch("signwise._native._bits.num_threads", return_value=threads))
        yield


@pytest.fixture(params=WAYS, ids=lambda way: f"{way[0]}-{way[1]}")
def way(request):
    """Runs the test once for each way of computing."""
    with computing(request.param):
        yield request.param


@pytest.fixture
def each_way():
    """For property tests: ``for _ in each_way(): ...`` runs the body under each way."""

    def ways():
        for one in WAYS:
            with computing(one):
                yield one

    return ways
