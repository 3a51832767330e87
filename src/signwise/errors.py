"""The errors that a user of signwise may want to catch."""

from __future__ import annotations

import importlib
from types import ModuleType


class SignwiseError(Exception):
    """Base class of the errors that are about a user's data, files or installation.

    Wrong arguments raise :class:`ValueError` or :class:`TypeError` as usual.
    """


class MissingExtraError(SignwiseError, ImportError):
    """An optional dependency is not installed; the message names the extra that brings it."""


class DataError(SignwiseError, ValueError):
    """Input data cannot be used: wrong columns, no valid line, a damaged file."""


class LeakError(SignwiseError, ValueError):
    """A pair or an event is not later than every committed event, so its score would know of its own time."""


class LateEventError(SignwiseError, ValueError):
    """An event came after its time was sealed, so scores given since did not know of it."""


class ArtifactError(SignwiseError):
    """A saved directory is missing, damaged, or of a version that this signwise cannot read."""


class IndexCorruptError(ArtifactError):
    """A saved index is damaged: a file is missing, or is not the one that its manifest lists."""


class EncoderMismatchError(SignwiseError, ValueError):
    """An index was made by an encoder of other options or of another fitted state."""


class ConfigError(SignwiseError, ValueError):
    """A configuration has an unknown key or a value of the wrong type."""


def import_extra(module: str, extra: str, purpose: str) -> ModuleType:
    """Import an optional dependency, or raise :class:`MissingExtraError` that says how to get it.

    Args:
        module: dotted name of the module to import.
        extra: the extra of signwise that installs it.
        purpose: what it is needed for, to complete the sentence "X is needed ...".
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or module.split(".")[0] != error.name.split(".")[0]:
            raise
        raise MissingExtraError(
            f"{module} is needed {purpose} and is not installed; install it with: pip install 'signwise[{extra}]'"
        ) from error
