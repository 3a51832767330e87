"""Kernels on every instruction tier and thread count, and the fallback: equal bits."""

from __future__ import annotations

import numpy as np
import pytest

from signwise._native import ISA_NAMES, _ortho, _runtime, best_isa, core, force_isa, use_fallback
from signwise.ortho import atom, mix64

pytestmark = pytest.mark.skipif(core() is None, reason="the extension is not built")

TIERS = ISA_NAMES[: ISA_NAMES.index(best_isa()) + 1] if core() else ()
FORMS = [pytest.param(tier, id=tier) for tier in TIERS]
FORMS.append(pytest.param(None, id="fallback"))
every_tier = pytest.mark.parametrize("tier", TIERS)
every_form = pytest.mark.parametrize("form", FORMS)
DTYPES = (np.int8, np.int16, np.int32, np.int64, np.float16, np.float32, np.float64)


def entered(form):
    return use_fallback() if form is None else force_isa(form)


def numbers(rows, d, dtype):
    """Any bits at all: the permutations move and negate NaNs and infinities like the rest."""
    octets = np.random.default_rng(rows + d).integers(0, 256, rows * d * np.dtype(dtype).itemsize, np.uint8)
    return octets.view(dtype).reshape(rows, d)


def run(function, *args, **options):
    """The result on one thread and on three, which must agree."""
    results = []
    for threads in (1, 3):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_runtime, "num_threads", lambda threads=threads: threads)
            results.append(function(*args, **options))
    assert results[0].tobytes() == results[1].tobytes()
    return results[0]


@every_form
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("rows", "d"), [(1, 1), (3, 64), (5, 200), (300, 512)])
def test_signed_rotation(form, dtype, rows, d):
    x, signs = numbers(rows, d, dtype), atom(5, d)
    floating = np.issubdtype(dtype, np.floating)
    for shift in {0, 1, d // 3, d - 1} & set(range(d)):
        with entered(form):
            got = run(_ortho.signed_rotation, x, signs, shift, floating=floating)
        with np.errstate(over="ignore", invalid="ignore"):
            moved = np.roll(x, shift, -1)
            expected = np.where(signs > 0, moved, -moved)
        assert got.tobytes() == expected.tobytes()


@every_form
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("rows", "d"), [(1, 1), (3, 65), (300, 512)])
def test_signed_permutation(form, dtype, rows, d):
    x, signs = numbers(rows, d, dtype), atom(6, d)
    with entered(form):
        perm = _ortho.fisher_yates(7, d)
        got = run(_ortho.signed_permutation, x, signs, perm, floating=np.issubdtype(dtype, np.floating))
    assert sorted(perm.tolist()) == list(range(d))
    with np.errstate(over="ignore", invalid="ignore"):
        expected = np.where(signs > 0, x[:, perm], -x[:, perm])
    assert got.tobytes() == expected.tobytes()


@every_form
@pytest.mark.parametrize(("rows", "words"), [(1, 1), (4, 2), (5, 7), (2000, 32)])
def test_rotate_words(form, rows, words):
    x = mix64(np.arange(rows * words, dtype=np.uint64)).reshape(rows, words)
    mask = mix64(np.arange(words, dtype=np.uint64) + np.uint64(99))
    bits = np.unpackbits(x.view(np.uint8), axis=-1, bitorder="little")
    for shift in {0, 1, 63, 64, 65, 64 * words - 64, 64 * words - 1} & set(range(64 * words)):
        with entered(form):
            got = run(_ortho.rotate_words, x, mask, shift)
        moved = np.packbits(np.roll(bits, shift, -1), axis=-1, bitorder="little").view(np.uint64)
        assert np.array_equal(got, moved ^ mask)


@every_tier
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("d", [2**i for i in range(13)])
def test_hadamard_signs(tier, dtype, d):
    x = np.random.default_rng(d).standard_normal((9, d)).astype(dtype)
    signs = atom(mix64(np.arange(4, dtype=np.uint64)), d)
    with use_fallback():
        expected = _ortho.hadamard_signs(x, signs)
    with force_isa(tier):
        got = run(_ortho.hadamard_signs, x, signs)
    assert got.tobytes() == expected.tobytes()
    assert got.dtype == dtype


@every_tier
@pytest.mark.parametrize("d", [1, 2, 15, 16, 17, 47, 100])
def test_haar(tier, d):
    with use_fallback():
        expected = _ortho.haar(3, d)
    with force_isa(tier):
        got = run(_ortho.haar, 3, d)
    assert got.tobytes() == expected.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("d", [257, 512])
def test_haar_at_size(d):
    with use_fallback():
        expected = _ortho.haar(3, d)
    for tier in TIERS:
        with force_isa(tier):
            assert run(_ortho.haar, 3, d).tobytes() == expected.tobytes()


def test_the_extension_checks_what_it_is_given():
    x, out, signs = np.zeros((2, 64), np.int32), np.zeros((2, 64), np.int32), np.ones(64, np.int8)
    perm = np.arange(64, dtype=np.int32)
    for call in (
        lambda: core().signed_rotation(x, signs, 64, False, out, 1),
        lambda: core().signed_rotation(x, signs, -1, False, out, 1),
        lambda: core().signed_rotation(x, signs[:32], 0, False, out, 1),
        lambda: core().signed_rotation(x, signs, 0, False, out.astype(np.int64), 1),
        lambda: core().signed_permutation(x, signs, perm[:32], False, out, 1),
        lambda: core().rotate_words(
            np.zeros((1, 2), np.uint64), np.zeros(2, np.uint64), 128, np.zeros((1, 2), np.uint64), 1
        ),
        lambda: core().hadamard_signs(np.zeros((1, 3)), np.ones((2, 3), np.int8), np.zeros((1, 3)), 1),
        lambda: core().haar(1, np.zeros((2, 3)), 1),
    ):
        with pytest.raises(ValueError, match=r"differ|shift must|power of two|square"):
            call()
    with pytest.raises(TypeError):
        core().signed_rotation(x[:, ::2], signs[:32], 0, False, out[:, :32], 1)
    with pytest.raises(TypeError):
        core().hadamard_signs(np.zeros((1, 2)), np.ones((2, 2), np.int8), np.zeros((1, 2), np.float32), 1)
