"""Saved directories: versioned, checksummed, written atomically, read back with clear errors."""

from .._files import atomic_write as atomic_write
from ._artifact import Artifact as Artifact
from ._artifact import load as load
from ._artifact import save as save
from ._staging import check_replaceable as check_replaceable
from ._staging import stage_directory as stage_directory

__all__ = ["Artifact", "atomic_write", "check_replaceable", "load", "save", "stage_directory"]
