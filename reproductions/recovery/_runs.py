"""What the scripts of this folder share: cases that are computed once, and the record they leave."""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from .._record_files import write_json


def arguments(description: str | None, *, seeds: int) -> argparse.ArgumentParser:
    """A parser with the options that every script has; each problem is small, and one thread is the fastest."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the results; an earlier run there goes on")
    parser.add_argument("--seeds", type=int, default=seeds)
    return parser


class Runs:
    """Results by case, one JSON line each as soon as it is known, so that a run can be cut off and go on.

    Args:
        folder: where ``runs.jsonl`` is.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "runs.jsonl"
        self._known: dict[str, Any] = {}
        if self._path.exists():
            for line in self._path.read_text(encoding="utf-8").splitlines():
                case, result = json.loads(line)
                self._known[case] = result

    def get(self, case: str, compute: Callable[[], Any]) -> Any:
        """The result of a case, computed unless it is known."""
        if case not in self._known:
            self._known[case] = compute()
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([case, self._known[case]]) + "\n")
        return self._known[case]


def leave(folder: Path, record: dict[str, Any], table: str) -> None:
    """Write ``result.json`` and ``table.md``, and show the table."""
    write_json(folder / "result.json", record)
    (folder / "table.md").write_text(table, encoding="utf-8")
    print(table, end="")


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A table whose first column is of words and the others of numbers."""
    lines = [f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines) + "\n"
