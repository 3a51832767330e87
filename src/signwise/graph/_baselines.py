"""Sign forecasters on the running features: the simple rules, logistic regression and boosted trees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from ._state import FEATURE_NAMES
from ._trees import BoostingSettings, TreeEnsemble

Floats = npt.NDArray[np.floating]
Signs = npt.NDArray[np.integer]
Margins = npt.NDArray[np.float64]

_RATEE_MEAN = FEATURE_NAMES.index("mean_got_ratee")
_RATER_BIAS = FEATURE_NAMES.index("bias_rater")
_RATER_RATE = FEATURE_NAMES.index("rate_given_rater")
_PARALLEL_ROWS = 500_000
_SETTINGS = BoostingSettings()


class SignModel(Protocol):
    """A forecaster of signs: a margin that grows with the belief in a positive sign.

    ``log_odds`` says whether the margin already is the log odds of a positive sign; any other margin needs a
    calibration (:class:`Platt`) to become a probability.
    """

    log_odds: ClassVar[bool]

    def fit(self, features: Floats, sign: Signs) -> SignModel:
        """The fitted model, from float features of shape ``(n, 34)`` and signs ±1 of shape ``(n,)``."""
        ...

    def margin(self, features: Floats) -> Margins:
        """A real score for each row, higher for positive; float64, shape ``(n,)``."""
        ...

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays that :meth:`from_tensors` restores the fitted model from."""
        ...

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, npt.NDArray[Any]]) -> SignModel:
        """The fitted model of stored arrays."""
        ...


@dataclass(frozen=True)
class AlwaysPositive:
    """The same margin for every event: what the base rate alone gives."""

    log_odds: ClassVar[bool] = False

    def fit(self, features: Floats, sign: Signs) -> AlwaysPositive:
        """Nothing is learnt."""
        return self

    def margin(self, features: Floats) -> Margins:
        """Zeros."""
        return np.zeros(len(features))

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Nothing is stored."""
        return {}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, npt.NDArray[Any]]) -> AlwaysPositive:
        """The one such model."""
        return cls()


@dataclass(frozen=True)
class RateeMean(AlwaysPositive):
    """The smoothed mean of what the ratee received so far (feature 9)."""

    def margin(self, features: Floats) -> Margins:
        """Feature 9."""
        return np.asarray(features[:, _RATEE_MEAN], np.float64)


@dataclass(frozen=True)
class RaterRate(AlwaysPositive):
    """The smoothed share of positive ratings among those that the rater gave so far (feature 13)."""

    def margin(self, features: Floats) -> Margins:
        """Feature 13."""
        return np.asarray(features[:, _RATER_RATE], np.float64)


@dataclass(frozen=True)
class BiasMean(AlwaysPositive):
    """The ratee's smoothed mean plus the rater's bias against such means (features 9 and 12)."""

    def margin(self, features: Floats) -> Margins:
        """Feature 9 plus feature 12."""
        return np.asarray(features[:, _RATEE_MEAN].astype(np.float64) + features[:, _RATER_BIAS])


@dataclass(frozen=True, kw_only=True, eq=False)
class Logistic:
    """Logistic regression on standardised features, classes weighted equally (C = 1, 2,000 iterations).

    Args:
        columns: the feature columns to use; all 34 by default.
        coefficient: float64, shape ``(columns,)``, of raw features; set by :meth:`fit`.
        intercept: set by :meth:`fit`.
    """

    log_odds: ClassVar[bool] = False

    columns: tuple[int, ...] = tuple(range(len(FEATURE_NAMES)))
    coefficient: Margins | None = None
    intercept: float = 0.0

    def fit(self, features: Floats, sign: Signs) -> Logistic:
        """Fit on train rows; both signs must occur."""
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits

        x = features[:, self.columns].astype(np.float64)
        mean, scale = x.mean(0), x.std(0) + 1e-6
        model = LogisticRegression(C=1.0, class_weight="balanced", max_iter=2000)
        # One thread, because the sums of a matrix product depend on how it is shared out.
        with threadpool_limits(1):
            model.fit((x - mean) / scale, _both_signs(sign))
        coefficient = model.coef_[0] / scale
        intercept = float(model.intercept_[0] - coefficient @ mean)
        return Logistic(columns=self.columns, coefficient=coefficient, intercept=intercept)

    def margin(self, features: Floats) -> Margins:
        """The log odds of a positive sign under equal class weights."""
        if self.coefficient is None:
            raise ValueError("the model is not fitted; call fit first")
        # A sum along each row, and not a matrix product, so that a row's margin does not depend on its neighbours.
        return np.asarray((features[:, self.columns] * self.coefficient).sum(axis=1) + self.intercept)

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Columns, coefficients and intercept."""
        if self.coefficient is None:
            raise ValueError("the model is not fitted; call fit first")
        return {
            "columns": np.asarray(self.columns, np.int64),
            "coefficient": self.coefficient,
            "intercept": np.asarray([self.intercept]),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, npt.NDArray[Any]]) -> Logistic:
        """The fitted model of stored arrays."""
        columns = tuple(tensors["columns"].tolist())
        return cls(columns=columns, coefficient=tensors["coefficient"], intercept=float(tensors["intercept"][0]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Boosting:
    """Histogram gradient boosting (by default 200 trees of 15 leaves, rate .05, at least 40 rows a leaf, l2 1).

    Args:
        columns: the feature columns to use; all 34 by default.
        random_state: seed of the fit; it matters only where rows are subsampled for binning (above 200,000).
        settings: of the fit; not stored with the fitted trees.
        trees: the fitted trees; set by :meth:`fit`.
    """

    log_odds: ClassVar[bool] = True

    columns: tuple[int, ...] = tuple(range(len(FEATURE_NAMES)))
    random_state: int = 0
    settings: BoostingSettings = _SETTINGS
    trees: TreeEnsemble | None = None

    def fit(self, features: Floats, sign: Signs) -> Boosting:
        """Fit on train rows; both signs must occur."""
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits

        model = HistGradientBoostingClassifier(
            **asdict(self.settings), early_stopping=False, random_state=self.random_state
        )
        # Few rows gain nothing from a second thread, and lose much where the processor is shared.
        with threadpool_limits(1 if len(sign) < _PARALLEL_ROWS else None, user_api="openmp"):
            model.fit(features[:, self.columns], _both_signs(sign))
        return replace(self, trees=TreeEnsemble.from_sklearn(model))

    def margin(self, features: Floats) -> Margins:
        """The log odds of a positive sign."""
        if self.trees is None:
            raise ValueError("the model is not fitted; call fit first")
        return self.trees.decision_function(features[:, self.columns])

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Columns, seed, baseline and trees."""
        if self.trees is None:
            raise ValueError("the model is not fitted; call fit first")
        return {
            "columns": np.asarray(self.columns, np.int64),
            "random_state": np.asarray([self.random_state], np.int64),
            "baseline": np.asarray([self.trees.baseline]),
            **{f"trees.{name}": value for name, value in self.trees.tensors().items()},
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, npt.NDArray[Any]]) -> Boosting:
        """The fitted model of stored arrays."""
        trees = {name.removeprefix("trees."): v for name, v in tensors.items() if name.startswith("trees.")}
        return cls(
            columns=tuple(tensors["columns"].tolist()),
            random_state=int(tensors["random_state"][0]),
            trees=TreeEnsemble.from_tensors(trees, float(tensors["baseline"][0])),
        )


@dataclass(frozen=True, kw_only=True)
class Platt:
    """A probability from a margin: ``1 / (1 + exp(-(slope * margin + intercept)))`` with slope above 0.

    A positive slope keeps the order of the margins, so ranking measures do not change.

    Args:
        slope: above 0.
        intercept: log odds at margin 0.
    """

    slope: float
    intercept: float

    @classmethod
    def fit(cls, margin: Margins, sign: Signs) -> Platt:
        """Fit by maximum likelihood with Platt's smoothed targets ``(n± + 1)/(n± + 2)``.

        Args:
            margin: float64, shape ``(n,)``; of events before those to be scored.
            sign: +1 or -1, shape ``(n,)``.

        Returns:
            The calibration; slope 1 where a constant margin leaves it open, and where the margins rank the
            events backwards, which a calibration must not hide.
        """
        from scipy.optimize import minimize

        positive = np.asarray(sign) > 0
        n_pos, n_neg = int(positive.sum()), int((~positive).sum())
        target = np.where(positive, (n_pos + 1) / (n_pos + 2), 1 / (n_neg + 2))
        center, spread = (float(margin.mean()), float(margin.std())) if len(margin) else (0.0, 0.0)
        z = (margin - center) / spread if spread > 0 else np.zeros(len(margin))

        def loss(w: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
            logit = w[0] * z + w[1]
            error = _sigmoid(logit) - target
            value = np.logaddexp(0.0, logit) - target * logit
            return float(value.sum()), np.array([error @ z, error.sum()])

        base = float(np.log(target.mean() / (1 - target.mean()))) if len(target) else 0.0
        slope, shift = minimize(loss, np.array([1.0 if spread > 0 else 0.0, base]), jac=True, method="BFGS").x
        if spread == 0 or slope <= 1e-6:
            return cls(slope=1.0, intercept=base - center)
        return cls(slope=float(slope / spread), intercept=float(shift - slope * center / spread))

    def __call__(self, margin: Margins) -> Margins:
        """The probabilities of a positive sign; float64, shape ``(n,)``."""
        return _sigmoid(self.slope * margin + self.intercept)


def _sigmoid(x: Margins) -> Margins:
    from scipy.special import expit

    return np.asarray(expit(x), np.float64)


def _both_signs(sign: Signs) -> npt.NDArray[np.bool_]:
    positive = np.asarray(sign) > 0
    if positive.all() or not positive.any():
        only = "positive" if positive.all() else "negative"
        raise ValueError(f"all {len(positive)} training events are {only}; learning signs needs both")
    return positive


SIGN_MODELS: dict[str, type[SignModel]] = {
    "always_positive": AlwaysPositive,
    "ratee_mean": RateeMean,
    "bias_mean": BiasMean,
    "logistic": Logistic,
    "boosting": Boosting,
}
"""The forecasters by the name that reports use."""
