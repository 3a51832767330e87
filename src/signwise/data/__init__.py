"""Named data sets as typed records, and planted streams that stand in for them."""

from ._fetch import fetch as fetch
from ._fetch import find as find
from ._latents import Latents as Latents
from ._load import load as load
from ._records import Dropped as Dropped
from ._records import FaceImages as FaceImages
from ._records import JsonCorpus as JsonCorpus
from ._records import JsonDocument as JsonDocument
from ._records import LabelledImages as LabelledImages
from ._records import LoadedStream as LoadedStream
from ._records import Provenance as Provenance
from ._records import SignedGraph as SignedGraph
from ._records import TabularData as TabularData
from ._records import TextCorpus as TextCorpus
from ._records import VideoFrames as VideoFrames
from ._records import WikiRfa as WikiRfa
from ._registry import DatasetInfo as DatasetInfo
from ._registry import FileInfo as FileInfo
from ._registry import describe as describe
from ._registry import names as names
from ._simulate import SimulatedStream as SimulatedStream
from ._simulate import simulate_signed_events as simulate_signed_events

__all__ = [
    "DatasetInfo",
    "Dropped",
    "FaceImages",
    "FileInfo",
    "JsonCorpus",
    "JsonDocument",
    "LabelledImages",
    "Latents",
    "LoadedStream",
    "Provenance",
    "SignedGraph",
    "SimulatedStream",
    "TabularData",
    "TextCorpus",
    "VideoFrames",
    "WikiRfa",
    "describe",
    "fetch",
    "find",
    "load",
    "names",
    "simulate_signed_events",
]
