"""Parameters stay what they were: in this process, in others, without the extension, without torch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from . import golden

HERE = Path(__file__).parent
KEPT = json.loads((HERE / "golden.json").read_text())


def test_golden_digests():
    assert golden.digests() == KEPT


@pytest.mark.parametrize(
    "setting",
    [{"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2", "SIGNWISE_THREADS": "1"}, {"SIGNWISE_NATIVE": "0"}],
    ids=lambda s: " ".join(f"{k}={v}" for k, v in s.items()),
)
def test_golden_digests_in_another_process(setting):
    paths = [path for path in sys.path if path]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | setting
    result = subprocess.run(
        [sys.executable, str(HERE / "golden.py")], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(result.stdout) == KEPT


def test_arrays_need_no_torch():
    code = (
        "import sys, numpy as np, signwise.ortho as o\n"
        "for f in (o.SignedPermutation, o.HadamardSigns, o.Haar):\n"
        "    op = f(64, 'k'); op.inverse(op.apply(np.ones(64))); op.compose(op).to_dense()\n"
        "assert 'torch' not in sys.modules\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
