"""JSON documents as vectors: matrix binding of additive terms (MBAT), without training or schema.

:class:`JSONEncoder` maps any JSON document to one vector of fixed length, so that similar documents get similar
vectors, with equal bits in every process and on every platform.
"""

from ._bundle import Match as Match
from ._bundle import bundle as bundle
from ._bundle import cleanup as cleanup
from ._capacity import capacity as capacity
from ._decode import Decoded as Decoded
from ._encode_files import EncodedFiles as EncodedFiles
from ._encode_files import encode_files as encode_files
from ._encoder import EncodedBatch as EncodedBatch
from ._encoder import JSONEncoder as JSONEncoder
from ._explain import Contribution as Contribution
from ._explain import Explanation as Explanation
from ._files import AddedFiles as AddedFiles
from ._files import FileReject as FileReject
from ._files import SourceDocument as SourceDocument
from ._files import add_files as add_files
from ._files import read_documents as read_documents
from ._index import Added as Added
from ._index import Hit as Hit
from ._index import JSONIndex as JSONIndex
from ._inputs import Reject as Reject
from ._mbat import MBAT as MBAT
from ._memory import Memory as Memory
from ._scale import EncodeBatch as EncodeBatch
from ._scale import encode_dataset as encode_dataset
from ._scale import fit_dataset as fit_dataset

__all__ = [
    "MBAT",
    "Added",
    "AddedFiles",
    "Contribution",
    "Decoded",
    "EncodeBatch",
    "EncodedBatch",
    "EncodedFiles",
    "Explanation",
    "FileReject",
    "Hit",
    "JSONEncoder",
    "JSONIndex",
    "Match",
    "Memory",
    "Reject",
    "SourceDocument",
    "add_files",
    "bundle",
    "capacity",
    "cleanup",
    "encode_dataset",
    "encode_files",
    "fit_dataset",
    "read_documents",
]
