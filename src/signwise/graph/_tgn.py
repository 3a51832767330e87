"""TGN: one memory per node, the unsigned relative that signed memories are compared with."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from ._options import MemoryOptions
from ._semba import SEMBA


class TGN(SEMBA):
    """A temporal graph network: one memory, messages ``m_i ‖ m_j ‖ a ‖ φ``, and the attention of SEMBA.

    References:
        Temporal graph networks for deep learning on dynamic graphs, arXiv 2006.10637.
    """

    OPTIONS: ClassVar[MemoryOptions] = replace(SEMBA.OPTIONS, memories=1, event_features="signed")
