"""Kernels of signwise; called by signwise._native only."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

compiler: str

def best_isa() -> str: ...
def active_isa() -> str: ...
def set_isa(arg: str, /) -> bool: ...
def parallel_sum(n: int, grain: int, threads: int, fail: bool, /) -> int: ...
def attention_forward(
    query: NDArray[Any],
    edge_weight: NDArray[Any],
    table: NDArray[Any],
    index: NDArray[Any],
    mask: NDArray[Any],
    edge: NDArray[Any],
    drop: NDArray[Any] | None,
    alpha: NDArray[Any],
    value: NDArray[Any],
    summed: NDArray[Any],
    threads: int,
) -> None: ...
def attention_backward(
    query: NDArray[Any],
    edge_weight: NDArray[Any],
    table: NDArray[Any],
    index: NDArray[Any],
    mask: NDArray[Any],
    edge: NDArray[Any],
    drop: NDArray[Any] | None,
    alpha: NDArray[Any],
    summed: NDArray[Any],
    value: NDArray[Any],
    query_out: NDArray[Any],
    edge_weight_out: NDArray[Any],
    table_out: NDArray[Any],
    edge_out: NDArray[Any],
) -> None: ...
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
def bits_signed_sums(y: NDArray[Any], base: NDArray[Any], rows: NDArray[Any], out: NDArray[Any]) -> None: ...
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
def recovery_pieces(n1: int, n2: int, entries: int) -> int: ...
def recovery_dense(
    X: NDArray[Any],
    L: NDArray[Any],
    Rt: NDArray[Any],
    k: int,
    U: NDArray[Any],
    bu: int,
    V: NDArray[Any],
    bv: int,
    left: NDArray[Any],
    right: NDArray[Any],
    kind: int,
    level: float,
    offset: float,
    count_level: float,
    row_cut: NDArray[Any],
    col_cut: NDArray[Any],
    threads: int,
) -> tuple[int, int, float, float]: ...
def recovery_sparse(
    indptr: NDArray[Any],
    indices: NDArray[Any],
    data: NDArray[Any],
    L: NDArray[Any],
    R: NDArray[Any],
    k: int,
    U: NDArray[Any],
    bu: int,
    V: NDArray[Any],
    bv: int,
    left: NDArray[Any],
    right: NDArray[Any],
    kind: int,
    level: float,
    offset: float,
    count_level: float,
    row_cut: NDArray[Any],
    col_cut: NDArray[Any],
    threads: int,
) -> tuple[int, int, float, float]: ...
def recovery_residuals(
    L: NDArray[Any],
    R: NDArray[Any],
    rows: NDArray[Any],
    cols: NDArray[Any],
    x: NDArray[Any],
    out: NDArray[Any],
    threads: int,
) -> None: ...

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

class StreamState:
    def __init__(self, tick_seconds: float, ring: int) -> None: ...
    @property
    def num_nodes(self) -> int: ...
    @property
    def num_events(self) -> int: ...
    @property
    def num_edges(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def triad_reads(self) -> int: ...
    def expect(self, source: NDArray[Any], target: NDArray[Any]) -> None: ...
    def features(self, source: NDArray[Any], target: NDArray[Any], time: NDArray[Any], out: NDArray[Any]) -> None: ...
    def neighbors(self, nodes: NDArray[Any], rings: tuple[NDArray[Any], ...]) -> None: ...
    def commit(
        self,
        source: NDArray[Any],
        target: NDArray[Any],
        x: NDArray[Any],
        time: NDArray[Any],
        number: NDArray[Any],
    ) -> None: ...
    def stream(
        self,
        source: NDArray[Any],
        target: NDArray[Any],
        x: NDArray[Any],
        time: NDArray[Any],
        row: NDArray[Any],
        rows: int,
        first_event: int,
        features: NDArray[Any],
        rings: tuple[NDArray[Any], ...],
        query_source: NDArray[Any],
        query_target: NDArray[Any],
        query_time: NDArray[Any],
        query_features: NDArray[Any],
        query_rings: tuple[NDArray[Any], ...],
    ) -> None: ...
    def export(self, arrays: dict[str, NDArray[Any]]) -> None: ...
    def load(self, arrays: dict[str, NDArray[Any]]) -> None: ...

class TokenBatch:
    def __init__(self) -> None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, i: int, /) -> bytes: ...
    def append(self, tokens: bytes) -> None: ...
    def read(self, items: list[Any], first: int, loads: object, normalize: object) -> int: ...
    def walk(self, document: object, normalize: object) -> bool: ...

class VsaEncoder:
    def __init__(
        self,
        *,
        d: int,
        seed: int,
        strings: int,
        arrays: int,
        array_norm: bool,
        conjunctions: bool,
        idf: bool,
        weight_paths: NDArray[Any],
        weight_values: NDArray[Any],
        stat_paths: NDArray[Any],
        stat_centers: NDArray[Any],
        stat_scales: NDArray[Any],
        idf_terms: NDArray[Any],
        idf_factors: NDArray[Any],
        idf_unseen: int,
    ) -> None: ...
    def encode(self, batch: TokenBatch, output: str, out: NDArray[Any], threads: int) -> tuple[int, int]: ...
    def collect(
        self, batch: TokenBatch, threads: int
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]: ...
    def subtree_hash(self, tokens: bytes) -> int: ...

def binary_busy(rounds: int) -> int: ...

class BinaryNet:
    def __init__(self, channels: int) -> None: ...
    def add_value(self, bits: bool, channels: int) -> int: ...
    def add_bit_conv(self, input: int, shape: Sequence[int], weights: NDArray[Any], *finish: Any) -> None: ...
    def add_float_conv(self, input: int, shape: Sequence[int], weights: NDArray[Any], *finish: Any) -> None: ...
    def add_byte_conv(
        self, input: int, shape: Sequence[int], weights: NDArray[Any], scale: float, *finish: Any
    ) -> None: ...
    def add_map(self, input: int, *finish: Any) -> None: ...
    def add_pool(self, input: int, shape: Sequence[int], sign: NDArray[Any] | None, *finish: Any) -> None: ...
    def add_pool_bits(self, input: int, shape: Sequence[int], any: NDArray[Any], out: int) -> None: ...
    def add_pad_channels(self, input: int, before: int, out: int) -> None: ...
    def add_flatten(self, input: int, out: int) -> None: ...
    def set_output(self, value: int) -> None: ...
    def operations(self) -> int: ...
    def shape(self, value: int, height: int, width: int) -> list[int]: ...
    def memory(self, n: int, height: int, width: int) -> list[int]: ...
    def run(self, x: NDArray[Any], out: NDArray[Any], threads: int, seconds: NDArray[Any] | None) -> None: ...
    def begin(self, x: NDArray[Any]) -> None: ...
    def step(self, operation: int, threads: int) -> None: ...
    def read(self, value: int, out: NDArray[Any]) -> None: ...
    def write(self, value: int, x: NDArray[Any]) -> None: ...
    def sums_shape(self, operation: int) -> list[int]: ...
    def sums(self, operation: int, out: NDArray[Any], threads: int) -> None: ...
