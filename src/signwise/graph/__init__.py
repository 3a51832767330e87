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
from ._baselines import RaterRate as RaterRate
from ._baselines import SignModel as SignModel
from ._class_metrics import SIGNED_LINK_CLASSES as SIGNED_LINK_CLASSES
from ._class_metrics import SignedLinkMetrics as SignedLinkMetrics
from ._class_metrics import signed_link_metrics as signed_link_metrics
from ._compare import Comparison as Comparison
from ._compare import compare as compare
from ._contract import Queries as Queries
from ._contract import Scores as Scores
from ._contract import StreamModel as StreamModel
from ._decision import Costs as Costs
from ._degrees import Attachment as Attachment
from ._degrees import Degree as Degree
from ._evaluate import evaluate as evaluate
from ._fairness_goodness import FairnessGoodness as FairnessGoodness
from ._fairness_goodness import fairness_goodness as fairness_goodness
from ._feature_models import BOOSTING_GRID as BOOSTING_GRID
from ._feature_models import FAMILIES as FAMILIES
from ._feature_models import Family as Family
from ._feature_models import FeatureModel as FeatureModel
from ._heads import BinaryHead as BinaryHead
from ._link_metrics import LinkMetrics as LinkMetrics
from ._link_metrics import RankMetrics as RankMetrics
from ._link_metrics import event_ranks as event_ranks
from ._link_metrics import link_metrics as link_metrics
from ._link_metrics import rank_metrics as rank_metrics
from ._metrics import CALIBRATION_BINS as CALIBRATION_BINS
from ._metrics import THRESHOLD_LEVELS as THRESHOLD_LEVELS
from ._metrics import SignMetrics as SignMetrics
from ._metrics import best_threshold as best_threshold
from ._metrics import expected_calibration_error as expected_calibration_error
from ._metrics import sign_metrics as sign_metrics
from ._negatives import draw_negatives as draw_negatives
from ._recent import RECENT_GROUPS as RECENT_GROUPS
from ._recent import RECENT_NAMES as RECENT_NAMES
from ._recent import recent_features as recent_features
from ._report import Interval as Interval
from ._report import Outcome as Outcome
from ._report import Report as Report
from ._report import Run as Run
from ._sketch import SignedSketch as SignedSketch
from ._sketch import stream_sketch as stream_sketch
from ._state import FEATURE_GROUPS as FEATURE_GROUPS
from ._state import FEATURE_NAMES as FEATURE_NAMES
from ._state import Neighbors as Neighbors
from ._state import SignedState as SignedState
from ._stream import Replay as Replay
from ._stream import pair_features as pair_features
from ._stream import replay as replay
from ._stream import replay_stream as replay_stream
from ._stream import stream_features as stream_features
from ._trees import BoostingSettings as BoostingSettings
from ._trees import TreeEnsemble as TreeEnsemble
from ._weight_metrics import COVERAGE_LEVELS as COVERAGE_LEVELS
from ._weight_metrics import Coverage as Coverage
from ._weight_metrics import WeightMetrics as WeightMetrics
from ._weight_metrics import weight_metrics as weight_metrics
from ._weight_models import BoostedWeight as BoostedWeight
from ._weight_models import MeanWeight as MeanWeight
from ._weight_models import RidgeWeight as RidgeWeight
from ._weight_models import RuleWeight as RuleWeight
from ._weight_models import WeightHead as WeightHead
from ._weight_models import WeightModel as WeightModel

if TYPE_CHECKING:
    from ._decoders import level_quantiles as level_quantiles
    from ._event_model import EventModel as EventModel
    from ._explain import AttendedEvent as AttendedEvent
    from ._explain import Explanation as Explanation
    from ._explain import Triad as Triad
    from ._gcn import GCN as GCN
    from ._live import LiveModel as LiveModel
    from ._live import LiveScore as LiveScore
    from ._options import MemoryOptions as MemoryOptions
    from ._options import OnlineOptions as OnlineOptions
    from ._options import TrainingOptions as TrainingOptions
    from ._saving import load_model as load_model
    from ._saving import model_from_tensors as model_from_tensors
    from ._saving import model_to_tensors as model_to_tensors
    from ._saving import save_model as save_model
    from ._semba import SEMBA as SEMBA
    from ._semba_plus import SEMBAPlus as SEMBAPlus
    from ._sgcn import SGCN as SGCN
    from ._snapshots import SnapshotOptions as SnapshotOptions
    from ._tgn import TGN as TGN

_LAZY = {
    "EventModel": "_event_model",
    "AttendedEvent": "_explain",
    "Explanation": "_explain",
    "LiveModel": "_live",
    "LiveScore": "_live",
    "Triad": "_explain",
    "load_model": "_saving",
    "model_from_tensors": "_saving",
    "model_to_tensors": "_saving",
    "save_model": "_saving",
    "GCN": "_gcn",
    "SEMBA": "_semba",
    "SGCN": "_sgcn",
    "TGN": "_tgn",
    "MemoryOptions": "_options",
    "OnlineOptions": "_options",
    "SEMBAPlus": "_semba_plus",
    "SnapshotOptions": "_snapshots",
    "TrainingOptions": "_options",
    "level_quantiles": "_decoders",
}

__all__ = [
    "BOOSTING_GRID",
    "CALIBRATION_BINS",
    "COVERAGE_LEVELS",
    "FAMILIES",
    "FEATURE_GROUPS",
    "FEATURE_NAMES",
    "GCN",
    "RECENT_GROUPS",
    "RECENT_NAMES",
    "SEMBA",
    "SGCN",
    "SIGNED_LINK_CLASSES",
    "SIGN_MODELS",
    "TGN",
    "THRESHOLD_LEVELS",
    "AlwaysPositive",
    "Attachment",
    "AttendedEvent",
    "BiasMean",
    "BinaryHead",
    "BoostedWeight",
    "Boosting",
    "BoostingSettings",
    "Comparison",
    "Costs",
    "Coverage",
    "Degree",
    "EventModel",
    "Explanation",
    "FairnessGoodness",
    "Family",
    "FeatureModel",
    "Interval",
    "LinkMetrics",
    "LiveModel",
    "LiveScore",
    "Logistic",
    "MeanWeight",
    "MemoryOptions",
    "Neighbors",
    "OnlineOptions",
    "Outcome",
    "Platt",
    "Queries",
    "RankMetrics",
    "RateeMean",
    "RaterRate",
    "Replay",
    "Report",
    "RidgeWeight",
    "RuleWeight",
    "Run",
    "SEMBAPlus",
    "Scores",
    "SignMetrics",
    "SignModel",
    "SignedLinkMetrics",
    "SignedSketch",
    "SignedState",
    "SnapshotOptions",
    "StreamModel",
    "TrainingOptions",
    "TreeEnsemble",
    "Triad",
    "WeightHead",
    "WeightMetrics",
    "WeightModel",
    "best_threshold",
    "compare",
    "draw_negatives",
    "evaluate",
    "event_ranks",
    "expected_calibration_error",
    "fairness_goodness",
    "level_quantiles",
    "link_metrics",
    "load_model",
    "model_from_tensors",
    "model_to_tensors",
    "pair_features",
    "rank_metrics",
    "recent_features",
    "replay",
    "replay_stream",
    "save_model",
    "sign_metrics",
    "signed_link_metrics",
    "stream_features",
    "stream_sketch",
    "weight_metrics",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
