"""Growing rows against one array."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signwise.vsa import _rows
from signwise.vsa._rows import Rows


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(_rows, "FIRST_BYTES", 3 * 2 * 8)
    monkeypatch.setattr(_rows, "LARGEST_BYTES", 7 * 2 * 8)


@given(
    first=st.integers(0, 7),
    steps=st.lists(st.tuples(st.sampled_from(["append", "truncate"]), st.integers(0, 13)), max_size=6),
)
def test_rows_are_those_of_one_array(first, steps):
    start = np.arange(2 * first, dtype=np.int64).reshape(first, 2)
    start.flags.writeable = False
    rows, expected = Rows(2, np.int64, start), start
    for number, (step, count) in enumerate(steps):
        if step == "append":
            more = 100 * number + np.arange(2 * count).reshape(count, 2)
            rows.append(more)
            expected = np.concatenate([expected, more])
        else:
            rows.truncate(min(count, len(rows)))
            expected = expected[: min(count, len(expected))]
        parts = [block for _, block in rows.blocks()]
        assert len(rows) == len(expected)
        assert rows.nbytes == expected.nbytes
        assert np.array_equal(np.concatenate(parts) if parts else np.zeros((0, 2)), expected)
        assert all(np.array_equal(block, expected[at : at + len(block)]) for at, block in rows.blocks())
        wanted = np.arange(len(expected), dtype=np.int64)[::-1]
        assert np.array_equal(rows.gather(wanted), expected[::-1])
