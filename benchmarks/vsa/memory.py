"""Peak memory of encoding one large document, beyond the parsed objects and their tokens.

python -m benchmarks.vsa.memory [MEGABYTES]
"""

import resource
import sys

import orjson

from benchmarks.vsa._documents import orders
from signwise.vsa import JSONEncoder


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    texts = orders(2000)
    copies = megabytes * 1_000_000 // sum(len(text) + 1 for text in texts)
    text = b'{"orders":[' + b",".join(texts * copies) + b"]}"
    print(f"document: {len(text) / 1e6:.0f} MB, {2000 * copies:,} orders in one array")
    parsed = orjson.loads(text)
    kernel = JSONEncoder()._kernel()
    kernel.encode([kernel.walk([1])], "float32")
    before = peak_mb()
    buffers, _ = kernel.read([parsed], orjson.loads)
    tokens = peak_mb()
    kernel.encode(buffers, "float32")
    print(f"peak with text and parsed objects  {before:8.1f} MB")
    print(f"more for the tokens                {tokens - before:8.1f} MB")
    print(f"more for the encoding              {peak_mb() - tokens:8.1f} MB")


if __name__ == "__main__":
    main()
