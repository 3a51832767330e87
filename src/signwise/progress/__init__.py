"""Progress of long work: a bar on a terminal, plain lines elsewhere, silence on request."""

from ._progress import Progress as Progress
from ._progress import track as track
from ._switch import quiet as quiet

__all__ = ["Progress", "quiet", "track"]
