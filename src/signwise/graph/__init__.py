"""Signed networks that grow over time: running features, models with memories, strict baselines and their measures.

The models with memories need torch and load on first use, so that ``import signwise.graph`` does not import it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._baselines import SIGN_MODELS as SIGN_MODELS
from ._baselines import AlwaysPositive as AlwaysPositive
from ._baselines import BiasMean as BiasMean
from ._baselines import Boosting as Boosting
from ._baselines import Logistic as Logistic
from ._baselines import Platt as Platt
from ._baselines import RateeMean as RateeMean
from ._baselines import SignModel as SignModel
from ._contract import Queries as Queries
from ._decision import Costs as Costs
from ._metrics import CALIBRATION_BINS as CALIBRATION_BINS
from ._metrics import THRESHOLD_LEVELS as THRESHOLD_LEVELS
from ._metrics import SignMetrics as SignMetrics
from ._metrics import best_threshold as best_threshold
from ._metrics import expected_calibration_error as expected_calibration_error
from ._metrics import sign_metrics as sign_metrics
from ._recent import RECENT_GROUPS as RECENT_GROUPS
from ._recent import RECENT_NAMES as RECENT_NAMES
from ._recent import recent_features as recent_features
from ._state import FEATURE_GROUPS as FEATURE_GROUPS
from ._state import FEATURE_NAMES as FEATURE_NAMES
from ._state import Neighbors as Neighbors
from ._state import SignedState as SignedState
from ._stream import Replay as Replay
from ._stream import pair_features as pair_features
from ._stream import replay as replay
from ._stream import replay_stream as replay_stream
from ._stream import stream_features as stream_features
from ._trees import TreeEnsemble as TreeEnsemble

if TYPE_CHECKING:
    from ._decoders import level_quantiles as level_quantiles
    from ._explain import AttendedEvent as AttendedEvent
    from ._explain import Explanation as Explanation
    from ._explain import Triad as Triad
    from ._live import LiveModel as LiveModel
    from ._live import LiveScore as LiveScore
    from ._options import MemoryOptions as MemoryOptions
    from ._options import OnlineOptions as OnlineOptions
    from ._options import TrainingOptions as TrainingOptions
    from ._saving import load_model as load_model
    from ._saving import save_model as save_model
    from ._semba import SEMBA as SEMBA
    from ._semba_plus import SEMBAPlus as SEMBAPlus
    from ._tgn import TGN as TGN

_LAZY = {
    "AttendedEvent": "_explain",
    "Explanation": "_explain",
    "LiveModel": "_live",
    "LiveScore": "_live",
    "Triad": "_explain",
    "load_model": "_saving",
    "save_model": "_saving",
    "SEMBA": "_semba",
    "TGN": "_tgn",
    "MemoryOptions": "_options",
    "OnlineOptions": "_options",
    "SEMBAPlus": "_semba_plus",
    "TrainingOptions": "_options",
    "level_quantiles": "_decoders",
}

__all__ = [
    "CALIBRATION_BINS",
    "FEATURE_GROUPS",
    "FEATURE_NAMES",
    "RECENT_GROUPS",
    "RECENT_NAMES",
    "SEMBA",
    "SIGN_MODELS",
    "TGN",
    "THRESHOLD_LEVELS",
    "AlwaysPositive",
    "AttendedEvent",
    "BiasMean",
    "Boosting",
    "Costs",
    "Explanation",
    "LiveModel",
    "LiveScore",
    "Logistic",
    "MemoryOptions",
    "Neighbors",
    "OnlineOptions",
    "Platt",
    "Queries",
    "RateeMean",
    "Replay",
    "SEMBAPlus",
    "SignMetrics",
    "SignModel",
    "SignedState",
    "TrainingOptions",
    "TreeEnsemble",
    "Triad",
    "best_threshold",
    "expected_calibration_error",
    "level_quantiles",
    "load_model",
    "pair_features",
    "recent_features",
    "replay",
    "replay_stream",
    "save_model",
    "sign_metrics",
    "stream_features",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
