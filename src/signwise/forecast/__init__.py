"""The application: a stream of signed events in, forecasts and a report out."""

from ._demo import demo as demo
from ._events import EventLog as EventLog
from ._events import Reject as Reject
from ._events import read_events as read_events
from ._fit import ForecastConfig as ForecastConfig
from ._fit import fit as fit
from ._model import Forecaster as Forecaster
from ._model import ForecastModel as ForecastModel
from ._model import MemoryForecaster as MemoryForecaster
from ._payload import PayloadEncoder as PayloadEncoder
from ._plots import figures as figures
from ._predict import Predictions as Predictions
from ._predict import predict as predict
from ._report import Alarms as Alarms
from ._report import alarms as alarms
from ._result import LABELS as LABELS
from ._result import AblationRow as AblationRow
from ._result import DatasetSummary as DatasetSummary
from ._result import Forecast as Forecast
from ._result import OptimizerRow as OptimizerRow
from ._result import Protocol as Protocol
from ._result import SignReport as SignReport
from ._result import SplitSummary as SplitSummary
from ._rows import Columns as Columns

__all__ = [
    "LABELS",
    "AblationRow",
    "Alarms",
    "Columns",
    "DatasetSummary",
    "EventLog",
    "Forecast",
    "ForecastConfig",
    "ForecastModel",
    "Forecaster",
    "MemoryForecaster",
    "OptimizerRow",
    "PayloadEncoder",
    "Predictions",
    "Protocol",
    "Reject",
    "SignReport",
    "SplitSummary",
    "alarms",
    "demo",
    "figures",
    "fit",
    "predict",
    "read_events",
]
