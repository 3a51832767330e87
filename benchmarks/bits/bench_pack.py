"""Packing floats against a plain read of the same bytes, and against what numpy offers."""

from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks._runner import Bench, Target
from benchmarks.bits._tiers import on_each, tiers
from signwise.bits import PackedBits, pack, pack_ternary


def numpy_packbits(x: np.ndarray) -> np.ndarray:
    return np.packbits(x >= 0, axis=-1, bitorder="little")


def same_bits(left: Any, right: Any) -> bool:
    """A read gives a number, not bits, and is compared with nothing."""
    octets = [x.words.view(np.uint8) if isinstance(x, PackedBits) else x for x in (left, right)]
    if any(np.ndim(x) == 0 for x in octets):
        return True
    return bool(np.array_equal(octets[0], octets[1]))


def run(bench: Bench) -> None:
    for count in (1 << 20, 1 << 24):
        x = np.random.default_rng(0).standard_normal((count // 1024, 1024), dtype=np.float32)
        packed = on_each(partial(pack, x)) | {"numpy.packbits(x >= 0)": partial(numpy_packbits, x)}
        reads = {"read: numpy max": x.reshape(-1).max, "read: torch max": torch.from_numpy(x).max}
        bench.group(
            f"{count:,} float32 to bits",
            packed | reads,
            baseline=tuple(reads),
            equal=same_bits,
            bytes_read=x.nbytes,
            targets=[Target(contender=f"signwise {tier}", ratio=0.6) for tier in tiers()[:1]],
        )
    x = np.random.default_rng(0).standard_normal((1024, 1024), dtype=np.float32)
    bench.group(
        "1,048,576 values of other kinds to bits, over float32",
        {
            "float32": partial(pack, x),
            "float32, ternary": partial(pack_ternary, x),
            "float32, tensor": partial(pack, torch.from_numpy(x)),
            "float64": partial(pack, x.astype(np.float64)),
            "bfloat16, tensor": partial(pack, torch.from_numpy(x).bfloat16()),
            "int8": partial(pack, np.where(x >= 0, 1, -1).astype(np.int8)),
            "bool": partial(pack, x >= 0),
        },
        baseline="float32",
        equal=None,
    )
