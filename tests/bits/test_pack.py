import subprocess
import sys

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signwise.bits import pack, pack_ternary

from ..oracles import bits as oracle

DTYPES = ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "bool"]
LENGTHS = [0, 1, 7, 8, 63, 64, 65, 127, 128, 200, 1000]


def values(rng, shape, dtype):
    """Values of every sign, with the ones that are easily got wrong."""
    if dtype == "bool":
        return rng.random(shape) < 0.5
    if np.dtype(dtype).kind == "i":
        info = np.iinfo(dtype)
        return rng.choice(np.array([info.min, -1, 0, 1, info.max], dtype), shape)
    tiny = np.finfo(dtype).smallest_subnormal
    special = np.array([0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, tiny, -tiny, 1.5, -1.5], dtype)
    return rng.choice(special, shape)


@pytest.mark.parametrize("dtype", DTYPES)
def test_signs_of_every_kind_and_length(way, dtype):
    rng = np.random.default_rng(1)
    for k in LENGTHS:
        x = values(rng, (3, k), dtype)
        packed = pack(x)
        assert packed.shape == (3, k)
        assert packed.words.dtype == np.uint64
        assert packed.tobytes() == b"".join(oracle.row_bytes(row > 0) for row in oracle.signs(x))


@pytest.mark.parametrize("dtype", DTYPES[:-1])
def test_ternary_signs_of_every_kind_and_length(way, dtype):
    rng = np.random.default_rng(2)
    for k in LENGTHS:
        x = values(rng, (3, k), dtype)
        packed = pack_ternary(x)
        want = oracle.ternary(x)
        assert packed.shape == (3, k)
        assert packed.nonzero.tobytes() == b"".join(oracle.row_bytes(row != 0) for row in want)
        assert packed.positive.tobytes() == b"".join(oracle.row_bytes(row > 0) for row in want)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(
    x=hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int16]),
        hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=70),
    )
)
def test_unpacking_gives_the_signs_back(each_way, x):
    for _ in each_way():
        assert np.array_equal(pack(x).unpack("int8"), oracle.signs(x))
        assert np.array_equal(pack_ternary(x).unpack("int8"), oracle.ternary(x))


def test_views_pack_as_their_copies(way):
    x = np.random.default_rng(3).standard_normal((6, 5, 130))
    for view in (x.transpose(2, 0, 1), x[::2, ::-1, ::3], x[..., 1:], np.broadcast_to(x[0, 0], (4, 130))):
        assert pack(view) == pack(view.copy())
        assert pack_ternary(view) == pack_ternary(view.copy())
    big_endian = x.astype(">f8")
    assert pack(big_endian) == pack(x)


def test_long_input_is_the_same_on_every_way(way):
    x = np.random.default_rng(4).standard_normal((5, 300_001), dtype=np.float32)
    x[x > 2] = 0
    for rows in (x, x[:, :262_144].copy()):
        want = np.packbits(rows >= 0, axis=-1, bitorder="little")
        assert np.array_equal(pack(rows).words.view(np.uint8)[:, : want.shape[1]], want)
        ternary = pack_ternary(rows)
        assert np.array_equal(ternary.unpack("int8"), np.sign(rows))


def test_an_argument_is_never_changed(way):
    x = np.random.default_rng(5).standard_normal((3, 70))
    before = x.copy()
    pack(x)
    pack_ternary(x)
    assert np.array_equal(x, before)


@pytest.mark.parametrize("function", [pack, pack_ternary])
def test_wrong_arguments(function):
    with pytest.raises(TypeError, match="numpy array or a torch tensor, got list"):
        function([1.0, -1.0])
    with pytest.raises(TypeError, match=r"uint8.*never negative"):
        function(np.zeros(3, np.uint8))
    with pytest.raises(TypeError, match="complex128"):
        function(np.zeros(3, complex))
    with pytest.raises(ValueError, match="at least one dimension"):
        function(np.array(1.0))


def test_ternary_refuses_booleans():
    with pytest.raises(TypeError, match="bool"):
        pack_ternary(np.array([True, False]))


def test_importing_and_using_arrays_does_not_import_torch():
    program = (
        "import sys, numpy as np, signwise.bits as bits\n"
        "p = bits.pack(np.ones((4, 70)))\n"
        "bits.xnor_matmul(p, p), bits.hamming_topk(p, p, 2), bits.majority(p, ties='positive')\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
