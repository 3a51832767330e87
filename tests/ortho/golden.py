"""Digests of operators and hashes that no release may change; run to print the file that is kept.

PYTHONPATH=src python tests/ortho/golden.py > tests/ortho/golden.json
"""

from __future__ import annotations

import hashlib
import json
import sys

import numpy as np

from signwise.ortho import Domain, Haar, HadamardSigns, SignedPermutation, atom_words, hash_bytes, mix64

KEYS = {"text": "a", "unicode": "Schlüssel", "bytes": b"\x00\xff", "number": 2**63, "long": "signwise" * 20}


def digests() -> dict[str, str]:
    """Name to digest."""
    found: dict[str, str] = {}
    for domain in Domain:
        hashes = [hash_bytes(domain, bytes(range(n)), seed) for n in range(70) for seed in (0, 1, 2**64 - 1)]
        found[f"hash {domain.name}"] = hashlib.sha256(np.array(hashes, "<u8").tobytes()).hexdigest()
    atoms = atom_words(mix64(np.arange(100, dtype=np.uint64)), 2000).astype("<u8")
    found["atoms"] = hashlib.sha256(atoms.tobytes()).hexdigest()
    for name, key in KEYS.items():
        for seed in (0, 7):
            for d in (64, 2048):
                found[f"rotation {d} {name} {seed}"] = SignedPermutation(d, key, seed=seed).digest()
                found[f"hadamard {d} {name} {seed}"] = HadamardSigns(d, key, seed=seed, rounds=3).digest()
            for d in (1, 1000):
                random = SignedPermutation(d, key, seed=seed, kind="random")
                found[f"random {d} {name} {seed}"] = random.digest()
            for d in (1, 5, 64):
                found[f"haar {d} {name} {seed}"] = Haar(d, key, seed=seed).digest()
    a, b = SignedPermutation(2048, "a"), SignedPermutation(2048, "b")
    found["rotation product"] = a.compose(b).inverted().digest()
    found["haar 200"] = Haar(200, "a").digest()
    # On the processor the transform too has the same bits everywhere.
    x = (mix64(np.arange(4096, dtype=np.uint64)) >> np.uint64(40)).astype(np.float64).reshape(2, 2048)
    for dtype in ("<f4", "<f8"):
        out = HadamardSigns(2048, "a", rounds=3).apply(x.astype(dtype))
        found[f"hadamard result {dtype}"] = hashlib.sha256(out.astype(dtype).tobytes()).hexdigest()
    return found


if __name__ == "__main__":
    json.dump(digests(), sys.stdout, indent=1, ensure_ascii=True)
    sys.stdout.write("\n")
