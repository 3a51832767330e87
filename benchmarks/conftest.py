"""Lets ``pytest benchmarks`` run every benchmark once, quickly, to see that contenders still agree."""

import importlib.util

import pytest


def pytest_collect_file(file_path, parent):
    """Collect ``bench_*.py``."""
    if file_path.suffix == ".py" and file_path.name.startswith("bench_"):
        return BenchFile.from_parent(parent, path=file_path)
    return None


class BenchFile(pytest.File):
    """One benchmark file."""

    def collect(self):
        yield BenchItem.from_parent(self, name=f"{self.path.parent.name}_{self.path.stem.removeprefix('bench_')}")


class BenchItem(pytest.Item):
    """One quick run, without a results file."""

    def runtest(self):
        from benchmarks._runner import Bench, limit_threads

        spec = importlib.util.spec_from_file_location(self.name, self.path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        limit_threads()
        module.run(Bench(name=self.name, rounds=1, sample_s=0))
