import math

import pytest
import torch
from torch import nn

from signwise.binary import BiPerConv2d, BiPerLinear, diagnostics, plot_quantization_error, plot_surrogate, weight_bits


def test_shares_and_flips():
    layer = BiPerLinear(4, 1, omega=1.0)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.5, math.pi / 2 + 0.01, -3.5, -0.1]]))
    before = weight_bits(layer)
    with torch.no_grad():
        layer.weight[0, 3] = 0.1
    (report,) = diagnostics(layer, since=before)
    assert (report.weights, report.omega) == (4, 1.0)
    assert (report.dead, report.past_peak, report.past_flip) == (0.25, 0.5, 0.25)
    assert (report.positive, report.flip_rate) == (1.0, 0.25)
    assert diagnostics(layer)[0].flip_rate is None
    with pytest.raises(ValueError, match="since has no layer"):
        diagnostics(nn.Sequential(layer), since=before)


def test_measured_error_follows_theory():
    net = nn.Sequential(BiPerConv2d(64, 64, 3), BiPerLinear(300, 300))
    nn.init.normal_(net[0].weight, std=0.03)
    with torch.no_grad():
        net[1].weight.copy_(torch.distributions.Laplace(0.0, 0.05).sample((300, 300)))
    first, second = diagnostics(net)
    assert [first.name, second.name] == ["0", "1"]
    assert first.relative_error == pytest.approx(first.gaussian, abs=0.01)
    assert second.relative_error == pytest.approx(second.laplace, abs=0.01)
    assert abs(second.relative_error - second.gaussian) > 0.02


def test_latents_all_alike_have_no_spread():
    layer = BiPerLinear(3, 3)
    nn.init.zeros_(layer.weight)
    (report,) = diagnostics(layer)
    assert math.isnan(report.relative_error)
    assert math.isnan(report.gaussian)


def test_pictures(tmp_path):
    pytest.importorskip("matplotlib")
    for name, figure in (
        ("surrogate", plot_surrogate("biper", omega=5.0)),
        ("error", plot_quantization_error(diagnostics(BiPerLinear(30, 30)))),
    ):
        figure.savefig(tmp_path / f"{name}.svg")
        assert (tmp_path / f"{name}.svg").stat().st_size > 5000
