"""Pictures of surrogates and of the quantization error; they need the extra ``report``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..errors import import_extra
from ._theory import quantization_error

if TYPE_CHECKING:
    from ._diagnostics import LayerDiagnostics


def plot_surrogate(name: str, *, omega: float = 20.0, limit: float = 2.0) -> Any:
    """The forward value bsign(φ(x)), the soft value φ(x) and the gradient factor φ′(x) of a surrogate.

    Args:
        name: a registered surrogate.
        omega: frequency of a periodic one.
        limit: x runs from -limit to limit.

    Returns:
        A ``matplotlib.figure.Figure``, for ``savefig``.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    import torch

    from ._surrogates import bsign, surrogate

    pair = surrogate(name)
    figure = _figure(7, 2.6)
    x = torch.linspace(-limit, limit, 2001, dtype=torch.float64)
    soft = pair.soft(x, omega)
    for place, title, curves in (
        (1, "forward", ((bsign(soft), "bsign φ"), (soft, "φ"))),
        (2, "gradient factor", ((pair.dsoft(x, omega), "φ′"),)),
    ):
        axes = figure.add_subplot(1, 2, place)
        for values, label in curves:
            axes.plot(x.numpy(), values.numpy(), label=label)
        axes.set_title(f"{name}: {title}")
        axes.legend()
    return figure


def plot_quantization_error(layers: Iterable[LayerDiagnostics] = ()) -> Any:
    """Relative quantization error against s = ωσ: theory for Gaussian and Laplace latents, and measured layers.

    Args:
        layers: what :func:`diagnostics` gave; each is a point.

    Returns:
        A ``matplotlib.figure.Figure``.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    figure = _figure(5, 3.4)
    axes = figure.add_subplot()
    points = [0.02 * 1.05**i for i in range(130)]
    points = [s for s in points if s <= 8]
    axes.plot(points, [quantization_error("gaussian", s).relative for s in points], label="Gaussian")
    axes.plot(points, [quantization_error("laplace", s / 2**0.5).relative for s in points], label="Laplace")
    for layer in layers:
        axes.plot([layer.s], [layer.relative_error], "k.")
        axes.annotate(layer.name, (layer.s, layer.relative_error), fontsize="xx-small")
    axes.set_xscale("log")
    axes.set_xlabel("s = ω·std(w)")
    axes.set_ylabel("relative quantization error")
    axes.legend()
    return figure


def _figure(width: float, height: float) -> Any:
    module = import_extra("matplotlib.figure", "report", "to draw figures")
    return module.Figure(figsize=(width, height), layout="constrained")
