"""A large completion from end to end: ``python -m reproductions.recovery.completion --out DIR``.

A matrix of rank 10 with 100,000 rows and 10,000 columns, 1 % of its entries observed, 10 % of those off by up to ten
times the mean size, fitted with the rank unknown on two threads. Writes ``result.json`` and ``table.md``: seconds, peak
memory of the process, and the error at entries that were not observed.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
import scipy.sparse
import torch

from signwise.progress import Progress
from signwise.recovery import RobustLowRank, StepRecord

from ._runs import arguments, leave, markdown


def planted(n1: int, n2: int, r: int, share: float, p: float, seed: int) -> tuple[scipy.sparse.csr_array, np.ndarray]:
    """Observed entries with errors; and the factors, one above the other."""
    rng = np.random.default_rng(seed)
    U, V = rng.standard_normal((n1, r)), rng.standard_normal((n2, r))
    each = round(share * n2)
    rows = np.repeat(np.arange(n1, dtype=np.int32), each)
    cols = np.concatenate([np.sort(rng.choice(n2, each, replace=False)) for _ in range(n1)]).astype(np.int32)
    values = np.empty(len(rows))
    for i in range(0, len(rows), 1 << 20):
        part = slice(i, i + (1 << 20))
        values[part] = np.einsum("ij,ij->i", U[rows[part]], V[cols[part]])
    bad = rng.random(len(values)) < p
    values[bad] += rng.uniform(-1, 1, bad.sum()) * 10 * np.abs(values).mean()
    indptr = np.arange(0, len(rows) + 1, each)
    return scipy.sparse.csr_array((values, cols, indptr), shape=(n1, n2)), np.concatenate([U, V])


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(argv: list[str] | None = None) -> int:
    parser = arguments(__doc__, seeds=1)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=10_000)
    parser.add_argument("--rank", type=int, default=10)
    parser.add_argument("--share", type=float, default=0.01)
    options = parser.parse_args(argv)
    torch.set_num_threads(2)
    n1, n2, r = options.rows, options.columns, options.rank
    X, factors = planted(n1, n2, r, options.share, 0.1, 0)
    before, start = peak_mib(), time.perf_counter()
    with Progress("completion") as task:

        def follow(record: StepRecord) -> None:
            task.advance(note=f"{record.phase}, rank {record.rank}, scale {record.scale:.2g}")

        fit = RobustLowRank(max_rank=2 * r, tol=1e-7).fit(X, callback=follow)
    seconds = time.perf_counter() - start
    rng = np.random.default_rng(1)
    rows, cols = rng.integers(0, n1, 200_000), rng.integers(0, n2, 200_000)
    truth = np.einsum("ij,ij->i", factors[:n1][rows], factors[n1:][cols])
    found = np.einsum("ij,ij->i", fit.L_[rows], fit.R_[cols])
    record = {
        "shape": [n1, n2],
        "observed": int(X.nnz),
        "rank": fit.rank_,
        "recovered": bool(fit.recovered_),
        "error": float(np.linalg.norm(found - truth) / np.linalg.norm(truth)),
        "seconds": seconds,
        "steps": len(fit.history_),
        "data_mib": (X.data.nbytes + X.indices.nbytes + X.indptr.nbytes) / 2**20,
        "before_mib": before,
        "peak_mib": peak_mib(),
        "dense_mib": n1 * n2 * 8 / 2**20,
    }
    rows_ = [[key, f"{value:.4g}" if isinstance(value, float) else str(value)] for key, value in record.items()]
    leave(options.out, record, markdown(["completion", ""], rows_))
    return 0


if __name__ == "__main__":
    sys.exit(main())
