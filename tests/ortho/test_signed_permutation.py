"""Signed permutations against the oracle, and rotations on packed words."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from signwise.ortho import SignedPermutation, _tensors, hash_key

from ..oracles import ortho as oracle

hashes = st.integers(0, 2**64 - 1)
multiples = st.integers(1, 6).map(lambda n: 64 * n)


def pack(x):
    """Words in the layout of signwise.bits: component 64 i + j is bit j of word i, 1 for a value >= 0."""
    return np.packbits(x >= 0, axis=-1, bitorder="little").view("<u8").astype(np.uint64)


def test_specified_values():
    operator = SignedPermutation(2048, "a")
    assert operator.shift == 1171
    assert int(operator.mask[0]) == 0x264854A1D621579E


@given(hashes, multiples)
def test_rotation(h, d):
    operator = SignedPermutation.from_hash(d, h)
    signs, shift = oracle.rotation_parameters(h, d)
    assert (operator.signs.tolist(), operator.shift) == (signs, shift)
    assert operator.shift % 2 == 1
    v = list(range(1, d + 1))
    assert operator.apply(np.array(v)).tolist() == oracle.rotate(v, h)


@given(hashes, st.integers(1, 150))
def test_random(h, d):
    operator = SignedPermutation.from_hash(d, h, kind="random")
    signs, perm = oracle.random_parameters(h, d)
    assert (operator.signs.tolist(), operator.permutation.tolist()) == (signs, perm)
    v = list(range(1, d + 1))
    assert operator.apply(np.array(v)).tolist() == oracle.permute(v, h)


@pytest.mark.parametrize("kind", ["rotation", "random"])
def test_signs_and_permutation_describe_the_map(kind):
    for operator in (
        a := SignedPermutation(128, "a", kind=kind),
        a.inverted(),
        a.compose(SignedPermutation(128, "b", kind=kind)),
    ):
        v = np.arange(1, 129)
        assert np.array_equal(operator.apply(v), operator.signs * v[operator.permutation])


def test_parameters_refuse_writes():
    for kind in ("rotation", "random"):
        operator = SignedPermutation(64, "a", kind=kind)
        for array in (operator.signs, operator.permutation):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        SignedPermutation(64, "a").mask[0] = 1


def test_zeros_and_nans_pass_unharmed():
    x = np.full(64, np.nan)
    x[::2] = 0.0
    operator = SignedPermutation(64, "a")
    assert operator.inverse(operator.apply(x)).tobytes() == x.tobytes()


def test_the_most_negative_integer_stays():
    x = np.full(64, -128, np.int8)
    operator = SignedPermutation(64, "a")
    assert np.array_equal(operator.apply(x), x)


@given(hashes, hashes, multiples, st.integers(0, 2**32))
def test_packed_is_unpacked(h, g, d, seed):
    x = np.random.default_rng(seed).choice([-1, 1], (3, d))
    a, b = (SignedPermutation.from_hash(d, value) for value in (h, g))
    for operator in (a, a.inverted(), a.compose(b), a.compose(a.inverted())):
        assert np.array_equal(operator.apply_packed(pack(x)), pack(operator.apply(x)))
        assert np.array_equal(operator.inverse_packed(pack(x)), pack(operator.inverse(x)))
        assert np.array_equal(operator.inverse_packed(operator.apply_packed(pack(x))), pack(x))


def test_every_shift_of_packed_words():
    d = 192
    step = SignedPermutation(d, "a")
    x = np.random.default_rng(0).choice([-1, 1], d)
    product, shifts = step, set()
    for _ in range(2 * d):
        shifts.add(product.shift)
        assert np.array_equal(product.apply_packed(pack(x)), pack(product.apply(x)))
        product = step.compose(product)
    assert len(shifts) > 2 * d // 6


def test_packed_kinds_and_shapes():
    d = 256
    operator = SignedPermutation(d, "a")
    words = np.random.default_rng(1).integers(0, 2**64, (2, 3, 4), np.uint64)
    out = operator.apply_packed(words)
    octets = operator.apply_packed(words.view(np.uint8))
    assert octets.dtype == np.uint8
    assert np.array_equal(octets.view(np.uint64), out)
    odd = np.zeros(words.nbytes + 1, np.uint8)[1:]
    odd[:] = words.view(np.uint8).ravel()
    assert np.array_equal(operator.apply_packed(odd.reshape(2, 3, 32)), octets)
    assert np.array_equal(operator.apply_packed(words[:, ::2]), out[:, ::2])
    assert operator.apply_packed(words[:0]).shape == (0, 3, 4)
    for view in (np.uint64, np.int64, np.uint8):
        tensor = torch.from_numpy(words.view(view))
        got = operator.apply_packed(tensor)
        assert got.dtype == tensor.dtype
        assert np.array_equal(got.numpy().view(np.uint64), out)
        assert torch.equal(operator.inverse_packed(got), tensor)


def test_refusals():
    operator = SignedPermutation(128, "a")
    with pytest.raises(ValueError, match='kind must be "rotation" or "random", got \'word\''):
        SignedPermutation(128, "a", kind="word")
    with pytest.raises(ValueError, match="needs d % 64 == 0, got d=100"):
        SignedPermutation(100, "a")
    with pytest.raises(ValueError, match="2 words of 64 bits for d=128"):
        operator.apply_packed(np.zeros(3, np.uint64))
    with pytest.raises(ValueError, match="16 words of 8 bits for d=128"):
        operator.apply_packed(np.zeros(2, np.uint8))
    with pytest.raises(TypeError, match="uint64 or uint8, got int64"):
        operator.apply_packed(np.zeros(2, np.int64))
    with pytest.raises(TypeError, match=r"got torch\.float32"):
        operator.apply_packed(torch.zeros(2))
    with pytest.raises(TypeError, match="got list"):
        operator.apply_packed([0, 0])
    shuffle = SignedPermutation(128, "a", kind="random")
    for access in (
        lambda: shuffle.apply_packed(np.zeros(2, np.uint64)),
        lambda: shuffle.inverse_packed(np.zeros(2, np.uint64)),
        lambda: shuffle.shift,
        lambda: shuffle.mask,
    ):
        with pytest.raises(ValueError, match='is for kind="rotation"'):
            access()
    with pytest.raises(ValueError, match="composes with its own kind"):
        operator.compose(shuffle)
    assert operator != shuffle


def test_the_same_operator_is_drawn_once():
    first, second = SignedPermutation(64, "a"), SignedPermutation.from_hash(64, hash_key("a"))
    assert np.shares_memory(first.signs, second.signs)


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint64, torch.uint8])
@pytest.mark.parametrize("dynamic", [False, True])
def test_packed_words_compile_to_one_node(dtype, dynamic):
    torch._dynamo.reset()
    operator = SignedPermutation(128, "a")
    words = torch.from_numpy(np.random.default_rng(1).integers(0, 2**64, (6, 2), np.uint64)).view(dtype)

    def there_and_back(words):
        out = operator.apply_packed(words)
        return out, operator.inverse_packed(out)

    compiled = torch.compile(there_and_back, fullgraph=True, dynamic=dynamic, backend="aot_eager")
    for rows in (6, 5, 3):
        out, back = compiled(words[:rows])
        assert torch.equal(out.view(torch.uint8), operator.apply_packed(words[:rows]).view(torch.uint8))
        assert torch.equal(back.view(torch.uint8), words[:rows].view(torch.uint8))


def test_packed_bytes_at_any_offset_and_packed_words_under_vmap():
    operator = SignedPermutation(64, "a")
    octets = torch.randint(0, 256, (5, 8), dtype=torch.uint8, generator=torch.manual_seed(0))
    want = operator.apply_packed(octets.numpy())
    shifted = torch.cat([torch.zeros(1, dtype=torch.uint8), octets.flatten()])[1:].view(5, 8)
    assert np.array_equal(operator.apply_packed(shifted).numpy(), want)
    words = octets.view(torch.int64)
    assert np.array_equal(operator.apply_packed(words.T.T).numpy().view(np.uint8), want)
    turned = torch.vmap(operator.apply_packed, in_dims=1, out_dims=1)(words[:, None].expand(5, 3, 1))
    assert np.array_equal(turned[:, 2].numpy().view(np.uint8), want)


@pytest.mark.parametrize("d", [64, 128, 320])
def test_packed_words_where_there_is_no_kernel(d):
    operator = SignedPermutation(d, "a")
    words = torch.from_numpy(np.random.default_rng(d).integers(-(2**63), 2**63 - 1, (3, 4, d // 64)))
    for one in (operator, operator.inverted(), operator.compose(operator.inverted())):
        for x in (words, words.transpose(0, 1), words[:, ::2]):
            mask = torch.from_numpy(one.mask.view(np.int64).copy())
            got = _tensors.rotate_words_elsewhere(x, mask, one.shift)
            assert torch.equal(got, one.apply_packed(x))
            assert got.is_contiguous()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_packed_words_stay_on_their_device():
    operator = SignedPermutation(320, "a")
    words = torch.from_numpy(np.random.default_rng(0).integers(0, 2**64, (3, 5), np.uint64))
    for view in (torch.int64, torch.uint64, torch.uint8):
        got = operator.apply_packed(words.view(view).cuda())
        assert got.is_cuda
        assert torch.equal(got.cpu().view(torch.int64), operator.apply_packed(words.view(torch.int64)))
