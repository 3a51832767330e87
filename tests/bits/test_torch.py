import numpy as np
import pytest
import torch

from signwise import _native
from signwise.bits import (
    PackedBits,
    TernaryBits,
    _torch,
    hamming,
    hamming_topk,
    majority,
    majority_ternary,
    pack,
    pack_ternary,
    xnor_matmul,
)

from ..oracles import bits as oracle

OPS = torch.ops.signwise


def sample(*shape, dtype=torch.float32, seed=0):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    x[x.abs() < 0.3] = 0
    return x.to(dtype)


@pytest.mark.parametrize(
    "dtype",
    [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int8, torch.int16, torch.int32, torch.int64],
)
def test_every_dtype(way, dtype):
    x = (sample(3, 130) * 10).to(dtype)
    if dtype.is_floating_point:
        x[0, :6] = torch.tensor([0.0, -0.0, torch.nan, torch.inf, -torch.inf, -torch.nan]).to(dtype)
    for view in (x, x.T, x[:, ::3]):
        wide = view.to(torch.float64).numpy()
        packed = pack(view)
        assert packed.words.dtype == torch.int64
        assert np.array_equal(packed.unpack(torch.int8).numpy(), oracle.signs(wide))
        assert np.array_equal(pack_ternary(view).unpack(torch.int8).numpy(), oracle.ternary(wide))


def test_booleans():
    x = sample(4, 70) > 0
    assert torch.equal(pack(x).unpack(torch.bool), x)
    with pytest.raises(TypeError, match="bool"):
        pack_ternary(x)


def test_moving_between_arrays_and_tensors(tmp_path):
    x = sample(3, 4, 100)
    tensors, arrays = pack(x), pack(x.numpy())
    assert tensors == arrays
    assert arrays.to("numpy") is arrays
    assert tensors.torch() is tensors
    for moved in (arrays.to("torch"), arrays.to("cpu"), arrays.to(torch.device("cpu")), arrays.torch()):
        assert moved.device == "cpu"
        assert torch.equal(moved.words, tensors.words)
    assert isinstance(tensors.to("numpy").words, np.ndarray)
    assert tensors.tobytes() == arrays.tobytes()
    tensors.save(tmp_path / "p")
    assert PackedBits.load(tmp_path / "p") == tensors
    ternary = pack_ternary(x)
    assert ternary.to("numpy") == pack_ternary(x.numpy())
    assert ternary.to("numpy").torch() == ternary
    ternary.save(tmp_path / "t")
    assert TernaryBits.load(tmp_path / "t") == ternary
    read_only = arrays.words.copy()
    read_only.flags.writeable = False
    assert PackedBits(read_only, 100).torch() == arrays
    assert arrays[::-1].torch() == arrays[::-1]
    with pytest.raises(TypeError, match="one plane is numpy"):
        TernaryBits(arrays, tensors)


def test_indexing_and_unpacking():
    x = sample(3, 4, 100)
    packed, signs = pack(x), torch.where(x >= 0, 1.0, -1.0)
    for index in (0, (1, 2), [2, 0], torch.tensor([True, False, True]), None, ..., (slice(None), slice(1, 3))):
        assert torch.equal(packed[index].unpack(), signs[index])
    with pytest.raises(IndexError, match="last axis is packed"):
        packed[..., 0]
    for dtype in (torch.float16, torch.bfloat16, torch.float64, torch.int8, "int32"):
        wanted = getattr(torch, dtype) if isinstance(dtype, str) else dtype
        assert torch.equal(packed.unpack(dtype), signs.to(wanted))
        assert torch.equal(pack_ternary(x).unpack(dtype), x.sign().to(wanted))
    for dtype in (torch.uint8, torch.complex64):
        with pytest.raises(TypeError, match="cannot hold -1"):
            packed.unpack(dtype)
    with pytest.raises(TypeError, match="torch dtype"):
        packed.unpack(np.int8)


@pytest.mark.parametrize("function", [pack, pack_ternary])
def test_wrong_tensors(function):
    for dtype in (torch.uint8, torch.complex64):
        with pytest.raises(TypeError, match=str(dtype)):
            function(torch.zeros(3, dtype=dtype))
    with pytest.raises(ValueError, match="at least one dimension"):
        function(torch.tensor(1.0))


def test_products_search_and_votes_agree_with_arrays(way):
    x, y = sample(2, 9, 150), sample(2, 12, 150, seed=1)
    a, b = pack(x), pack(y)
    na, nb = a.numpy(), b.numpy()
    assert np.array_equal(xnor_matmul(a, b).numpy(), xnor_matmul(na, nb))
    assert xnor_matmul(a, b).dtype == torch.int32
    assert np.array_equal(hamming(a[:, :, None], b[:, None]).numpy(), hamming(na[:, :, None], nb[:, None]))
    for mine, theirs in zip(hamming_topk(a[0], b[0], 5), hamming_topk(na[0], nb[0], 5), strict=True):
        assert np.array_equal(mine.numpy(), theirs)
    assert majority(a, ties="positive") == majority(na, ties="positive")
    t = pack_ternary(x)
    for ties in ("abstain", "coin"):
        assert majority_ternary(t, ties=ties, seed=3) == majority_ternary(t.numpy(), ties=ties, seed=3)


@pytest.mark.parametrize("k", [0, 1, 64, 100, 9000])
def test_the_computation_of_other_devices(k):
    x, y = sample(6, k), sample(8, k, seed=1)
    a, b = pack(x), pack(y)
    assert torch.equal(_torch._pack_elsewhere(x), a.words)
    assert torch.equal(_torch._pack_elsewhere(x > 0), pack(x > 0).words)
    t = pack_ternary(x)
    assert all(map(torch.equal, _torch._ternary_elsewhere(x), (t.nonzero.words, t.positive.words)))
    assert torch.equal(_torch._bits_of_words(a.words, k).bool(), x >= 0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(_torch._matmul_elsewhere(a.words, b.words, k), xnor_matmul(a, b))
    assert torch.equal(_torch._popcount(a.words ^ b.words[:6]).sum(-1, dtype=torch.int32), hamming(a, b[:6]))
    assert all(map(torch.equal, _torch._topk_elsewhere(a.words, b.words, k, 3), hamming_topk(a, b, 3)))
    assert torch.equal(_torch._words_of_bits(_torch._sums(a.words, k) >= 3), majority(a, ties="positive").words)
    key, offset = 0xDEADBEEF, 2**32 - 5
    for coin in (False, True):
        got = _torch._ternary_votes_elsewhere(t.nonzero.words[:4], t.positive.words[:4], k, coin, key, offset)
        want = _torch._ternary_votes_cpu(t.nonzero.words[:4], t.positive.words[:4], k, coin, key, offset)
        assert all(map(torch.equal, got, want))


@pytest.mark.cuda
def test_on_cuda():
    x, y = sample(2, 9, 9000), sample(2, 12, 9000, seed=1)
    a, b, da, db = pack(x), pack(y), pack(x.cuda()), pack(y.cuda())
    assert da == a
    assert a.to("cuda") == a
    assert torch.equal(da.unpack().cpu(), a.unpack())
    for half in (torch.float16, torch.bfloat16):
        with torch.autocast("cuda", dtype=half):
            assert torch.equal(xnor_matmul(da, db).cpu(), xnor_matmul(a, b))
    assert torch.equal(hamming(da, da[:1]).cpu(), hamming(a, a[:1]))
    for mine, theirs in zip(hamming_topk(da[0], db[0], 5), hamming_topk(a[0], b[0], 5), strict=True):
        assert torch.equal(mine.cpu(), theirs)
    assert majority(da, ties="positive") == majority(a, ties="positive")
    assert majority_ternary(pack_ternary(x.cuda()), ties="coin") == majority_ternary(pack_ternary(x), ties="coin")


def test_gradients_stop_at_bits():
    x = torch.nn.Parameter(sample(3, 70))
    packed = pack(x)
    assert packed == pack(x.detach())
    assert not packed.words.requires_grad
    assert not xnor_matmul(packed, packed).requires_grad


def words(*shape):
    return pack(sample(*shape)).words


@pytest.mark.parametrize(
    ("op", "args"),
    [
        (OPS.bits_pack, lambda: (sample(3, 70),)),
        (OPS.bits_pack, lambda: (sample(3, 70, dtype=torch.bfloat16).requires_grad_(),)),
        (OPS.bits_pack_ternary, lambda: (sample(2, 3, 70),)),
        (OPS.bits_unpack, lambda: (words(3, 70), 70)),
        (OPS.bits_xnor_matmul, lambda: (words(3, 70), words(2, 5, 70), 70)),
        (OPS.bits_hamming, lambda: (words(3, 70), words(70))),
        (OPS.bits_hamming_topk, lambda: (words(3, 70), words(5, 70), 70, 2)),
        (OPS.bits_majority, lambda: (words(3, 2, 70), 70, 2)),
        (OPS.bits_majority_ternary, lambda: (*OPS.bits_pack_ternary(sample(3, 2, 70)), 70, True, 5, 6)),
    ],
)
def test_operators_keep_torch_contracts(op, args):
    torch.library.opcheck(op.default, args())


def everything(x, weights):
    a = pack(x)
    t = pack_ternary(x)
    return (
        xnor_matmul(a, weights),
        hamming(a, weights[0]),
        *hamming_topk(a, weights, 3),
        majority(a, ties="positive").unpack(),
        majority_ternary(t, ties="coin", seed=4).unpack(torch.int8),
    )


@pytest.mark.parametrize("dynamic", [False, True])
def test_public_functions_compile_to_one_graph(dynamic):
    compiled = torch.compile(everything, fullgraph=True, dynamic=dynamic, backend="aot_eager")
    weights = pack(sample(5, 70, seed=2))
    for rows in (4, 6):
        x = sample(rows, 70, seed=rows)
        for got, want in zip(compiled(x, weights), everything(x, weights), strict=True):
            assert torch.equal(got, want)


def test_a_compiled_function_may_return_packed_bits():
    x = sample(4, 70)
    packed = torch.compile(pack, fullgraph=True, backend="aot_eager")(x)
    assert packed == pack(x)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_inductor_compiles_the_graph():
    x, weights = sample(4, 70), pack(sample(5, 70, seed=2))
    for got, want in zip(torch.compile(everything, fullgraph=True)(x, weights), everything(x, weights), strict=True):
        assert torch.equal(got, want)


def test_without_the_extension_tensors_work_too():
    x = sample(4, 100)
    want = everything(x, pack(x))
    with _native.use_fallback():
        got = everything(x, pack(x))
    assert all(map(torch.equal, got, want))


def test_words_of_a_transposed_row():
    """One word a row, contiguous, with a last stride that is not 1."""
    words = torch.tensor([[1, 2, 3, -4, 5]]).T
    assert words.is_contiguous()
    assert words.stride(-1) != 1
    want = _torch._bits_of_words(words.clone(memory_format=torch.contiguous_format), 64)
    assert torch.equal(_torch._bits_of_words(words, 64), want)
    assert torch.equal(PackedBits(words, 64).unpack("bool"), want.bool())
