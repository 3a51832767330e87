"""JSON documents as vectors: matrix binding of additive terms (MBAT), without training or schema.

:class:`JSONEncoder` maps any JSON document to one vector of fixed length, so that similar documents get similar
vectors, with equal bits in every process and on every platform.
"""

from ._encoder import EncodedBatch as EncodedBatch
from ._encoder import JSONEncoder as JSONEncoder
from ._inputs import Reject as Reject

__all__ = ["EncodedBatch", "JSONEncoder", "Reject"]
