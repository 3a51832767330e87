"""Signs as bits: packing, XNOR products, Hamming search and majority votes.

Bit 1 stands for +1. Functions take arrays or tensors and give back the kind that came; importing this package
does not import torch.
"""

from ._pack import pack as pack
from ._pack import pack_ternary as pack_ternary
from ._packed import PackedBits as PackedBits
from ._products import hamming as hamming
from ._products import xnor_matmul as xnor_matmul
from ._search import hamming_topk as hamming_topk
from ._ternary import TernaryBits as TernaryBits
from ._votes import majority as majority
from ._votes import majority_ternary as majority_ternary

__all__ = [
    "PackedBits",
    "TernaryBits",
    "hamming",
    "hamming_topk",
    "majority",
    "majority_ternary",
    "pack",
    "pack_ternary",
    "xnor_matmul",
]
