"""Keys, metadata and filters of an index against a plain list."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signwise.vsa._entries import Entries, check_key, encode_metadata

RECORDS = [
    {"kind": "a", "size": 1, "on": True},
    {"kind": "b", "size": 2.5, "on": False},
    {"kind": None, "size": "2", "odd $.\"name'": 1},
    {"kind": ["a"], "size": -3},
    None,
    {"kind": "true", "size": True},
]


def filled(records=RECORDS):
    entries = Entries()
    entries.begin()
    entries.insert([(row, f"k{row}", encode_metadata(meta)) for row, meta in enumerate(records)])
    entries.commit()
    return entries


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"kind": "a"}, [0]),
        ({"kind": ["a", "b"]}, [0, 1]),
        ({"kind": []}, []),
        ({"kind": None}, [2]),
        ({"kind": "true"}, [5]),
        ({"on": True}, [0]),
        ({"on": False}, [1]),
        ({"size": 1}, [0]),
        ({"size": 1.0}, [0]),
        ({"size": True}, [5]),
        ({"size": "2"}, [2]),
        ({"size": {"min": 1}}, [0, 1]),
        ({"size": {"min": -3, "max": 1}}, [0, 3]),
        ({"kind": {"min": "b"}}, [1, 5]),
        ({"kind": "a", "size": {"max": 0}}, []),
        ({"none": None}, []),
        ({"x' OR 1=1 --": 1}, []),
    ],
)
def test_filters(where, rows):
    assert filled().matching(where).tolist() == rows


@pytest.mark.parametrize("wanted", [{"low": 1}, {}, {"min": 1, "x": 2}])
def test_a_wrong_range_is_refused(wanted):
    with pytest.raises(ValueError, match="min or max"):
        filled().matching({"size": wanted})


def test_other_wrong_filters():
    with pytest.raises(ValueError, match="double quote"):
        filled().matching({'a"b': 1})
    with pytest.raises(TypeError, match="filter of 'size'"):
        filled().matching({"size": 1j})


def test_keys_and_numbers_are_different_keys():
    entries = Entries()
    entries.begin()
    entries.insert([(0, "1", None), (1, 1, None), (2, 2**63 - 1, None), (3, -(2**63), None)])
    entries.commit()
    assert entries.rows_of(["1", 1, 2**63 - 1, -(2**63), 7]) == {"1": 0, 1: 1, 2**63 - 1: 2, -(2**63): 3}
    assert entries.greatest_number() == 2**63 - 1
    assert filled().greatest_number() == -1


def test_check_key():
    assert check_key(np.int32(5)) == 5
    assert type(check_key(np.int32(5))) is int
    for key in (True, 1.0, None, b"k"):
        with pytest.raises(TypeError, match="text or a whole number"):
            check_key(key)
    with pytest.raises(ValueError, match="64 bits"):
        check_key(2**63)


def test_metadata_must_be_json():
    with pytest.raises(TypeError, match="a mapping, got list"):
        encode_metadata([1])
    with pytest.raises(TypeError, match="JSON types"):
        encode_metadata({"a": {1}})


@given(st.sets(st.integers(0, 2000), max_size=40))
def test_many_rows_at_once(gone):
    entries = filled([None] * 2001)
    entries.begin()
    entries.remove(sorted(gone))
    entries.commit()
    assert entries.dead().tolist() == sorted(gone)
    kept = [row for row in range(2001) if row not in gone]
    assert entries.living().tolist() == kept
    assert entries.count() == len(kept)
    assert sorted(entries.entries_of(kept)) == kept


def test_a_saved_file_is_not_touched(tmp_path):
    filled().write(tmp_path / "a.sqlite")
    before = (tmp_path / "a.sqlite").read_bytes()
    read = Entries(tmp_path / "a.sqlite")
    (tmp_path / "a.sqlite").unlink()
    assert read.rows_of(["k1"]) == {"k1": 1}
    read.begin()
    read.insert([(6, "new", None)])
    read.rollback()
    assert read.rows_of(["new"]) == {}
    read.begin()
    read.insert([(6, "new", None)])
    read.commit()
    assert read.rows_of(["new"]) == {"new": 6}
    assert not (tmp_path / "a.sqlite").exists()
    (tmp_path / "a.sqlite").write_bytes(before)
    assert Entries(tmp_path / "a.sqlite").rows_of(["new"]) == {}
