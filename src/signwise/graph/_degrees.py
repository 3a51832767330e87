"""Existence from degrees alone: the rules that a model of links has to beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._baselines import AlwaysPositive, Floats, Margins


@dataclass(frozen=True)
class Degree(AlwaysPositive):
    """log(1 + number of events of the ratee so far, in either role): active nodes are rated again."""

    def margin(self, features: Floats) -> Margins:
        """From features 4 to 7."""
        return np.asarray(np.log1p(np.expm1(features[:, 4:8].astype(np.float64)).sum(axis=1)))


@dataclass(frozen=True)
class Attachment(AlwaysPositive):
    """log(1 + ratings that the rater gave) + log(1 + ratings that the ratee got): preferential attachment."""

    def margin(self, features: Floats) -> Margins:
        """From features 0, 1, 6 and 7."""
        given, got = (np.expm1(features[:, at : at + 2].astype(np.float64)).sum(axis=1) for at in (0, 6))
        return np.asarray(np.log1p(given) + np.log1p(got))
