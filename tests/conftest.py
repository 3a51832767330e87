"""Settings that every test shares: seeds, hypothesis profiles, data and devices that may be absent."""

import os
import random
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "ci", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(autouse=True)
def _seeds():
    """Global generators start from the same state in every test; the library itself must not rely on them."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session")
def data_root():
    """``data_root("bitcoin-otc/soc-sign-bitcoinotc.csv.gz")`` gives the root; skips when a file is absent."""
    setting = os.environ.get("SIGNWISE_DATA", "")

    def root(*needed: str) -> Path:
        if not setting:
            pytest.skip("SIGNWISE_DATA is not set")
        for name in needed:
            if not (Path(setting) / name).exists():
                pytest.skip(f"SIGNWISE_DATA has no {name}")
        return Path(setting)

    return root


def pytest_runtest_setup(item):
    """Skip tests marked ``cuda`` or ``data`` where the device or the data are absent."""
    if item.get_closest_marker("data") and not os.environ.get("SIGNWISE_DATA"):
        pytest.skip("SIGNWISE_DATA is not set")
    if item.get_closest_marker("cuda"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA device")
