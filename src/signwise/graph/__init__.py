"""Signed networks that grow over time: running features, strict baselines and their measures."""

from ._baselines import SIGN_MODELS as SIGN_MODELS
from ._baselines import AlwaysPositive as AlwaysPositive
from ._baselines import BiasMean as BiasMean
from ._baselines import Boosting as Boosting
from ._baselines import Logistic as Logistic
from ._baselines import Platt as Platt
from ._baselines import RateeMean as RateeMean
from ._baselines import SignModel as SignModel
from ._contract import Queries as Queries
from ._metrics import CALIBRATION_BINS as CALIBRATION_BINS
from ._metrics import THRESHOLD_LEVELS as THRESHOLD_LEVELS
from ._metrics import SignMetrics as SignMetrics
from ._metrics import best_threshold as best_threshold
from ._metrics import expected_calibration_error as expected_calibration_error
from ._metrics import sign_metrics as sign_metrics
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

__all__ = [
    "CALIBRATION_BINS",
    "FEATURE_GROUPS",
    "FEATURE_NAMES",
    "SIGN_MODELS",
    "THRESHOLD_LEVELS",
    "AlwaysPositive",
    "BiasMean",
    "Boosting",
    "Logistic",
    "Neighbors",
    "Platt",
    "Queries",
    "RateeMean",
    "Replay",
    "SignMetrics",
    "SignModel",
    "SignedState",
    "TreeEnsemble",
    "best_threshold",
    "expected_calibration_error",
    "pair_features",
    "replay",
    "replay_stream",
    "sign_metrics",
    "stream_features",
]
