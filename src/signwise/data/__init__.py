"""Named data sets as typed records, and planted streams that stand in for them."""

from ._fetch import fetch as fetch
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

__all__ = [
    "DatasetInfo",
    "Dropped",
    "FaceImages",
    "FileInfo",
    "JsonCorpus",
    "JsonDocument",
    "LabelledImages",
    "LoadedStream",
    "Provenance",
    "SignedGraph",
    "TabularData",
    "TextCorpus",
    "VideoFrames",
    "WikiRfa",
    "describe",
    "fetch",
    "load",
    "names",
]
