"""Robust PCA in one call."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._low_rank import RobustLowRank


def robust_pca(X: Any, **options: Any) -> tuple[NDArray[np.float64], NDArray[np.float64], RobustLowRank]:
    """Split X into low rank and outliers.

    Args:
        X: shape ``(n1, n2)``; NaN is missing.
        **options: of :class:`RobustLowRank`.

    Returns:
        The low-rank matrix; X minus it where it is an outlier, 0 elsewhere; and the fitted estimator, whose
        `recovered_` says whether to believe it.

    Example:
        >>> import numpy as np
        >>> from signwise.recovery import robust_pca
        >>> X = np.outer(np.arange(1.0, 41.0), np.ones(30))
        >>> X[3, 4] = 1e6
        >>> low_rank, outliers, result = robust_pca(X)
        >>> result.rank_, outliers.nonzero(), float(low_rank[3, 4].round(6))
        (1, (array([3]), array([4])), 4.0)
    """
    fit = RobustLowRank(**options).fit(X)
    low_rank = fit.low_rank_
    mask = fit.outlier_mask_
    if not isinstance(mask, np.ndarray):
        coo = mask.tocoo()
        outliers = np.zeros(low_rank.shape)
        outliers[coo.row, coo.col] = np.asarray(X.tocsr()[coo.row, coo.col]).ravel() - low_rank[coo.row, coo.col]
        return low_rank, outliers, fit
    return low_rank, np.where(mask, np.nan_to_num(np.asarray(X, np.float64)) - low_rank, 0.0), fit
