"""``python -m benchmarks [name ...]``: run benchmarks and write their results."""

import argparse
import os

from ._discovery import HERE, chosen, load, names
from ._runner import RESULTS, Bench, limit_threads
from ._tables import refresh


def main() -> None:
    # Pools read these once, when the benchmark files import numpy and torch.
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "SIGNWISE_THREADS"):
        os.environ[variable] = "1"
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Run benchmarks; all without a name.")
    parser.add_argument("names", nargs="*", help="a benchmark, or a package for all of its benchmarks")
    parser.add_argument("--list", action="store_true", help="print the names and stop")
    parser.add_argument("--quick", action="store_true", help="three rounds, results to NAME.local.json")
    parser.add_argument("--tables", action="store_true", help="only refresh the tables of the documents")
    options = parser.parse_args()
    if options.list:
        print("\n".join(names()))
        return
    for name in [] if options.tables else chosen(options.names):
        print(f"\n== {name}")
        bench = Bench(name=name, rounds=3 if options.quick else 25)
        module = load(name)
        limit_threads(bench.threads)
        module.run(bench)
        print(f"\nwrote {bench.write(RESULTS / f'{name}.local.json' if options.quick else None)}")
    if not options.quick:
        for document in [HERE.parent / "README.md", *sorted((HERE.parent / "docs").rglob("*.md"))]:
            if document.exists() and refresh(document):
                print(f"refreshed {document}")


main()
