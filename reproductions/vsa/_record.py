"""What a script leaves behind: one JSON file, with the machine and versions that made it."""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path
from typing import Any

import numpy as np

import signwise


def arguments(description: str | None) -> argparse.ArgumentParser:
    """A parser with the options that every script has."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def write(folder: Path, record: dict[str, Any]) -> Path:
    """Write ``result.json``."""
    machine = {
        "processor": platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "signwise": signwise.__version__,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "result.json"
    path.write_text(json.dumps({**record, "machine": machine}, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path
