"""One pass of the solver over observed entries against two SciPy products of the same sparse matrix."""

from functools import partial

import numpy as np
import scipy.sparse

from benchmarks._runner import Bench, Target
from signwise._native import _recovery

N1, N2, SHARE, K = 100_000, 10_000, 0.01, 10


def run(bench: Bench) -> None:
    rng = np.random.default_rng(0)
    count = round(N1 * N2 * SHARE)
    rows, cols = rng.integers(0, N1, count), rng.integers(0, N2, count)
    A = scipy.sparse.csr_array((rng.standard_normal(count), (rows, cols)), shape=(N1, N2))
    L, R = rng.standard_normal((N1, K)), rng.standard_normal((N2, K))
    indptr, indices = A.indptr.astype(np.int64), A.indices.astype(np.int32)
    rule = _recovery.Rule(kind="truncated", row_cut=np.full(N1, 9.0), col_cut=np.full(N2, 9.0), count_level=9.0)

    def scipy_products() -> tuple[np.ndarray, np.ndarray]:
        return A @ R, A.T @ L

    bench.group(
        f"{N1:,} x {N2:,}, {A.nnz:,} entries, rank {K}: two SciPy products, and a whole pass of the solver",
        {
            "SciPy, A R and A^T L": scipy_products,
            "signwise, residuals, weights and both products": partial(
                _recovery.sparse_pass, indptr, indices, A.data, L, R, L, R, rule
            ),
        },
        baseline="SciPy, A R and A^T L",
        equal=None,
        targets=[Target(contender="signwise, residuals, weights and both products", ratio=1 / 1.5)],
        rounds=min(bench.rounds, 7),
    )
