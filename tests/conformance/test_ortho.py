"""What every family of orthogonal operators keeps; a family joins by one row of the table."""

from __future__ import annotations

import itertools
import pickle
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from signwise.ortho import Haar, HadamardSigns, OrthogonalOperator, SignedPermutation, hash_key

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Row:
    name: str
    make: Callable[..., OrthogonalOperator]
    from_hash: Callable[..., OrthogonalOperator]
    dimensions: tuple[int, ...]
    refused: tuple[int, ...] = ()
    rounding: float = 0.0


def row(name, family, dimensions, refused=(), rounding=0.0, **options) -> Row:
    return Row(name, partial(family, **options), partial(family.from_hash, **options), dimensions, refused, rounding)


ROWS = [
    row("rotation", SignedPermutation, (64, 192, 1024), (1, 32, 100, 1000)),
    row("random", SignedPermutation, (1, 2, 65, 1024), kind="random"),
    row("hadamard", HadamardSigns, (1, 2, 8, 64, 512), (3, 12, 96), 1e-13),
    row("hadamard-3", HadamardSigns, (1, 2, 8, 64, 512), (3, 12, 96), 1e-13, rounds=3),
    row("haar", Haar, (1, 2, 3, 50, 128), (), 1e-13),
]
every_family = pytest.mark.parametrize("family", ROWS, ids=lambda r: r.name)
every_dimension = pytest.mark.parametrize(
    ("family", "d"), [(r, d) for r in ROWS for d in r.dimensions], ids=lambda v: getattr(v, "name", str(v))
)
INTEGERS = (np.int8, np.int16, np.int32, np.int64)
FLOATS = (np.float16, np.float32, np.float64)


def sample(d, rng, *, dtype=np.float64, shape=()):
    if np.issubdtype(dtype, np.integer):
        return rng.integers(-100, 100, (*shape, d)).astype(dtype)
    return rng.standard_normal((*shape, d)).astype(dtype)


def assert_same(family, got, expected, scale=1.0):
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    if family.rounding:
        np.testing.assert_allclose(got, expected, rtol=0, atol=family.rounding * scale)
    else:
        assert got.tobytes() == expected.tobytes()


@pytest.fixture
def rng():
    return np.random.default_rng(20)


@every_dimension
def test_the_inverse_undoes_the_map(family, d, rng):
    operator = family.make(d, "k")
    x = sample(d, rng, shape=(4,))
    assert_same(family, operator.inverse(operator.apply(x)), x, 10)
    assert_same(family, operator.apply(operator.inverse(x)), x, 10)
    assert_same(family, operator.inverted().apply(x), operator.inverse(x))
    assert operator.inverted().inverted() is operator


@every_dimension
def test_the_map_is_its_dense_matrix(family, d, rng):
    operator = family.make(d, "k")
    dense = operator.to_dense()
    assert dense.dtype == (np.int8 if operator.exact else np.float64)
    x = sample(d, rng)
    np.testing.assert_allclose(dense.astype(np.float64) @ x, operator.apply(x), rtol=0, atol=1e-12)
    wide = dense.astype(np.float64)
    np.testing.assert_allclose(wide.T @ wide, np.eye(d), rtol=0, atol=1e-12)
    np.testing.assert_allclose(operator.inverted().to_dense(), dense.T, rtol=0, atol=family.rounding)


@every_dimension
def test_the_norm_is_kept(family, d, rng):
    x = sample(d, rng, shape=(5,))
    before = np.linalg.norm(x, axis=-1)
    np.testing.assert_allclose(np.linalg.norm(family.make(d, "k").apply(x), axis=-1), before, rtol=1e-12)


@every_dimension
def test_composition_applies_the_other_first(family, d, rng):
    a, b = family.make(d, "a"), family.make(d, "b")
    x = sample(d, rng, shape=(3,))
    assert_same(family, a.compose(b).apply(x), a.apply(b.apply(x)), 10)
    product = a.to_dense().astype(np.float64) @ b.to_dense().astype(np.float64)
    np.testing.assert_allclose(a.compose(b).to_dense(), product, rtol=0, atol=1e-12)


@every_dimension
def test_composition_is_associative_and_has_inverses(family, d):
    a, b, c = (family.make(d, key) for key in "abc")
    left, right = a.compose(b).compose(c), a.compose(b.compose(c))
    back = a.compose(b).inverted()
    if isinstance(a, Haar):  # a dense product rounds; the other families compose by parameters
        np.testing.assert_allclose(left.matrix, right.matrix, rtol=0, atol=1e-12)
        np.testing.assert_allclose(a.compose(a.inverted()).matrix, np.eye(d), rtol=0, atol=1e-12)
        np.testing.assert_allclose(back.matrix, b.inverted().compose(a.inverted()).matrix, rtol=0, atol=1e-12)
    else:
        assert left == right
        assert back == b.inverted().compose(a.inverted())
        assert a.compose(a.inverted()) == b.inverted().compose(b)


@every_family
@given(st.lists(st.sampled_from(["a", "b", "c", "a^", "b^", "c^"]), min_size=1, max_size=8))
def test_words_of_operators_act_as_their_letters(family, letters):
    d = family.dimensions[-2]
    x = np.random.default_rng(3).standard_normal(d)
    expected, product = x, None
    for letter in letters:
        operator = family.make(d, letter[0])
        operator = operator.inverted() if letter.endswith("^") else operator
        expected = operator.apply(expected)
        product = operator if product is None else operator.compose(product)
    assert_same(family, product.apply(x), expected, 100)


@every_family
def test_keys_and_seeds_decide(family):
    d = family.dimensions[-1]
    operator = family.make(d, "a")
    for same in (
        family.make(d, "a"),
        family.make(d, b"a", seed=0),
        family.from_hash(d, hash_key("a")),
        pickle.loads(pickle.dumps(operator)),
    ):
        assert same == operator
        assert hash(same) == hash(operator)
        assert same.digest() == operator.digest()
    others = [
        family.make(d, "b"),
        family.make(d, "a", seed=1),
        family.make(d, 97),
        family.make(d, ""),
        family.make(d, 2**64 - 1),
        operator.inverted(),
    ]
    for first, second in itertools.combinations([operator, *others], 2):
        assert first != second
        assert first.digest() != second.digest()
    assert operator != "a"
    assert f"d={d}" in repr(operator)


@every_family
@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS])
def test_dtypes(family, dtype, rng):
    d = family.dimensions[-1]
    operator = family.make(d, "k")
    x = sample(d, rng, dtype=dtype, shape=(3,))
    out = operator.apply(x)
    reference = operator.apply(x.astype(np.float64))
    if operator.exact:
        assert out.dtype == dtype
        assert np.array_equal(out, reference)
        assert operator.inverse(out).tobytes() == x.tobytes()
    else:
        assert out.dtype == (np.float64 if dtype in INTEGERS else dtype)
        step = np.finfo(out.dtype).eps
        np.testing.assert_allclose(out, reference, rtol=0, atol=16 * step * np.abs(reference).max())


@every_family
@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3), (0,), (2, 0, 3)])
def test_batch_shapes(family, shape, rng):
    d = family.dimensions[-1]
    operator = family.make(d, "k")
    x = sample(d, rng, shape=shape)
    out = operator.apply(x)
    assert out.shape == x.shape
    assert out.flags.c_contiguous
    for index in np.ndindex(*shape):
        assert_same(family, out[index], operator.apply(x[index]))


@every_family
def test_strided_and_byte_swapped_arrays(family, rng):
    d = family.dimensions[-1]
    operator = family.make(d, "k")
    wide = sample(2 * d, rng, shape=(6,))
    before = wide.copy()
    swapped = wide[:, :d].astype(wide.dtype.newbyteorder())
    for x in (wide[:, ::2], wide[::-2, :d], np.asfortranarray(wide[:, d:]), wide[:, :d][:, ::-1], swapped):
        expected = operator.apply(np.array(x, np.float64, order="C"))
        assert_same(family, operator.apply(x), expected)
    assert np.array_equal(wide, before)


@every_family
def test_refusals(family):
    d = family.dimensions[-1]
    operator = family.make(d, "k")
    for x in (np.zeros((2, d + 1)), np.zeros(()), torch.zeros(d, 2)):
        with pytest.raises(ValueError, match=f"d={d} components"):
            operator.apply(x)
    for x in (
        np.zeros(d, np.uint8),
        np.zeros(d, bool),
        np.zeros(d, complex),
        np.zeros(d, np.longdouble),
        torch.zeros(d, dtype=torch.uint8),
        torch.zeros(d, dtype=torch.complex64),
    ):
        with pytest.raises(TypeError, match="signed integer or floating-point"):
            operator.apply(x)
    with pytest.raises(TypeError, match="numpy array or a torch tensor, got list"):
        operator.apply([0.0] * d)
    for bad in (*family.refused, 0, -64, 2**40):
        with pytest.raises(ValueError, match="d"):
            family.make(bad, "k")
    with pytest.raises(TypeError, match="d must be a whole number, got float"):
        family.make(64.0, "k")
    with pytest.raises(TypeError, match="key must be str, bytes or a whole number"):
        family.make(d, 1.5)
    for number in (-1, 2**64):
        with pytest.raises(ValueError, match=r"below 2\*\*64"):
            family.make(d, number)
        with pytest.raises(ValueError, match=r"below 2\*\*64"):
            family.make(d, "k", seed=number)
        with pytest.raises(ValueError, match=r"below 2\*\*64"):
            family.from_hash(d, number)
    with pytest.raises(ValueError, match="one dimension"):
        operator.compose(family.make(family.dimensions[-2], "k"))
    other = Haar(2, "k") if not isinstance(operator, Haar) else HadamardSigns(2, "k")
    with pytest.raises(TypeError, match="composes with its own family"):
        operator.compose(other)


TORCH_DTYPES = (
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
)


@every_family
@pytest.mark.parametrize("dtype", TORCH_DTYPES, ids=str)
def test_tensors_give_what_arrays_give(family, dtype):
    d = family.dimensions[-1]
    operator = family.make(d, "k")
    x = (torch.arange(3 * d).reshape(3, d) * 7 % 101 - 50).to(dtype)
    out = operator.apply(x)
    if operator.exact:
        assert out.dtype == dtype
        expected = torch.from_numpy(operator.apply(x.double().numpy())).to(dtype)
        assert torch.equal(out, expected)
        assert torch.equal(operator.inverse(out), x)
    else:
        assert out.dtype == (dtype if dtype.is_floating_point else torch.float32)
        expected = torch.from_numpy(operator.apply(x.double().numpy()))
        step = 8 * torch.finfo(out.dtype).eps * float(expected.abs().max())
        assert torch.allclose(out.double(), expected, rtol=0, atol=step)


@every_family
@pytest.mark.parametrize("method", ["apply", "inverse"])
def test_the_gradient_is_the_inverse(family, method):
    d = next(d for d in family.dimensions if d > 2)
    operator = family.make(d, "k")
    act = getattr(operator, method)
    x = torch.randn(2, d, dtype=torch.float64, requires_grad=True, generator=torch.manual_seed(1))
    assert torch.autograd.gradcheck(act, x)
    assert torch.autograd.gradgradcheck(act, x)
    weights = torch.linspace(-1, 1, 2 * d, dtype=torch.float64).reshape(2, d)
    (act(x) * weights).sum().backward()
    back = operator.inverse if method == "apply" else operator.apply
    torch.testing.assert_close(x.grad, back(weights), rtol=0, atol=family.rounding)


@every_family
def test_strided_tensors_and_vmap(family):
    d = family.dimensions[-1]
    operator = family.make(d, "k")
    x = torch.randn(d, 5, 3, dtype=torch.float64, generator=torch.manual_seed(2)).permute(2, 1, 0)
    out = operator.apply(x)
    torch.testing.assert_close(out, operator.apply(x.contiguous()), rtol=0, atol=family.rounding)
    over_middle = torch.vmap(operator.apply, in_dims=1, out_dims=1)(x)
    torch.testing.assert_close(over_middle, out, rtol=0, atol=family.rounding)


@every_family
def test_compiled_graphs_hold_the_operator_whole(family):
    torch._dynamo.reset()
    d = next(d for d in family.dimensions if d > 2)

    def loss(operator, x):
        return (operator.inverse(torch.tanh(operator.apply(x)))).square().sum(-1)

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    x = torch.randn(3, d, dtype=torch.float64, requires_grad=True, generator=torch.manual_seed(3))
    for key in ("a", "b"):
        operator = family.make(d, key)
        got, expected = compiled(operator, x), loss(operator, x)
        torch.testing.assert_close(got, expected, rtol=0, atol=family.rounding * 10)
        (gradient,) = torch.autograd.grad(got.sum(), x)
        (reference,) = torch.autograd.grad(expected.sum(), x)
        torch.testing.assert_close(gradient, reference, rtol=0, atol=family.rounding * 10)


@every_family
@pytest.mark.parametrize("compiled", [False, True])
def test_autocast_does_not_lower_the_precision(family, compiled):
    torch._dynamo.reset()
    d = next(d for d in family.dimensions if d > 2)
    operator = family.make(d, "k")
    apply = torch.compile(operator.apply, fullgraph=True, backend="aot_eager") if compiled else operator.apply
    x = torch.randn(3, d, generator=torch.manual_seed(4), requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        out = apply(x)
    assert out.dtype == torch.float32
    assert torch.equal(out, operator.apply(x))
    (gradient,) = torch.autograd.grad(out.sum(), x)
    torch.testing.assert_close(gradient, operator.inverse(torch.ones(3, d)), rtol=0, atol=1e-6)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@every_family
def test_cuda_tensors(family):
    d = family.dimensions[-1]
    operator = family.make(d, "k")
    x = torch.randn(4, d, dtype=torch.float64, generator=torch.manual_seed(4))
    x_cuda = x.cuda().requires_grad_()
    out = operator.apply(x_cuda)
    torch.testing.assert_close(out.cpu(), operator.apply(x), rtol=0, atol=family.rounding * 10)
    out.backward(out.detach())
    torch.testing.assert_close(x_cuda.grad.cpu(), x, rtol=0, atol=family.rounding * 10)


SLOW = [pytest.param(r, marks=[pytest.mark.slow] if r.name == "haar" else [], id=r.name) for r in ROWS]


def cosine(a, b):
    return float(np.vdot(a, b) / np.sqrt(np.vdot(a, a) * np.vdot(b, b)))


@pytest.mark.parametrize("family", SLOW)
def test_operators_do_not_commute(family, rng):
    d = 1024
    cosines = []
    for i in range(64):
        a, b = family.make(d, 2 * i), family.make(d, 2 * i + 1)
        x = rng.choice([-1.0, 1.0], d)
        cosines.append(abs(cosine(a.apply(b.apply(x)), b.apply(a.apply(x)))))
    assert np.mean(cosines) <= 0.05


@pytest.mark.parametrize("family", SLOW)
def test_powers_are_nearly_orthogonal(family, rng):
    d, powers, worst = 1024, 128, 0.0
    for i in range(64):
        operator = family.make(d, i)
        x = rng.choice([-1.0, 1.0], d)
        y = x
        for _ in range(powers - 1):
            # <M^i x, M^j x> depends on i - j alone, so the overlaps with x are all there are.
            y = operator.apply(y)
            worst = max(worst, abs(cosine(x, y)))
    assert worst <= 0.2
