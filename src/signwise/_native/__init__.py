"""The C++ extension and the only wrappers that call it.

A module here owns one topic: it checks what comes, calls the kernel, and falls back to numpy with the same
results where the extension was not built.
"""

from . import _attention as _attention
from . import _bits as _bits
from . import _graph as _graph
from . import _optim as _optim
from . import _ortho as _ortho
from ._runtime import ISA_NAMES as ISA_NAMES
from ._runtime import active_isa as active_isa
from ._runtime import available as available
from ._runtime import best_isa as best_isa
from ._runtime import core as core
from ._runtime import force_isa as force_isa
from ._runtime import num_threads as num_threads
from ._runtime import use_fallback as use_fallback
