"""A binary forecaster with the calibration that makes its margin log odds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ._baselines import Platt, SignModel

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class BinaryHead:
    """A fitted forecaster of ±1 and its calibration.

    Args:
        model: the fitted forecaster.
        calibration: of its margins, fitted on the same rows; the identity where they are log odds already.
    """

    model: SignModel
    calibration: Platt

    @classmethod
    def fit(
        cls, make: Callable[[], SignModel], features: npt.NDArray[np.floating], label: npt.NDArray[np.integer]
    ) -> BinaryHead:
        """Fit a new forecaster on features of shape ``(n, 34)`` and labels ±1."""
        model = make().fit(features, label)
        if model.log_odds:
            return cls(model=model, calibration=Platt(slope=1.0, intercept=0.0))
        return cls(model=model, calibration=Platt.fit(model.margin(features), label))

    def log_odds(self, features: npt.NDArray[np.floating]) -> Floats:
        """The log odds of +1; float64, shape ``(n,)``."""
        return np.asarray(self.calibration.slope * self.model.margin(features) + self.calibration.intercept)
