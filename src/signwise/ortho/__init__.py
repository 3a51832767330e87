"""Orthogonal transforms of long vectors, drawn from keys by a specified hash.

Three families share one interface: :class:`SignedPermutation`, :class:`HadamardSigns` and :class:`Haar`. The
same key and seed give the same operator in every process and on every platform.
"""

from ._haar import Haar as Haar
from ._hadamard import HadamardSigns as HadamardSigns
from ._hash import Domain as Domain
from ._hash import atom as atom
from ._hash import atom_words as atom_words
from ._hash import fold as fold
from ._hash import hash_bytes as hash_bytes
from ._hash import hash_key as hash_key
from ._hash import mix64 as mix64
from ._hash import xxh64 as xxh64
from ._operator import OrthogonalOperator as OrthogonalOperator
from ._portable import ln as ln
from ._portable import uniform as uniform
from ._signed_permutation import SignedPermutation as SignedPermutation

__all__ = [
    "Domain",
    "Haar",
    "HadamardSigns",
    "OrthogonalOperator",
    "SignedPermutation",
    "atom",
    "atom_words",
    "fold",
    "hash_bytes",
    "hash_key",
    "ln",
    "mix64",
    "uniform",
    "xxh64",
]
