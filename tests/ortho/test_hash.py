"""The hash, its mixing functions and its atoms against the oracle and the specified values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signwise._native import core, use_fallback
from signwise.ortho import Domain, atom, atom_words, fold, hash_bytes, hash_key, mix64, xxh64

from ..oracles import ortho as oracle

words = st.integers(0, 2**64 - 1)


def test_specified_values():
    assert xxh64(b"") == 0xEF46DB3751D8E999
    h = hash_bytes(Domain.KEY, b"a")
    assert h == 0x679C15E14B6E40DE
    assert int(atom_words(h, 2048)[0]) == 0x8B6FD682B0062086


@pytest.mark.parametrize(
    ("text", "seed", "expected"),
    [
        (b"a", 0, 0xD24EC4F1A98C6E5B),
        (b"abc", 0, 0x44BC2CF5AD770999),
        (b"Nobody inspects the spammish repetition", 0, 0xFBCEA83C8A378BF1),
        (b"xxhash", 20141025, 0xB559B98D844E0635),
    ],
)
def test_published_values_of_xxh64(text, seed, expected):
    assert xxh64(text, seed) == expected


@given(st.binary(max_size=200), words)
def test_xxh64(data, seed):
    assert xxh64(data, seed) == oracle.xxh64(data, seed)
    with use_fallback():
        assert xxh64(data, seed) == oracle.xxh64(data, seed)


@pytest.mark.parametrize("length", range(70))
def test_xxh64_at_every_short_length(length):
    data = bytes(range(100, 100 + length))
    assert xxh64(data, 7) == oracle.xxh64(data, 7)
    with use_fallback():
        assert xxh64(data, 7) == oracle.xxh64(data, 7)


@given(st.integers(-(2**70), 2**70), words)
def test_mixing(a, b):
    assert mix64(a) == oracle.mix(a)
    assert fold(a, b) == oracle.fold(a, b)
    pair = np.array([b, oracle.mix(a)], np.uint64)
    assert mix64(pair).tolist() == [oracle.mix(int(x)) for x in pair]
    assert fold(pair, 5).tolist() == [oracle.fold(int(x), 5) for x in pair]
    assert fold(5, pair).tolist() == [oracle.fold(5, int(x)) for x in pair]
    assert fold(pair, pair[::-1]).tolist() == [oracle.fold(*map(int, p)) for p in zip(pair, pair[::-1], strict=True)]


@given(st.sampled_from(Domain), st.binary(max_size=40), words)
def test_hash_bytes(domain, data, seed):
    assert hash_bytes(domain, data, seed) == oracle.hash_bytes(int(domain), data, seed)


@given(
    st.one_of(words, st.binary(max_size=9), st.text(st.characters(exclude_categories=["Cs"]), max_size=9)),
    words,
)
def test_hash_key(key, seed):
    assert hash_key(key, seed) == oracle.hash_key(key, seed)


def test_domains_are_those_of_the_specification():
    names = ["KEY", "STR", "WORD", "GRAM", "LIT", "LANE", "EXACT", "LINEAR", "INDEX", "END", "VIEW", "TIE"]
    names += ["MATRIX", "LANEFIT", "ARRAY"]
    assert {d.name: d.value for d in Domain} == {name: i + 1 for i, name in enumerate(names)}


@given(words, st.integers(1, 200))
def test_atom(h, d):
    signs = atom(h, d)
    assert signs.dtype == np.int8
    assert signs.tolist() == oracle.atom(h, d)
    packed = atom_words(h, d)
    assert packed.dtype == np.uint64
    assert packed.shape == (-(-d // 64),)
    bits = [int(packed[i // 64]) >> (i % 64) & 1 for i in range(64 * len(packed))]
    assert bits == [int(s < 0) for s in signs] + [0] * (len(bits) - d)
    with use_fallback():
        assert np.array_equal(atom_words(h, d), packed)


def test_atoms_of_many_hashes():
    hashes = mix64(np.arange(12, dtype=np.uint64)).reshape(3, 4)
    together = atom(hashes, 100)
    assert together.shape == (3, 4, 100)
    for i in np.ndindex(3, 4):
        assert np.array_equal(together[i], atom(int(hashes[i]), 100))
    assert atom(hashes[:0], 100).shape == (0, 4, 100)
    assert np.array_equal(atom_words(hashes[::2, ::-1], 100), atom_words(hashes, 100)[::2, ::-1])


def test_the_xor_of_words_is_the_product_of_signs():
    a, b = atom_words(1, 128), atom_words(2, 128)
    product = np.unpackbits((a ^ b).view(np.uint8), bitorder="little")
    assert np.array_equal(1 - 2 * product.astype(np.int8), atom(1, 128) * atom(2, 128))


def test_refusals():
    with pytest.raises(TypeError, match="encode a str first"):
        xxh64("a")
    with pytest.raises(TypeError, match="encode a str first"):
        hash_bytes(Domain.KEY, "a")
    with pytest.raises(ValueError, match="16 is not a valid Domain"):
        hash_bytes(16, b"a")
    with pytest.raises(TypeError, match="must be an array of uint64, got int64"):
        mix64(np.zeros(2, np.int64))
    with pytest.raises(TypeError, match="h must be an array of uint64"):
        atom(np.zeros(2), 64)
    with pytest.raises(TypeError, match="h must be a whole number, got True"):
        atom(True, 64)
    with pytest.raises(ValueError, match="d must be at least 1"):
        atom(1, 0)
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        hash_key("\ud800")


@pytest.mark.skipif(core() is None, reason="the extension is not built")
def test_the_extension_checks_what_it_is_given():
    out = np.empty((2, 2), np.uint64)
    with pytest.raises(ValueError, match="shapes differ"):
        core().atom_words(np.zeros(2, np.uint64), 64, out)
    with pytest.raises(TypeError):
        core().atom_words(np.zeros(2, np.int64), 128, out)
    with pytest.raises(TypeError):
        core().atom_words(np.zeros(4, np.uint64)[::2], 128, out)
