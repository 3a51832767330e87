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
def xxh64(data: bytes, seed: int) -> int: ...
def atom_words(hashes: NDArray[Any], d: int, out: NDArray[Any]) -> None: ...
def fisher_yates(stream: int, out: NDArray[Any]) -> None: ...
def signed_rotation(
    x: NDArray[Any], signs: NDArray[Any], shift: int, floating: bool, out: NDArray[Any], threads: int
) -> None: ...
def signed_permutation(
    x: NDArray[Any], signs: NDArray[Any], perm: NDArray[Any], floating: bool, out: NDArray[Any], threads: int
) -> None: ...
def rotate_words(x: NDArray[Any], mask: NDArray[Any], shift: int, out: NDArray[Any], threads: int) -> None: ...
def hadamard_signs(x: NDArray[Any], signs: NDArray[Any], out: NDArray[Any], threads: int) -> None: ...
def haar(h: int, out: NDArray[Any], threads: int) -> None: ...

optim_sums: int

def optim_available() -> bool: ...
def optim_step_votes(
    x: NDArray[Any],
    g: NDArray[Any],
    momentum: NDArray[Any],
    sizes: NDArray[Any],
    firsts: NDArray[Any],
    planes: NDArray[Any],
    lr: float,
    beta1: float,
    beta2: float,
    weight_decay: float,
    maximize: bool,
    threads: int,
) -> None: ...
def optim_stream(x: NDArray[Any], g: NDArray[Any], momentum: NDArray[Any]) -> None: ...
def optim_vote(
    x: NDArray[Any],
    g: NDArray[Any],
    momentum: NDArray[Any],
    sizes: NDArray[Any],
    firsts: NDArray[Any],
    planes: NDArray[Any],
    lr: float,
    beta1: float,
    beta2: float,
    weight_decay: float,
    maximize: bool,
    threads: int,
) -> None: ...

class OptimPlan:
    def __init__(
        self,
        x: NDArray[Any],
        momentum: NDArray[Any],
        scale: NDArray[Any],
        sizes: NDArray[Any],
        x_types: NDArray[Any],
        m_types: NDArray[Any],
        x_seeds: NDArray[Any],
        m_seeds: NDArray[Any],
    ) -> None: ...
    def count_nonfinite(self, gradients: NDArray[Any], threads: int) -> int: ...
    def step(
        self,
        gradients: NDArray[Any],
        steps: NDArray[Any],
        lr: float,
        beta1: float,
        beta2: float,
        weight_decay: float,
        kappa: int,
        first: float,
        second: float,
        scale: float,
        maximize: bool,
        cautious_mask: bool,
        cautious_decay: bool,
        stochastic: bool,
        check_first: bool,
        threads: int,
        sums: NDArray[Any] | None,
        all_sums: bool,
    ) -> int: ...
