"""Documents for the tests: hand-picked ones that touch every rule, and a generator of any others."""

from __future__ import annotations

from hypothesis import strategies as st

ORDER = {
    "id": "ORD-004217",
    "status": "paid",
    "priority": 3,
    "express": True,
    "customer": {"name": "Ada Lovelace", "address": {"city": "London", "zip": "04109"}, "phone": None},
    "items": [
        {"sku": "RIV-12", "qty": 2, "price": 19.99, "title": "river stone, river stone"},
        {"sku": "LAZ-7", "qty": 1, "price": 240, "title": "lazy fox"},
    ],
    "tags": ["gift", "urgent"],
    "total": 279.98,
}

EDGES = [
    {},
    [],
    {"a": {}},
    [[]],
    [None, True, False, {}, [], ""],
    [0, -0.0, 1, 1.0, -1, 0.1, -2.5, 1e-300, 5e-324, 1e300, 1.7976931348623157e308],
    [2**53, 2**53 + 1, -(2**53), -(2**53) - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**300],
    ["x", " ", "!!", "a b a b", "aaaaaa", "A a", "\u00e9", "e\u0301", "中文 字符", "😀x😀x😀", "x" * 300, "ab " * 200],
    {"e\u0301": 1, "\u00e9": 2, "z": 3},
    {"": {"": [{"": ""}]}},
    [[[[["a"], ["b", "c"]]], [[["d"]]]], [[[[1, 2], [3]]]]],
    {"k": {"k": {"k": "k"}}, "m": [{"k": ["k", {"k": 1}]}]},
    list(range(70)),
    {f"key{i}": i for i in range(65)},
    {f"key{i}": f"value {i}" for i in range(12)},
]

DOCUMENTS = [ORDER, *EDGES]

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    TEXT,
    st.integers(-(2**70), 2**70),
    st.integers(-3, 3),
    st.floats(allow_nan=False, allow_infinity=False),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
ANY_DOCUMENT = st.lists(VALUES, max_size=4) | st.dictionaries(TEXT, VALUES, max_size=4)

# Options by name, each with what the oracle calls them.
OPTIONS = {
    "default": {},
    "exact positions": {"strings": ("whole",), "arrays": ("pos",)},
    "every view": {"arrays": ("pos", "set", "adj", "end"), "conjunctions": True, "seed": 2**64 - 1},
    "pairs only": {"strings": ("words",), "arrays": ("adj",), "array_norm": False},
    "grams from the end": {"strings": ("grams",), "arrays": ("end", "set"), "seed": 3},
    "weights": {"weights": {"items[*]": 2.5, "items[*].qty": 0.0, "customer.address": 0.3, "": 1.5, ("k", "k"): 7.0}},
}
