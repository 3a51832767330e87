"""A million documents from the command line: index, search and dedup, with time, memory and disk of each.

python -m benchmarks.vsa.million --folder DIR [--documents N] [--d D] [--threshold T]

One order in a hundred is a near-copy of an earlier one: another id, and one word of the first item's title changed.
The documents and the index stay in the folder, which should be deleted afterwards.
"""

import argparse
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import orjson

from benchmarks.vsa._documents import order

CLI = [sys.executable, "-c", "import sys; from signwise.cli import main; sys.exit(main())", "json"]
EVERY = 100


def write_documents(path: Path, count: int) -> int:
    """Write the orders, one a line; the number of bytes."""
    rng = random.Random(0)
    recent: list[dict] = []
    with path.open("wb") as file:
        for i in range(count):
            if i % EVERY == EVERY - 1:
                found = orjson.loads(orjson.dumps(recent[rng.randrange(len(recent))]))
                item = found["items"][0]
                item["title"] = f"{item['title'].split()[0]} copy"
                recent.clear()
            else:
                found = order(rng)
                recent.append(found)
            found["id"] = f"ORD-{i:08d}"
            file.write(orjson.dumps(found) + b"\n")
    return path.stat().st_size


def run(arguments: list[str], out: Path) -> None:
    """Run a command and print its time, CPU time and peak memory."""
    start = time.perf_counter()
    with out.open("wb") as file:
        child = subprocess.Popen([*CLI, *arguments], stdout=file)
        _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"signwise json {arguments[0]} failed")
    wall, cpu = time.perf_counter() - start, usage.ru_utime + usage.ru_stime
    print(
        f"{arguments[0]:8s} {wall:8.1f} s wall {cpu:8.1f} s CPU {usage.ru_maxrss / 2**20:6.2f} GiB at the peak",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--d", type=int, default=1024)
    parser.add_argument("--threshold", type=float, default=0.9)
    options = parser.parse_args()
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    text, index = folder / "orders.jsonl", folder / "index"
    size = write_documents(text, options.documents)
    print(
        f"{options.documents:,} documents, {size / 1e6:.0f} MB, {len(os.sched_getaffinity(0))} cores, d = {options.d}"
    )
    run(
        ["index", str(text), "--out", str(index), "--key", "id", "--d", str(options.d), "--quiet"], folder / "index.txt"
    )
    sizes = {file.name: file.stat().st_size for file in index.rglob("*") if file.is_file()}
    print(f"on disk  {sum(sizes.values()) / 1e6:.0f} MB: " + ", ".join(f"{n} {s / 1e6:.0f}" for n, s in sizes.items()))
    with text.open("rb") as file:
        query = next(line for i, line in enumerate(file) if i == options.documents // 2)
    run(["search", str(index), query.decode(), "-k", "3"], folder / "search.txt")
    print((folder / "search.txt").read_text().splitlines()[0].split("\t")[:2])
    run(["dedup", str(index), "--threshold", str(options.threshold)], folder / "dedup.txt")
    groups = [line.split("\t") for line in (folder / "dedup.txt").read_text().splitlines()]
    planted = options.documents // EVERY
    right = sum(len(g) == 2 and int(g[1][4:]) % EVERY == EVERY - 1 for g in groups)
    print(f"groups   {len(groups):,}, of which {right:,} are planted pairs, of {planted:,} planted")


if __name__ == "__main__":
    main()
