"""Networks of one bit: trained in PyTorch with periodic binarization, run packed."""

from ._convert import binarize as binarize
from ._convert import binary_layers as binary_layers
from ._convert import set_omega as set_omega
from ._convert import set_stage as set_stage
from ._layers import BiPerConv2d as BiPerConv2d
from ._layers import BiPerLinear as BiPerLinear
from ._layers import PerLayer as PerLayer
from ._surrogates import Surrogate as Surrogate
from ._surrogates import binarize_activation as binarize_activation
from ._surrogates import binarize_weight as binarize_weight
from ._surrogates import bsign as bsign
from ._surrogates import register_surrogate as register_surrogate
from ._surrogates import surrogate as surrogate
from ._training import GroupRule as GroupRule
from ._training import param_groups as param_groups
from ._training import periodic_penalty as periodic_penalty

__all__ = [
    "BiPerConv2d",
    "BiPerLinear",
    "GroupRule",
    "PerLayer",
    "Surrogate",
    "binarize",
    "binarize_activation",
    "binarize_weight",
    "binary_layers",
    "bsign",
    "param_groups",
    "periodic_penalty",
    "register_surrogate",
    "set_omega",
    "set_stage",
    "surrogate",
]
