"""What binary weights look like, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ._convert import binary_layers
from ._theory import quantization_error


@dataclass(frozen=True, kw_only=True)
class LayerDiagnostics:
    """State of the latents of one binary layer; see :func:`diagnostics`.

    Attributes:
        name: of the layer.
        weights: number of latents.
        omega: the frequency ω.
        s: ω·std(w), through which alone the frequency acts.
        relative_error: measured relative quantization error of sin ωw with one scale for the layer.
        gaussian: the relative error that Gaussian latents of this s would have.
        laplace: the same for Laplace latents.
        dead: share of latents with ``|cos ωw| < 0.1``, which get almost no gradient.
        past_peak: share with ``|w| > π/2ω``, beyond the first peak of the sine.
        past_flip: share with ``|w| >= π/ω``, whose bit differs from the sign of the latent's first period.
        positive: share of bits +1.
        flip_rate: share of bits that differ from those given as ``since``, or None.
    """

    name: str
    weights: int
    omega: float
    s: float
    relative_error: float
    gaussian: float
    laplace: float
    dead: float
    past_peak: float
    past_flip: float
    positive: float
    flip_rate: float | None


def weight_bits(model: nn.Module) -> dict[str, Tensor]:
    """The bits of every binary layer, bool with the shape of its weight, by name: a snapshot to count flips from.

    Example:
        >>> from torch import nn
        >>> from signwise.binary import BiPerLinear, weight_bits
        >>> {name: bits.shape for name, bits in weight_bits(nn.Sequential(BiPerLinear(4, 2))).items()}
        {'0': torch.Size([2, 4])}
    """
    with torch.no_grad():
        return {name: layer.soft_weight() >= 0 for name, layer in binary_layers(model)}


@torch.no_grad()
def diagnostics(model: nn.Module, since: Mapping[str, Tensor] | None = None) -> tuple[LayerDiagnostics, ...]:
    """Relative quantization error beside theory, shares of dead and wrapped latents, and flips, for each binary layer.

    Args:
        model: any module.
        since: an earlier :func:`weight_bits` of the same model, for flip rates.

    Returns:
        One record a binary layer, in order of definition.

    Raises:
        ValueError: ``since`` lacks a layer of the model.

    Example:
        >>> import torch
        >>> from signwise.binary import BiPerLinear, diagnostics
        >>> layer = BiPerLinear(400, 400)
        >>> _ = torch.nn.init.normal_(layer.weight, std=0.1, generator=torch.Generator().manual_seed(0))
        >>> (report,) = diagnostics(layer)
        >>> round(report.s, 2), round(report.relative_error, 2), round(report.gaussian, 2)
        (2.0, 0.19, 0.19)
    """
    reports = []
    for name, layer in binary_layers(model):
        w, omega = layer.weight.double(), float(layer.omega)
        soft = layer.soft_weight().double()
        bits = soft >= 0
        if since is not None and name not in since:
            raise ValueError(f"since has no layer {name!r}; take it from weight_bits of the same model")
        power = float(soft.square().mean())
        s = omega * float(w.std(unbiased=False))
        reports.append(
            LayerDiagnostics(
                name=name,
                weights=w.numel(),
                omega=omega,
                s=s,
                relative_error=1 - float(soft.abs().mean()) ** 2 / power if power else math.nan,
                gaussian=quantization_error("gaussian", s).relative if s else math.nan,
                laplace=quantization_error("laplace", s / math.sqrt(2)).relative if s else math.nan,
                dead=_share(torch.cos(omega * w).abs() < 0.1),
                past_peak=_share(w.abs() > math.pi / (2 * omega)),
                past_flip=_share(w.abs() >= math.pi / omega),
                positive=_share(bits),
                flip_rate=None if since is None else _share(bits != since[name].to(bits.device)),
            )
        )
    return tuple(reports)


def _share(mask: Tensor) -> float:
    return float(mask.double().mean())
