"""JSON documents as vectors: matrix binding of additive terms (MBAT), without training or schema.

:class:`JSONEncoder` maps any JSON document to one vector of fixed length, so that similar documents get similar
vectors, with equal bits in every process and on every platform.
"""

from ._bundle import Match as Match
from ._bundle import bundle as bundle
from ._bundle import cleanup as cleanup
from ._capacity import capacity as capacity
from ._decode import Decoded as Decoded
from ._encoder import EncodedBatch as EncodedBatch
from ._encoder import JSONEncoder as JSONEncoder
from ._explain import Contribution as Contribution
from ._explain import Explanation as Explanation
from ._index import Added as Added
from ._index import Hit as Hit
from ._index import JSONIndex as JSONIndex
from ._inputs import Reject as Reject
from ._mbat import MBAT as MBAT
from ._memory import Memory as Memory

__all__ = [
    "MBAT",
    "Added",
    "Contribution",
    "Decoded",
    "EncodedBatch",
    "Explanation",
    "Hit",
    "JSONEncoder",
    "JSONIndex",
    "Match",
    "Memory",
    "Reject",
    "bundle",
    "capacity",
    "cleanup",
]
