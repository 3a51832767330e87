"""Peak memory of encoding one large document, beyond the parsed objects and their tokens.

python -m benchmarks.vsa.memory [MEGABYTES]
"""

import sys
from pathlib import Path

import orjson

from benchmarks.vsa._documents import orders
from signwise.vsa import JSONEncoder


def reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def status_mb(name: str) -> float:
    """VmRSS, what is resident, or VmHWM, its peak since the last reset (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise AssertionError(name)


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    texts = orders(2000)
    copies = megabytes * 1_000_000 // sum(len(text) + 1 for text in texts)
    text = b'{"orders":[' + b",".join(texts * copies) + b"]}"
    print(f"document: {len(text) / 1e6:.0f} MB, {2000 * copies:,} orders in one array")
    parsed = orjson.loads(text)
    kernel = JSONEncoder()._kernel()
    kernel.encode([kernel.walk([1])], "float32")
    reset_peak()
    before = status_mb("VmRSS")
    buffers, _ = kernel.read([parsed], orjson.loads)
    tokens, walking = status_mb("VmRSS"), status_mb("VmHWM")
    reset_peak()
    kernel.encode(buffers, "float32")
    print(f"text and parsed objects           {before:8.1f} MB")
    print(f"tokens                            {tokens - before:8.1f} MB ({walking - before:.1f} MB at the peak)")
    print(f"more at the peak of the encoding  {status_mb('VmHWM') - tokens:8.1f} MB")


if __name__ == "__main__":
    main()
