"""Digests of JSON vectors that no release may change; run to print the file that is kept.

PYTHONPATH=src python -m tests.vsa.golden > tests/vsa/golden.json
"""

from __future__ import annotations

import hashlib
import json
import sys

from signwise.vsa import JSONEncoder

from .documents import DOCUMENTS, OPTIONS


def digests() -> dict[str, str]:
    """Name to digest."""
    found = {}
    for name, options in OPTIONS.items():
        for d in (512, 2048):
            encoder = JSONEncoder(d=d, output="int32", **options)
            found[f"{name}, d={d}"] = hashlib.sha256(encoder.transform(DOCUMENTS).astype("<i4").tobytes()).hexdigest()
    fitted = JSONEncoder(idf=True).fit(DOCUMENTS)
    found["fitted"] = hashlib.sha256(fitted.transform(DOCUMENTS).astype("<f4").tobytes()).hexdigest()
    found["fitted bits"] = hashlib.sha256(fitted.set_params(output="bits").transform(DOCUMENTS).tobytes()).hexdigest()
    found["fingerprint"] = fitted.fingerprint
    found["unfitted fingerprint"] = JSONEncoder(weights={"a[*]": 2}).fingerprint
    return found


if __name__ == "__main__":
    json.dump(digests(), sys.stdout, indent=1)
    sys.stdout.write("\n")
