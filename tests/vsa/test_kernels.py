"""The oracle, the fallback and the kernel at every tier and thread count: the same whole numbers."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from signwise._native import ISA_NAMES, _runtime, _vsa, _vsa_numpy, _vsa_walk, best_isa, core, force_isa, use_fallback
from signwise.vsa import JSONEncoder
from signwise.vsa._options import check_options, kernel_spec
from signwise.vsa._paths import parse_path

from ..oracles.vsa import Oracle
from .documents import ANY_DOCUMENT, DOCUMENTS, OPTIONS, ORDER

TIERS = ISA_NAMES[: ISA_NAMES.index(best_isa()) + 1] if core() else ()
FORMS = [*(pytest.param(tier, id=tier) for tier in TIERS), pytest.param(None, id="fallback")]
every_form = pytest.mark.parametrize("form", FORMS)
every_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
needs_core = pytest.mark.skipif(core() is None, reason="the extension is not built")


def entered(form):
    return use_fallback() if form is None else force_isa(form)


def oracle(options, d=512, **more):
    known = {name: value for name, value in options.items() if name != "weights"}
    weights = {parse_path(path): weight for path, weight in options.get("weights", {}).items()}
    return Oracle(d=d, weights=weights, **known, **more)


def wrapped(values):
    """Whole numbers modulo 2^64, as int64."""
    return np.array([v % 2**64 for v in values], np.uint64).view(np.int64)


def encoded(encoder, documents, output="int64"):
    kernel = encoder._kernel()
    buffers, failures = kernel.read(documents, orjson.loads)
    assert not failures
    return kernel.encode(buffers, output)


@every_option
@every_form
def test_the_oracle_agrees(form, options):
    encoder = JSONEncoder(d=512, **options)
    with entered(form):
        got = encoded(encoder, DOCUMENTS[:-4])
    reference = oracle(options)
    for row, document in zip(got, DOCUMENTS[:-4], strict=True):
        assert np.array_equal(row, wrapped(reference.encode(document))), document


@hypothesis_settings(max_examples=25)
@given(document=ANY_DOCUMENT)
def test_the_oracle_agrees_on_any_document(document):
    options = OPTIONS["every view"]
    assert np.array_equal(
        encoded(JSONEncoder(d=512, **options), [document])[0], wrapped(oracle(options).encode(document))
    )


@needs_core
@every_option
def test_every_tier_thread_count_and_output_agrees_with_the_fallback(options, monkeypatch):
    encoder = JSONEncoder(d=1024, **options)
    for output in ("int64", "float32", "bits"):
        with use_fallback():
            expected = encoded(encoder, DOCUMENTS, output).tobytes()
        for tier in TIERS:
            for threads in (1, 3):
                monkeypatch.setattr(_runtime, "num_threads", lambda threads=threads: threads)
                with force_isa(tier):
                    assert encoded(encoder, DOCUMENTS, output).tobytes() == expected


@needs_core
@hypothesis_settings(max_examples=60)
@given(document=ANY_DOCUMENT)
def test_any_document_is_walked_and_encoded_alike(document):
    encoder = JSONEncoder(d=512, conjunctions=True, arrays=("pos", "set", "adj"))
    kernel = encoder._kernel()
    tokens = kernel.walk(document)
    assert tokens == _vsa_walk.walk(document)
    fast, slow = kernel.encode([tokens], "int64"), kernel._fallback.encode(tokens)[0]
    assert np.array_equal(fast[0], slow)
    assert kernel.subtree_hash(tokens) == kernel._fallback.subtree_hash(tokens)


@every_form
def test_fitted_numbers_and_idf_agree_with_the_oracle(form):
    documents = [{"a": {"x": 1.5 * i, "s": "red fox" if i % 3 else "blue fox"}, "b": [i, -i, 2**60]} for i in range(12)]
    encoder = JSONEncoder(d=512, idf=True)
    with entered(form):
        encoder.fit(documents)
        got = encoded(encoder, [*documents[:2], {"a": {"x": 1e9, "s": "fox"}, "b": [1e300, -1e300, 7], "c": [1]}])
    reference = Oracle(d=512)
    seen = [t for document in documents for t in reference.terms(document)]
    df = {term: seen.count(term) for term in set(seen) if seen.count(term) >= 2}
    centers = dict(zip(*(array.tolist() for array in encoder.state_.stats()[:2]), strict=True))
    scales = dict(zip(*(array.tolist() for array in encoder.state_.stats()[::2]), strict=True))
    stats = {
        path: (centers[reference.path_hash(path)], scales[reference.path_hash(path)])
        for path in [("a", "x"), ("b", "[*]")]
    }
    reference = Oracle(d=512, stats=stats, df=df, documents=len(documents))
    for row, document in zip(
        got, [*documents[:2], {"a": {"x": 1e9, "s": "fox"}, "b": [1e300, -1e300, 7], "c": [1]}], strict=True
    ):
        assert np.array_equal(row, wrapped(reference.encode(document)))


@needs_core
def test_sums_beyond_int32_agree():
    """Many nested arrays double the weights under two views; beyond 62 of them int64 wraps."""
    for depth in (10, 30, 40, 62, 63, 64, 500):
        document = "x"
        for _ in range(depth):
            document = [document, 1] if depth < 60 else [document]
        encoder = JSONEncoder(d=512)
        for output in ("int64", "float32", "bits"):
            with use_fallback():
                expected = encoded(encoder, [document], output)
            assert np.array_equal(encoded(encoder, [document], output), expected)
            assert np.isfinite(expected).all()


@every_form
def test_int32_that_does_not_fit_is_refused(form):
    document = "x"
    for _ in range(48):
        document = [document]
    encoder = JSONEncoder(d=512, output="int32", array_norm=False, weights={"[*]": 1e6})
    with entered(form), pytest.raises(OverflowError, match="document 2: a component does not fit int32"):
        encoder.transform([{}, document])
    with entered(form):
        assert np.isfinite(JSONEncoder(d=512).encode_one(document)).all()


@needs_core
def test_no_cache_shows():
    """Operators kept from other documents, more paths than are kept, and long arrays change nothing."""
    encoder = JSONEncoder(d=512)
    before = encoded(encoder, [ORDER])
    many = [{f"k{i}": {f"m{j}": [1, "a"] for j in range(20)} for i in range(300)} for _ in range(4)]
    many += [{f"q{n}{i}": {f"m{j}": j for j in range(20)} for i in range(400)} for n in range(12)]
    got = encoded(encoder, many)
    assert np.array_equal(encoded(encoder, [ORDER]), before)
    for i in (0, 5, len(many) - 1):
        assert np.array_equal(encoded(JSONEncoder(d=512), [many[i]])[0], got[i])
    with use_fallback():
        assert np.array_equal(encoded(JSONEncoder(d=512), [many[-1]])[0], got[-1])


@needs_core
def test_an_abandoned_narrow_sum_leaves_nothing_behind():
    heavy = {"a": ["text " * 50, 1, {"b": [["deep"]]}], "z": "end"}
    encoder = JSONEncoder(d=512, weights={"z": 1e8})
    clean = encoded(JSONEncoder(d=512, weights={"z": 1e8}), [ORDER])
    encoded(encoder, [heavy])
    assert np.array_equal(encoded(encoder, [ORDER]), clean)


def test_another_process_with_another_hash_seed_agrees():
    script = (
        "import hashlib, sys; sys.path.insert(0, sys.argv[1])\n"
        "from tests.vsa.documents import DOCUMENTS\n"
        "from signwise.vsa import JSONEncoder\n"
        "print(hashlib.sha256(JSONEncoder(d=512).transform(DOCUMENTS).tobytes()).hexdigest())"
    )
    root = str(Path(__file__).parents[2])
    expected = hashlib.sha256(JSONEncoder(d=512).transform(DOCUMENTS).tobytes()).hexdigest()
    for seed, native in (("1", "1"), ("2", "0")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "SIGNWISE_NATIVE": native, "SIGNWISE_THREADS": "2"}
        done = subprocess.run(
            [sys.executable, "-c", script, root], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == expected


def test_normalisation_rounds_once():
    """acc / norm is the float64 quotient, rounded to float32, in the kernel's shortcut too."""
    for seed in range(30):
        vector = JSONEncoder(d=512, seed=seed).encode_one(ORDER, output="int32").astype(np.int64)
        expected = (vector / np.sqrt(np.float64((vector * vector).sum()))).astype(np.float32)
        assert np.array_equal(JSONEncoder(d=512, seed=seed).encode_one(ORDER), expected)


def test_zero_vectors_stay_zero_and_ties_take_the_tie_atom():
    encoder = JSONEncoder(d=512, strings=("words",))
    assert not encoder.encode_one({"a": "!!"}).any()
    tie = encoder._kernel()._fallback
    expected = np.packbits(tie.signs(tie.hash(_vsa_numpy.TIE, b"")) > 0, bitorder="little")
    assert np.array_equal(encoder.encode_one({"a": "!!"}, output="bits"), expected)


@needs_core
def test_the_extension_checks_what_it_is_given():
    options = check_options(
        d=512, strings=("whole",), arrays=("pos",), array_norm=True, conjunctions=False, idf=False, weights=None, seed=0
    )
    kernel = _vsa.Encoder(kernel_spec(options))
    native = kernel._native(core())
    batch = core().TokenBatch()
    batch.append(b"\x06\xff\xff\xff\xff")
    with pytest.raises(ValueError, match="end early"):
        native.encode(batch, "int64", np.empty((1, 512), np.int64), 1)
    with pytest.raises(ValueError, match="another shape"):
        native.encode(batch, "int64", np.empty((1, 512), np.int32), 1)
    with pytest.raises(ValueError, match="unknown output"):
        native.encode(batch, "int8", np.empty((1, 512), np.int64), 1)
    unknown = core().TokenBatch()
    unknown.append(b"\x20")
    with pytest.raises(ValueError, match="unknown token"):
        native.encode(unknown, "int64", np.empty((1, 512), np.int64), 1)


@needs_core
def test_an_encoder_that_is_held_at_exit_is_no_leak():
    held = (
        "import ctypes; from signwise.vsa import JSONEncoder; e = JSONEncoder(512); e.encode_one({'a': 1}); "
        "ctypes.pythonapi.Py_IncRef(ctypes.py_object(e))"
    )
    ran = subprocess.run([sys.executable, "-c", held], capture_output=True, text=True, check=True)
    assert ran.stderr == ""
