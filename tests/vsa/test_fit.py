"""Fitting: one pass, in any order and any partition; scales of numbers; document frequencies."""

from __future__ import annotations

import math
import pickle
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signwise._native import use_fallback
from signwise.vsa import JSONEncoder
from signwise.vsa._fit import SAMPLE, spread

RNG = random.Random(1)
DOCUMENTS = [
    {
        "size": RNG.gauss(100, 15),
        "kind": RNG.choice(["red", "green"]),
        "note": f"note {i % 37}",
        "list": [i, i * i % 11],
    }
    for i in range(400)
]


def cosine(encoder, one, two):
    a, b = encoder.transform([one, two]).astype(np.float64)
    return float(a @ b)


@settings(max_examples=15)
@given(order=st.permutations(range(40)), cuts=st.lists(st.integers(0, 40), max_size=4), idf=st.booleans())
def test_order_and_partition_do_not_matter(order, cuts, idf):
    documents = DOCUMENTS[:40]
    expected = JSONEncoder(d=512, idf=idf).fit(documents).fingerprint
    parts, last = [], 0
    for cut in [*sorted(cuts), 40]:
        parts.append([documents[i] for i in order[last:cut]])
        last = cut
    merged = JSONEncoder(d=512, idf=idf)
    for part in parts:
        other = JSONEncoder(d=512, idf=idf).fit(part)
        merged.merge(pickle.loads(pickle.dumps(other)))
    assert merged.fingerprint == expected
    gradual = JSONEncoder(d=512, idf=idf)
    for part in parts:
        gradual.partial_fit(part)
    assert gradual.fingerprint == expected


def test_the_fallback_learns_the_same():
    with use_fallback():
        expected = JSONEncoder(d=512, idf=True).fit(DOCUMENTS[:60]).fingerprint
    assert JSONEncoder(d=512, idf=True).fit(DOCUMENTS[:60]).fingerprint == expected


def test_more_numbers_than_the_sample_holds():
    documents = [{"a": i % 1999, "b": [i, -i]} for i in range(3 * SAMPLE)]
    whole = JSONEncoder(d=512).fit(documents)
    other = JSONEncoder(d=512).fit(documents[::2]).merge(JSONEncoder(d=512).fit(documents[1::2]))
    assert whole.fingerprint == other.fingerprint
    _, counts = np.unique(whole.state_.paths, return_counts=True)
    assert counts.tolist() == [SAMPLE, SAMPLE]
    # Equal documents have equal priorities and are one entry.
    assert len(JSONEncoder(d=512).fit([{"a": 5}] * 20).state_.values) == 1


def test_fit_forgets_and_partial_fit_adds():
    encoder = JSONEncoder(d=512).fit(DOCUMENTS[:50]).fit(DOCUMENTS[50:90])
    assert encoder.fingerprint == JSONEncoder(d=512).fit(DOCUMENTS[50:90]).fingerprint
    assert encoder.partial_fit(DOCUMENTS[:50]).state_.documents == 90


def test_vectors_follow_a_new_fit():
    encoder = JSONEncoder(d=512)
    before = encoder.transform(DOCUMENTS[:5])
    encoder.fit(DOCUMENTS)
    after = encoder.transform(DOCUMENTS[:5])
    assert not np.array_equal(before, after)
    assert np.array_equal(encoder.fit(DOCUMENTS).transform(DOCUMENTS[:5]), after)


def test_a_fitted_path_tells_what_raw_numbers_cannot():
    """Sizes around 1e-4: raw numbers that small nearly coincide; fitted ones keep their spread."""
    documents = [{"x": 1e-4 * (1 + 0.1 * i)} for i in range(50)]
    ends = documents[0], documents[-1]
    assert cosine(JSONEncoder(), *ends) > 0.9
    fitted = JSONEncoder().fit(documents)
    assert cosine(fitted, *ends) < 0.2
    assert cosine(fitted, documents[20], documents[21]) > 0.7


def test_the_scale_is_robust_and_falls_back():
    ordered = sorted(RNG.gauss(5, 2) for _ in range(2001))
    center, scale = spread(ordered)
    assert center == pytest.approx(np.median(ordered), rel=1e-12)
    q1, q3 = np.quantile(ordered, [0.25, 0.75])
    assert scale == pytest.approx((q3 - q1) / 1.349, rel=1e-12)
    assert spread([1.0] * 7) == (0.0, 0.0)
    assert spread([1.0] * 20)[1] == 0
    assert spread([1.0] * 20 + [2.0])[1] == pytest.approx(np.std([1.0] * 20 + [2.0]), rel=1e-12)
    assert not 0 < spread([-1.7e308] * 5 + [1.7e308] * 5)[1] < math.inf


def test_few_numbers_and_unknown_paths_stay_raw():
    encoder = JSONEncoder(d=512).fit([{"a": i} for i in range(7)])
    assert np.array_equal(encoder.encode_one({"a": 3, "b": 1.5}), JSONEncoder(d=512).encode_one({"a": 3, "b": 1.5}))
    constant = JSONEncoder(d=512).fit([{"a": 4, "i": str(i)} for i in range(20)])
    assert np.array_equal(constant.encode_one({"a": 4}), JSONEncoder(d=512).encode_one({"a": 4}))


def test_idf_lowers_what_is_everywhere():
    documents = [{"type": "event", "name": f"unique{i}", "flag": True} for i in range(200)]
    one, two = documents[0], documents[1]
    plain, weighed = JSONEncoder(4096), JSONEncoder(4096, idf=True).fit(documents)
    assert cosine(weighed, one, two) < cosine(plain, one, two) - 0.2
    assert np.array_equal(JSONEncoder(idf=True).encode_one(one), JSONEncoder().encode_one(one))


def test_merging_needs_the_same_options():
    with pytest.raises(ValueError, match="all their options are equal"):
        JSONEncoder(d=512).merge(JSONEncoder(d=1024))
    unfitted = JSONEncoder(d=512).merge(JSONEncoder(d=512, output="bits"))
    assert unfitted.fingerprint == JSONEncoder(d=512).fingerprint
