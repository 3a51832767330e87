"""What a script leaves behind: one JSON file, with the machine and versions that made it."""

from __future__ import annotations

import argparse
import platform
from pathlib import Path
from typing import Any

import torch

import signwise

from .._record_files import write_json


def arguments(description: str | None) -> argparse.ArgumentParser:
    """A parser with the option that every script has."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    return parser


def machine() -> dict[str, str]:
    """Processor kind and versions."""
    return {
        "processor": platform.machine(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "signwise": signwise.__version__,
    }


def write(folder: Path, record: dict[str, Any], name: str = "result.json") -> Path:
    """Write a record; numbers that JSON has no word for become null."""
    path = folder / name
    write_json(path, record)
    return path
