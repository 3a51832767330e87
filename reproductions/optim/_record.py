"""What a script leaves behind: one JSON file, with the machine and versions that made it."""

from __future__ import annotations

import argparse
import json
import math
import platform
from pathlib import Path
from typing import Any

import torch

import signwise


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
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(finite(record), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    partial.replace(path)
    return path


def finite(value: Any) -> Any:
    """The value with NaN and infinity replaced by None."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
