"""Networks of one bit: trained in PyTorch with periodic binarization, run packed."""

from ._convert import binarize as binarize
from ._convert import binary_layers as binary_layers
from ._convert import set_omega as set_omega
from ._convert import set_stage as set_stage
from ._diagnostics import LayerDiagnostics as LayerDiagnostics
from ._diagnostics import diagnostics as diagnostics
from ._diagnostics import weight_bits as weight_bits
from ._layers import BiPerConv2d as BiPerConv2d
from ._layers import BiPerLinear as BiPerLinear
from ._layers import PerLayer as PerLayer
from ._plots import plot_quantization_error as plot_quantization_error
from ._plots import plot_surrogate as plot_surrogate
from ._surrogates import Surrogate as Surrogate
from ._surrogates import binarize_activation as binarize_activation
from ._surrogates import binarize_weight as binarize_weight
from ._surrogates import bsign as bsign
from ._surrogates import register_surrogate as register_surrogate
from ._surrogates import surrogate as surrogate
from ._theory import QuantizationError as QuantizationError
from ._theory import quantization_error as quantization_error
from ._training import GroupRule as GroupRule
from ._training import param_groups as param_groups
from ._training import periodic_penalty as periodic_penalty

__all__ = [
    "BiPerConv2d",
    "BiPerLinear",
    "GroupRule",
    "LayerDiagnostics",
    "PerLayer",
    "QuantizationError",
    "Surrogate",
    "binarize",
    "binarize_activation",
    "binarize_weight",
    "binary_layers",
    "bsign",
    "diagnostics",
    "param_groups",
    "periodic_penalty",
    "plot_quantization_error",
    "plot_surrogate",
    "quantization_error",
    "register_surrogate",
    "set_omega",
    "set_stage",
    "surrogate",
    "weight_bits",
]
