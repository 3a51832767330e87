"""Kernels of signwise; called by signwise._native only."""

from typing import Any

from numpy.typing import NDArray

compiler: str

def best_isa() -> str: ...
def active_isa() -> str: ...
def set_isa(arg: str, /) -> bool: ...
def parallel_sum(n: int, grain: int, threads: int, fail: bool, /) -> int: ...
def bits_pack(x: NDArray[Any], kind: int, words: NDArray[Any], threads: int) -> None: ...
def bits_pack_ternary(
    x: NDArray[Any], kind: int, nonzero: NDArray[Any], positive: NDArray[Any], threads: int
) -> None: ...
def bits_xnor_matmul(a: NDArray[Any], b: NDArray[Any], k: int, out: NDArray[Any], threads: int) -> None: ...
def bits_hamming(a: NDArray[Any], b: NDArray[Any], out: NDArray[Any], threads: int) -> None: ...
def bits_hamming_topk(
    query: NDArray[Any],
    base: NDArray[Any],
    k: int,
    distances: NDArray[Any],
    indices: NDArray[Any],
    threads: int,
) -> None: ...
def bits_majority(votes: NDArray[Any], least: int, out: NDArray[Any], threads: int) -> None: ...
def bits_majority_ternary(
    nonzero: NDArray[Any],
    positive: NDArray[Any],
    k: int,
    coin: bool,
    key: int,
    offset: int,
    out_nonzero: NDArray[Any],
    out_positive: NDArray[Any],
    threads: int,
) -> None: ...
