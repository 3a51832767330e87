import sys
import threading
import tracemalloc

import numpy as np
import pytest

from signwise.ortho import Haar, HadamardSigns, SignedPermutation
from signwise.ortho._kept import DRAWN, ENTRY, LIMIT, Kept, kept


@pytest.fixture(autouse=True)
def forgotten():
    DRAWN.clear()
    yield
    DRAWN.clear()


def test_an_operator_is_drawn_once():
    for make in (
        lambda: SignedPermutation(64, "a"),
        lambda: SignedPermutation(64, "a", kind="random"),
        lambda: HadamardSigns(64, "a"),
        lambda: Haar(8, "a"),
    ):
        before = DRAWN.size
        first = next(iter(make()._parameters().values()))
        assert DRAWN.size > before
        assert next(iter(make()._parameters().values())) is first


def test_all_families_share_a_number_of_bytes():
    tracemalloc.start()
    try:
        for key in range(200):
            SignedPermutation(2**20, key)
        for key in range(80):
            HadamardSigns(2**20, key)
        for key in range(4):
            Haar(64, key)
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert LIMIT / 2 < held < 1.1 * LIMIT
    assert LIMIT / 2 < DRAWN.size <= LIMIT


def test_what_was_not_used_for_longest_leaves():
    table = Kept(3 * (ENTRY + 8))
    made = []

    def get(key):
        return table.get(key, lambda: (made.append(key), np.zeros(1))[1])

    for key in "abcabad":
        get(key)
    assert made == list("abcd")
    for key in "abd":
        get(key)
    assert made == list("abcd")
    get("c")
    assert made == list("abcdc")
    assert table.size == table.limit


def test_what_is_larger_than_the_limit_is_not_kept():
    table = Kept(ENTRY + 8)
    small = table.get("small", lambda: np.zeros(1))
    assert table.get("large", lambda: np.zeros(2)).shape == (2,)
    assert table.get("small", lambda: None) is small


def test_threads_agree_on_the_size():
    table = Kept(20 * ENTRY)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [
            threading.Thread(target=lambda: [table.get(key % 40, lambda: (np.zeros(4), 1)) for key in range(2000)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert table.size == len(table._entries) * (ENTRY + 32) <= table.limit


def test_functions_do_not_share_entries():
    one, two = kept(lambda x: ("one", x)), kept(lambda x: ("two", x))
    assert one(1) == one(1) == ("one", 1)
    assert two(1) == ("two", 1)
