"""Networks of one bit: trained in PyTorch with periodic binarization, run packed.

What runs a packed network loads without torch; the rest loads on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._format import InputSpec as InputSpec
from ._format import LayerInfo as LayerInfo
from ._packed import MemoryReport as MemoryReport
from ._packed import PackedModel as PackedModel
from ._packed import ProfileRow as ProfileRow
from ._packed import load as load
from ._plots import plot_quantization_error as plot_quantization_error
from ._plots import plot_surrogate as plot_surrogate
from ._theory import QuantizationError as QuantizationError
from ._theory import quantization_error as quantization_error

if TYPE_CHECKING:
    from ._convert import binarize as binarize
    from ._convert import binary_layers as binary_layers
    from ._convert import set_omega as set_omega
    from ._convert import set_stage as set_stage
    from ._diagnostics import LayerDiagnostics as LayerDiagnostics
    from ._diagnostics import diagnostics as diagnostics
    from ._diagnostics import weight_bits as weight_bits
    from ._fit import DivergedError as DivergedError
    from ._fit import Epoch as Epoch
    from ._fit import FitResult as FitResult
    from ._fit import evaluate as evaluate
    from ._fit import fit as fit
    from ._layers import BiPerConv2d as BiPerConv2d
    from ._layers import BiPerLinear as BiPerLinear
    from ._layers import PerLayer as PerLayer
    from ._models import ModelConfig as ModelConfig
    from ._models import build as build
    from ._models import resnet18 as resnet18
    from ._models import resnet20 as resnet20
    from ._models import resnet34 as resnet34
    from ._models import small_net as small_net
    from ._models import vgg_small as vgg_small
    from ._pack import pack as pack
    from ._pack import verify as verify
    from ._recipe import Recipe as Recipe
    from ._recipe import StageConfig as StageConfig
    from ._recipe import TwoStageConfig as TwoStageConfig
    from ._recipe import learning_rate as learning_rate
    from ._recipe import recipe as recipe
    from ._recipe import recipe_names as recipe_names
    from ._surrogates import Surrogate as Surrogate
    from ._surrogates import binarize_activation as binarize_activation
    from ._surrogates import binarize_weight as binarize_weight
    from ._surrogates import bsign as bsign
    from ._surrogates import register_surrogate as register_surrogate
    from ._surrogates import surrogate as surrogate
    from ._training import GroupRule as GroupRule
    from ._training import param_groups as param_groups
    from ._training import periodic_penalty as periodic_penalty
    from ._verify import VerificationError as VerificationError
    from ._verify import VerifyReport as VerifyReport

_LAZY = {
    "BiPerConv2d": "_layers",
    "BiPerLinear": "_layers",
    "DivergedError": "_fit",
    "Epoch": "_fit",
    "FitResult": "_fit",
    "GroupRule": "_training",
    "LayerDiagnostics": "_diagnostics",
    "ModelConfig": "_models",
    "PerLayer": "_layers",
    "Recipe": "_recipe",
    "StageConfig": "_recipe",
    "Surrogate": "_surrogates",
    "TwoStageConfig": "_recipe",
    "VerificationError": "_verify",
    "VerifyReport": "_verify",
    "binarize": "_convert",
    "binarize_activation": "_surrogates",
    "binarize_weight": "_surrogates",
    "binary_layers": "_convert",
    "bsign": "_surrogates",
    "build": "_models",
    "diagnostics": "_diagnostics",
    "evaluate": "_fit",
    "fit": "_fit",
    "learning_rate": "_recipe",
    "pack": "_pack",
    "param_groups": "_training",
    "periodic_penalty": "_training",
    "recipe": "_recipe",
    "recipe_names": "_recipe",
    "register_surrogate": "_surrogates",
    "resnet18": "_models",
    "resnet20": "_models",
    "resnet34": "_models",
    "set_omega": "_convert",
    "set_stage": "_convert",
    "small_net": "_models",
    "surrogate": "_surrogates",
    "verify": "_pack",
    "vgg_small": "_models",
    "weight_bits": "_diagnostics",
}

__all__ = [
    "BiPerConv2d",
    "BiPerLinear",
    "DivergedError",
    "Epoch",
    "FitResult",
    "GroupRule",
    "InputSpec",
    "LayerDiagnostics",
    "LayerInfo",
    "MemoryReport",
    "ModelConfig",
    "PackedModel",
    "PerLayer",
    "ProfileRow",
    "QuantizationError",
    "Recipe",
    "StageConfig",
    "Surrogate",
    "TwoStageConfig",
    "VerificationError",
    "VerifyReport",
    "binarize",
    "binarize_activation",
    "binarize_weight",
    "binary_layers",
    "bsign",
    "build",
    "diagnostics",
    "evaluate",
    "fit",
    "learning_rate",
    "load",
    "pack",
    "param_groups",
    "periodic_penalty",
    "plot_quantization_error",
    "plot_surrogate",
    "quantization_error",
    "recipe",
    "recipe_names",
    "register_surrogate",
    "resnet18",
    "resnet20",
    "resnet34",
    "set_omega",
    "set_stage",
    "small_net",
    "surrogate",
    "verify",
    "vgg_small",
    "weight_bits",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
