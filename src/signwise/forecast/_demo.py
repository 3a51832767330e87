"""The README's main job: a forecast on real trust ratings, or on a planted stream where they cannot be had."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from signwise import data
from signwise.errors import DataError
from signwise.graph import sign_metrics

from ._fit import ForecastConfig, fit
from ._result import Forecast

DEMO_DATASET = "bitcoin-otc"


@dataclass(frozen=True, kw_only=True, eq=False)
class Demo:
    """A finished demonstration.

    Args:
        forecast: the run.
        dataset: what it ran on.
        planted: why the planted stream was used instead of the data set; None if it was not.
        oracle_auc: AUC on the test part of an oracle that knows the planted secrets; None on real data.
    """

    forecast: Forecast
    dataset: str
    planted: str | None
    oracle_auc: float | None


def demo(
    *,
    out: str | Path | None = "signwise-run",
    root: str | Path | None = None,
    fetch: bool = True,
    seed: int = 0,
    progress: bool | None = None,
) -> Demo:
    """Run the forecast on bitcoin-otc, or on a planted stream if that is neither here nor can be fetched.

    Args:
        out: the directory to write; None writes nothing.
        root: where to look for the data set first.
        fetch: try the publisher's address.
        seed: seed of everything random.
        progress: show progress on standard error; None decides by the terminal.
    """
    config = ForecastConfig(seed=seed)
    try:
        stream = data.load(DEMO_DATASET, root=root, download=fetch, progress=progress)
    except DataError as error:
        planted = data.simulate_signed_events(30_000, 5_000, scenario="marketplace", seed=seed)
        forecast = fit(planted.stream, out=out, config=config, progress=progress, name="planted marketplace")
        return Demo(
            forecast=forecast,
            dataset="planted marketplace",
            planted=str(error),
            oracle_auc=_oracle_auc(forecast, planted.oracle_score),
        )
    forecast = fit(stream, out=out, config=config, progress=progress, name=DEMO_DATASET)
    return Demo(forecast=forecast, dataset=DEMO_DATASET, planted=None, oracle_auc=None)


def _oracle_auc(forecast: Forecast, oracle: npt.NDArray[np.float64]) -> float | None:
    test = forecast.split.test
    measured = sign_metrics(forecast.log.stream.sign[test], oracle[test], threshold=0.5)
    return None if measured is None else measured.auc
