"""Streams of signed, weighted, timed events between nodes."""

from ._split import SLICES as SLICES
from ._split import Split as Split
from ._split import chronological_split as chronological_split
from ._stream import EventStream as EventStream

__all__ = ["SLICES", "EventStream", "Split", "chronological_split"]
