"""Finding the benchmark files: ``<package>/bench_<name>.py``, each with ``run(bench)``."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent


def names() -> list[str]:
    """Every benchmark as ``<package>_<name>``, sorted."""
    return sorted(f"{p.parent.name}_{p.stem.removeprefix('bench_')}" for p in HERE.glob("*/bench_*.py"))


def chosen(wanted: list[str]) -> list[str]:
    """The benchmarks that the words ask for: a full name, a package, or what follows the package."""
    every = names()
    if not wanted:
        return every
    found = []
    for word in wanted:
        hits = [n for n in every if word in (n, *n.split("_", 1))]
        if not hits:
            raise SystemExit(f"no benchmark {word!r}; there are: {', '.join(every)}")
        found += [hit for hit in hits if hit not in found]
    return found


def load(name: str) -> ModuleType:
    """The module of a benchmark."""
    package, rest = name.split("_", 1)
    return importlib.import_module(f"benchmarks.{package}.bench_{rest}")
