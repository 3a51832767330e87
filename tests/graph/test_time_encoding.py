import torch

from signwise.graph._time_encoding import TimeEncoding


def test_values_and_gradients_are_those_of_the_formula():
    torch.manual_seed(0)
    encoding = TimeEncoding(5).double()
    span = torch.rand(3, 4, dtype=torch.float64) * 10
    weights = torch.randn(3, 4, 5, dtype=torch.float64)
    omega, bias = encoding.lin.weight, encoding.lin.bias
    expected = torch.cos(span[..., None] * omega[:, 0] + bias)
    theirs = torch.autograd.grad((expected * weights).sum(), (omega, bias))
    out = encoding(span)
    ours = torch.autograd.grad((out * weights).sum(), (omega, bias))
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-12)


def test_no_spans_have_gradients_of_zero():
    encoding = TimeEncoding(3)
    encoding(torch.zeros(0, 2)).sum().backward()
    assert not encoding.lin.weight.grad.any()
    assert not encoding.lin.bias.grad.any()
