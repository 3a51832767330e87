"""The convolution and the linear layer with binary weights and activations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._surrogates import Stage, binarize_activation, binarize_weight, surrogate

Alpha = Literal["learned", "mean_abs", "none"]
VARIANCE_EPS = 1e-5
Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True)
class PerLayer:
    """A frequency chosen for each layer so that ω·std(w) is the same in all: ω = s / std(w).

    The frequency acts only through that product, and one ω for all layers gives wide layers another one than narrow
    layers. Untested in the literature. Take ``s`` near 1, where the quantization error of :func:`quantization_error`
    is near its largest, for a start.

    Args:
        s: the product, positive.

    Example:
        >>> import torch
        >>> from signwise.binary import BiPerLinear, PerLayer
        >>> layer = BiPerLinear(64, 8, omega=PerLayer(2.0))
        >>> round(layer.omega.item() * layer.weight.std().item(), 4)
        2.0
    """

    s: float

    def __post_init__(self) -> None:
        if not self.s > 0:
            raise ValueError(f"s must be positive, got {self.s}")

    def omega(self, w: Tensor) -> float:
        """The frequency for latents w."""
        deviation = float(w.detach().double().std()) if w.numel() > 1 else 0.0
        if not deviation > 0:
            raise ValueError("PerLayer needs latents that differ from each other; their standard deviation is 0")
        return self.s / deviation


class BiPerLayer(nn.Module):
    """What both layers share: options, the buffers ``omega`` and ``stage``, and their mirrors in Python.

    Reading a buffer on a GPU would wait for it at every step, so the layer computes with the mirrors, which are renewed
    whenever a state is loaded or :func:`set_omega` or :func:`set_stage` is called.
    """

    weight: Tensor
    bias: Any
    alpha: nn.Parameter | None
    omega: Tensor
    stage: Tensor

    def _set_up(
        self,
        weight_surrogate: str,
        act_surrogate: str | None,
        omega: float | PerLayer,
        stage: Stage,
        alpha: Alpha,
    ) -> None:
        surrogate(weight_surrogate)
        if act_surrogate is not None:
            surrogate(act_surrogate)
        if alpha not in ("learned", "mean_abs", "none"):
            raise ValueError(f"alpha must be 'learned', 'mean_abs' or 'none', got {alpha!r}")
        self.weight_surrogate, self.act_surrogate, self.alpha_mode = weight_surrogate, act_surrogate, alpha
        device = self.weight.device
        self.register_buffer("omega", torch.zeros((), dtype=torch.float32, device=device))
        self.register_buffer("stage", torch.zeros((), dtype=torch.uint8, device=device))
        self.put_omega(omega)
        self.put_stage(stage)
        shape = (self.weight.shape[0],) + (1,) * (self.weight.ndim - 2)
        learned = nn.Parameter(torch.rand(shape, device=device, dtype=self.weight.dtype))
        self.register_parameter("alpha", learned if alpha == "learned" else None)

    def put_omega(self, omega: float | PerLayer) -> None:
        """Set the frequency of this layer."""
        value = omega.omega(self.weight) if isinstance(omega, PerLayer) else float(omega)
        if not 0 < value < float("inf"):
            raise ValueError(f"omega must be positive and finite, got {value}")
        # The mirror is what the buffer holds, so that a loaded layer computes the same as the one that was saved.
        self._omega = float(np.float32(value))
        self.omega.fill_(self._omega)

    def put_stage(self, stage: int) -> None:
        """Set the stage of this layer."""
        if stage not in (1, 2):
            raise ValueError(f"stage must be 1 (soft weights) or 2 (binary weights), got {stage!r}")
        self._stage: Stage = 1 if stage == 1 else 2
        self.stage.fill_(self._stage)

    def binary_weight(self) -> Tensor:
        """The weights b of the present stage, shape of ``weight``."""
        return binarize_weight(self._latents(), self.weight_surrogate, omega=self._omega, stage=self._stage)

    def scale(self) -> Tensor | None:
        """α, shape ``(O, 1, 1)`` or ``(O,)``, or None where the layer has no scale."""
        if self.alpha_mode != "mean_abs":
            return self.alpha
        with torch.no_grad():
            soft = surrogate(self.weight_surrogate).soft(self._latents(), self._omega).abs()
            mean = soft.flatten(1).mean(1).to(self.weight.dtype)
        return mean.reshape((-1,) + (1,) * (self.weight.ndim - 2))

    def soft_weight(self) -> Tensor:
        """φ(w) whatever the stage, with its own gradient; the penalty and the diagnostics use it."""
        return surrogate(self.weight_surrogate).soft(self._latents(), self._omega)

    def _latents(self) -> Tensor:
        """The latents in float32 or wider: the sine of a half-precision ωw would flip signs near kπ."""
        return self.weight.float() if self.weight.dtype in (torch.float16, torch.bfloat16) else self.weight

    def _inputs(self, a: Tensor, dims: tuple[int, ...]) -> Tensor:
        """The binary activations; without an activation surrogate, the activations as they are."""
        if self.act_surrogate is None:
            return a
        if self.training:
            count = 1
            for dim in dims:
                count *= a.shape[dim]
            variance = a.var(dims, keepdim=True) if count > 1 else torch.zeros_like(a)
            a = a / torch.sqrt(variance + VARIANCE_EPS)
        return binarize_activation(a, self.act_surrogate, omega=self._omega)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Any:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if self.omega.dtype != torch.float32:  # .half() and its like convert buffers too
            self.omega = torch.full((), self._omega, dtype=torch.float32, device=self.omega.device)
        return self

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        errors = rest[-1]
        for name, example in (("omega", "20.0"), ("stage", "2, dtype=torch.uint8")):
            if prefix + name not in state_dict:
                errors.append(
                    f"the state has no {prefix + name!r}, without which its weights have no meaning; "
                    f"add the value it was trained with, for example state[{prefix + name!r}] = torch.tensor({example})"
                )
        super()._load_from_state_dict(state_dict, prefix, *rest)
        if not self.omega.is_meta:
            self.put_omega(self.omega.item())
            self.put_stage(int(self.stage.item()))

    def _options(self) -> str:
        text = f"weight_surrogate={self.weight_surrogate!r}, act_surrogate={self.act_surrogate!r}"
        return f"{text}, omega={self._omega:g}, stage={self._stage}, alpha={self.alpha_mode!r}"


class BiPerConv2d(BiPerLayer, nn.Conv2d):
    """A convolution of binary activations with binary weights: y = α ⊙ conv2d(ba, b) + bias.

    Forward: ba = bsign(φ_a(a0)) with a0 = a / sqrt(var(a) + 1e-5) in training (variance of each sample over C, H, W,
    unbiased) and a0 = a in evaluation, which has the same signs; b = sin ωw in stage 1 and bsign(sin ωw) in stage 2.
    Backward: u·ω·cos ωw for the latents, u·max(0, 2 - 2|a0|) for a0. Padding is with zeros, and the bias is added
    after the scale (the published layer scales it; its models have none).

    Args:
        in_channels: and the following, as of ``torch.nn.Conv2d``; ``padding_mode`` other than ``"zeros"`` raises.
        out_channels: channels of the result.
        kernel_size: one number or two.
        stride: one number or two.
        padding: one number or two, ``"same"`` or ``"valid"``.
        dilation: one number or two.
        groups: blocks of channels.
        bias: whether to learn one.
        padding_mode: ``"zeros"``.
        device: where the parameters live.
        dtype: of the parameters.
        weight_surrogate: a registered surrogate.
        act_surrogate: a registered surrogate, or None for float activations without normalization.
        omega: the frequency ω, or :class:`PerLayer`. Neither is a good one universal: at equal learning rate ω
            multiplies the effective one by ω².
        stage: 1 (soft weights) or 2 (binary weights).
        alpha: ``"learned"`` (one scale an output channel, drawn from U[0, 1)), ``"mean_abs"`` (mean of \\|sin ωw\\|,
            without a gradient) or ``"none"``.

    References:
        BiPer, arXiv 2404.01278; Bi-Real Net, arXiv 1808.00278.

    Example:
        >>> import torch
        >>> from signwise.binary import BiPerConv2d
        >>> layer = BiPerConv2d(3, 8, 3, padding=1, bias=False, alpha="none")
        >>> y = layer(torch.randn(2, 3, 5, 5))
        >>> y.shape, bool((y == y.round()).all())
        (torch.Size([2, 8, 5, 5]), True)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] | str = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
        *,
        weight_surrogate: str = "biper",
        act_surrogate: str | None = "bireal",
        omega: float | PerLayer = 20.0,
        stage: Stage = 2,
        alpha: Alpha = "learned",
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f"padding_mode must be 'zeros', got {padding_mode!r}")
        nn.Conv2d.__init__(
            self,
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            device=device,
            dtype=dtype,
        )
        self._set_up(weight_surrogate, act_surrogate, omega, stage, alpha)

    @classmethod
    def from_float(cls, layer: nn.Conv2d, **options: Any) -> BiPerConv2d:
        """A binary layer with the shape and copies of the weights and bias of a float one.

        Args:
            layer: a convolution.
            **options: the keyword options of the constructor.
        """
        made = cls(
            layer.in_channels,
            layer.out_channels,
            layer.kernel_size,  # type: ignore[arg-type]
            layer.stride,  # type: ignore[arg-type]
            layer.padding,  # type: ignore[arg-type]
            layer.dilation,  # type: ignore[arg-type]
            layer.groups,
            layer.bias is not None,
            layer.padding_mode,
            layer.weight.device,
            layer.weight.dtype,
            **options | {"omega": 1.0},
        )
        return _take_weights(made, layer, options)

    def forward(self, a: Tensor) -> Tensor:
        """Shape ``(N, C, H, W)`` or ``(C, H, W)`` to the same with the layer's output channels and size."""
        ba = self._inputs(a, tuple(range(a.ndim - 3, a.ndim)))
        b = self.binary_weight().to(ba.dtype)
        y = F.conv2d(ba, b, None, self.stride, self.padding, self.dilation, self.groups)
        scale = self.scale()
        if scale is not None:
            y = y * scale
        return y if self.bias is None else y + self.bias.reshape(-1, 1, 1)

    def extra_repr(self) -> str:
        """The options behind those of the convolution."""
        return f"{nn.Conv2d.extra_repr(self)}, {self._options()}"  # type: ignore[no-untyped-call]


class BiPerLinear(BiPerLayer, nn.Linear):
    """A product of binary activations with binary weights: y = α ⊙ (ba bᵀ) + bias.

    As :class:`BiPerConv2d`, with the variance of the activations over the last dimension.

    Args:
        in_features: and the following, as of ``torch.nn.Linear``.
        out_features: values of the result.
        bias: whether to learn one.
        device: where the parameters live.
        dtype: of the parameters.
        weight_surrogate: and the following, as of :class:`BiPerConv2d`.
        act_surrogate: a registered surrogate, or None.
        omega: the frequency ω, or :class:`PerLayer`.
        stage: 1 or 2.
        alpha: ``"learned"``, ``"mean_abs"`` or ``"none"``.

    Example:
        >>> import torch
        >>> from signwise.binary import BiPerLinear
        >>> layer = BiPerLinear(5, 3, bias=False, alpha="none").eval()
        >>> x = torch.randn(4, 5)
        >>> bool((layer(x) == layer(7.0 * x)).all())
        True
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        weight_surrogate: str = "biper",
        act_surrogate: str | None = "bireal",
        omega: float | PerLayer = 20.0,
        stage: Stage = 2,
        alpha: Alpha = "learned",
    ) -> None:
        nn.Linear.__init__(self, in_features, out_features, bias, device=device, dtype=dtype)
        self._set_up(weight_surrogate, act_surrogate, omega, stage, alpha)

    @classmethod
    def from_float(cls, layer: nn.Linear, **options: Any) -> BiPerLinear:
        """A binary layer with the shape and copies of the weights and bias of a float one.

        Args:
            layer: a linear layer.
            **options: the keyword options of the constructor.
        """
        made = cls(
            layer.in_features,
            layer.out_features,
            layer.bias is not None,
            layer.weight.device,
            layer.weight.dtype,
            **options | {"omega": 1.0},
        )
        return _take_weights(made, layer, options)

    def forward(self, a: Tensor) -> Tensor:
        """Shape ``(..., in_features)`` to ``(..., out_features)``."""
        ba = self._inputs(a, (a.ndim - 1,))
        y = F.linear(ba, self.binary_weight().to(ba.dtype))
        scale = self.scale()
        if scale is not None:
            y = y * scale
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        """The options behind those of the linear layer."""
        return f"{nn.Linear.extra_repr(self)}, {self._options()}"


Layer = TypeVar("Layer", bound=BiPerLayer)


def _take_weights(made: Layer, layer: nn.Conv2d | nn.Linear, options: dict[str, Any]) -> Layer:
    with torch.no_grad():
        made.weight.copy_(layer.weight)
        if made.bias is not None and layer.bias is not None:
            made.bias.copy_(layer.bias)
    made.put_omega(options.get("omega", 20.0))  # PerLayer looks at the weights, which are there only now
    return made.train(layer.training)
