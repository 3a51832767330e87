"""Terms add up to their document, and spines give the part of one path."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from signwise._native import use_fallback
from signwise.vsa import JSONEncoder
from signwise.vsa._paths import parse_path
from signwise.vsa._terms import spine

from .documents import ANY_DOCUMENT, DOCUMENTS, OPTIONS, ORDER


def whole(encoder, document):
    kernel = encoder._kernel()
    return kernel.encode([kernel.walk(document)], "int64")[0]


@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
def test_terms_add_up(options):
    encoder = JSONEncoder(d=512, **options)
    for document in DOCUMENTS:
        vectors = encoder._term_vectors(encoder._terms(document))
        assert np.array_equal(vectors.sum(0), whole(encoder, document)), document


@hypothesis_settings(max_examples=40)
@given(document=ANY_DOCUMENT)
def test_terms_of_any_document_add_up(document):
    encoder = JSONEncoder(d=512, **OPTIONS["every view"])
    terms = encoder._terms(document)
    vectors = encoder._term_vectors(terms)
    assert np.array_equal(vectors.sum(0), whole(encoder, document))
    with use_fallback():
        assert np.array_equal(encoder._term_vectors(terms), vectors)


def test_terms_name_paths_and_parts():
    encoder = JSONEncoder(d=512, arrays=("pos", "adj"), conjunctions=True)
    terms = encoder._terms({"a": [1, {"b": "x", "c": None}], "e": {}})
    found = [(term.path, term.part, term.value) for term in terms]
    assert sorted(found, key=repr) == sorted(
        [
            (("a",), "pairs", None),
            (("a", 0), "value", 1),
            (("a", 1), "conjunctions", None),
            (("a", 1, "b"), "value", "x"),
            (("a", 1, "c"), "value", None),
            (("e",), "value", {}),
        ],
        key=repr,
    )


def test_a_spine_is_the_difference_that_a_value_makes():
    encoder = JSONEncoder(d=512)
    kernel = encoder._kernel()
    other = {**ORDER, "items": [{**ORDER["items"][0], "qty": 9}, ORDER["items"][1]]}
    steps = ("items", (0, 2), "qty")
    old, new = kernel.encode([spine(steps, kernel.walk(value)) for value in (2, 9)], "int64")
    assert np.array_equal(whole(encoder, ORDER) - old + new, whole(encoder, other))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", ()),
        ("a", ("a",)),
        ("a.b[0][12].c", ("a", "b", 0, 12, "c")),
        ("[3].x", (3, "x")),
        ("[*]", ("[*]",)),
        ("a[*].b", ("a", "[*]", "b")),
        ("with space.ü", ("with space", "ü")),
        (("a.b", 0), ("a.b", 0)),
    ],
)
def test_paths(text, path):
    assert parse_path(text) == path


@pytest.mark.parametrize("text", [".a", "a..b", "a[", "a[-1]", "a[x]", "a]", "a.", ("a", -1)])
def test_what_is_no_path_is_refused(text):
    with pytest.raises(ValueError, match="path must"):
        parse_path(text)


@pytest.mark.parametrize("path", [3, ("a", 1.0), ("a", True), {"a"}])
def test_paths_of_other_types_are_refused(path):
    with pytest.raises(TypeError, match="path must"):
        parse_path(path)
