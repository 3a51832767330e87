"""Split a matrix into low rank and gross errors, with missing entries, and project new rows robustly."""

import warnings

import numpy as np

from signwise.recovery import RobustLowRank

rng = np.random.default_rng(0)
truth = rng.standard_normal((120, 4)) @ rng.standard_normal((4, 90))
X = truth.copy()
bad = rng.random(X.shape) < 0.2
X[bad] += rng.uniform(-50, 50, bad.sum())
X[rng.random(X.shape) < 0.1] = np.nan

fit = RobustLowRank().fit(X)
error = np.linalg.norm(fit.low_rank_ - truth) / np.linalg.norm(truth)
print("rank:", fit.rank_, " recovered:", fit.recovered_, " error below 1e-9:", error < 1e-9)
print("outliers found:", np.array_equal(fit.outlier_mask_, bad & ~np.isnan(X)))

row = rng.standard_normal(4) @ fit.components_
seen = row.copy()
seen[:15] = 1000.0
back = fit.inverse_transform(fit.transform(seen[None]))[0]
print("a new row with 15 gross errors, largest error below 1e-6:", np.abs(back - row).max() < 1e-6)

# Too many errors for its rank: the fit says so.
hard = rng.standard_normal((60, 20)) @ rng.standard_normal((20, 60))
hard[rng.random(hard.shape) < 0.4] = 100
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    print("recovered:", RobustLowRank(max_rank=30).fit(hard).recovered_)
