"""Forecasters of signed weights on the running features: rules, ridge regression and boosted trees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ._baselines import SignModel
from ._state import FEATURE_NAMES
from ._trees import BoostingSettings, TreeEnsemble

Features = npt.NDArray[np.floating]
Floats = npt.NDArray[np.float64]

_PARALLEL_ROWS = 500_000
_MOST_LEVELS = 64
_SETTINGS = BoostingSettings(l2_regularization=0.0)


class WeightModel(Protocol):
    """A forecaster of x = sign * weight / weight_max in [-1, 1]."""

    def fit(self, features: Features, x: Floats) -> WeightModel:
        """The fitted model, from float features of shape ``(n, 34)`` and x of shape ``(n,)``."""
        ...

    def predict(self, features: Features) -> Floats:
        """The mean of x for each row; float64, shape ``(n,)``."""
        ...


@dataclass(frozen=True, kw_only=True)
class MeanWeight:
    """The mean x of the training events, for every row."""

    mean: float = 0.0

    def fit(self, features: Features, x: Floats) -> MeanWeight:
        """The mean of x."""
        return MeanWeight(mean=float(x.mean()))

    def predict(self, features: Features) -> Floats:
        """The same number for each row."""
        return np.full(len(features), self.mean)


@dataclass(frozen=True, kw_only=True)
class RuleWeight:
    """The margin of a rule that is a mean of x already, clipped to [-1, 1]; nothing is learnt."""

    rule: SignModel

    def fit(self, features: Features, x: Floats) -> RuleWeight:
        """The rule itself."""
        return self

    def predict(self, features: Features) -> Floats:
        """The clipped margin."""
        return self.rule.margin(features).clip(-1.0, 1.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class RidgeWeight:
    """Ridge regression on standardised features.

    Args:
        alpha: the penalty.
        columns: the feature columns to use; all 34 by default.
        coefficient, intercept: of raw features; set by :meth:`fit`.
    """

    alpha: float = 10.0
    columns: tuple[int, ...] = tuple(range(len(FEATURE_NAMES)))
    coefficient: Floats | None = None
    intercept: float = 0.0

    def fit(self, features: Features, x: Floats) -> RidgeWeight:
        """Least squares with the penalty."""
        from sklearn.linear_model import Ridge
        from threadpoolctl import threadpool_limits

        rows = features[:, self.columns].astype(np.float64)
        mean, scale = rows.mean(0), rows.std(0) + 1e-6
        model = Ridge(alpha=self.alpha)
        # One thread, because the sums of a matrix product depend on how it is shared out.
        with threadpool_limits(1):
            model.fit((rows - mean) / scale, x)
        coefficient = np.asarray(model.coef_ / scale, np.float64)
        return replace(self, coefficient=coefficient, intercept=float(model.intercept_ - (coefficient * mean).sum()))

    def predict(self, features: Features) -> Floats:
        """The linear form, clipped to [-1, 1]."""
        if self.coefficient is None:
            raise ValueError("the model is not fitted; call fit first")
        total = (features[:, self.columns] * self.coefficient).sum(axis=1) + self.intercept
        return np.asarray(total, np.float64).clip(-1.0, 1.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class BoostedWeight:
    """Boosted regression trees with squared error.

    Args:
        columns: the feature columns to use; all 34 by default.
        random_state: seed of the fit.
        settings: of the fit; without l2 by default.
        trees: set by :meth:`fit`.
    """

    columns: tuple[int, ...] = tuple(range(len(FEATURE_NAMES)))
    random_state: int = 0
    settings: BoostingSettings = _SETTINGS
    trees: TreeEnsemble | None = None

    def fit(self, features: Features, x: Floats) -> BoostedWeight:
        """The fitted trees."""
        from sklearn.ensemble import HistGradientBoostingRegressor
        from threadpoolctl import threadpool_limits

        model = HistGradientBoostingRegressor(
            **asdict(self.settings), early_stopping=False, random_state=self.random_state
        )
        with threadpool_limits(1 if len(x) < _PARALLEL_ROWS else None, user_api="openmp"):
            model.fit(features[:, self.columns], x)
        return replace(self, trees=TreeEnsemble.from_sklearn(model))

    def predict(self, features: Features) -> Floats:
        """The sum of the trees, clipped to [-1, 1]."""
        if self.trees is None:
            raise ValueError("the model is not fitted; call fit first")
        return self.trees.decision_function(features[:, self.columns]).clip(-1.0, 1.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class WeightHead:
    """A forecaster of x with a distribution over the training levels: normal around its mean, cut to the levels.

    Args:
        model: the fitted forecaster.
        scale: weight_max.
        deviation: of the training residuals, in units of the weight.
        levels: float64, shape ``(k,)``; the signed weights of the training events, or None where they are too many
            (more than 64) to be a scale of levels.
    """

    model: WeightModel
    scale: float
    deviation: float
    levels: Floats | None

    @classmethod
    def fit(
        cls,
        make: Callable[[], WeightModel],
        features: Features,
        weight: Floats,
        scale: float,
        like: WeightHead | None = None,
    ) -> WeightHead:
        """Fit on signed weights in their own unit; on the levels of another head where one is given."""
        model = make().fit(features, (weight / scale).clip(-1.0, 1.0))
        levels = np.unique(weight)
        kept = levels if len(levels) <= _MOST_LEVELS else None
        residual = weight - scale * model.predict(features)
        return cls(
            model=model,
            scale=scale,
            deviation=max(float(np.sqrt(np.mean(residual**2))), 1e-6),
            levels=kept if like is None else like.levels,
        )

    def scores(self, features: Features) -> Floats:
        """The mean, then the probability of each level; float64, shape ``(n, 1 + k)``."""
        mean = self.scale * self.model.predict(features)
        if self.levels is None:
            return mean[:, None]
        log_density = -0.5 * ((self.levels - mean[:, None]) / self.deviation) ** 2
        density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
        return np.concatenate([mean[:, None], density / density.sum(axis=1, keepdims=True)], axis=1)
