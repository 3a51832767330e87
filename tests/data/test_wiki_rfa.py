import gzip
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signwise import data
from signwise.data import Dropped
from signwise.data._wiki_rfa import parse_date, read_wiki_rfa
from signwise.errors import DataError

RECORDS = """SRC:Steel1943
TGT:BDD
VOT:1
RES:1
YEA:2013
DAT:23:13, 19 April 2013
TXT:'''Support''' as co-nominator: clear need.

SRC:Cuchullain
TGT:BDD
VOT:-1
RES:1
YEA:2013
DAT:01:04, 9 January 2013
TXT:

SRC:Neutral
TGT:BDD
VOT:0
RES:1
YEA:2013
DAT:01:04, 9 January 2013
TXT:Unsure.

SRC:
TGT:BDD
VOT:1
RES:-1
YEA:2013
DAT:01:04, 9 January 2013
TXT:No name.

SRC:Undated
TGT:BDD
VOT:1
RES:-1
YEA:2013
DAT:
TXT:No date.

SRC:Andrée
TGT:Cuchullain
VOT:1
RES:-1
YEA:2013
DAT:23:13, 19 April 2013
TXT:Two lines\x85of one comment
TGT: as the second line has it.
"""


@pytest.fixture
def votes(tmp_path):
    path = tmp_path / "wiki-rfa" / "wiki-RfA.txt.gz"
    path.parent.mkdir()
    path.write_bytes(gzip.compress(RECORDS.encode()))
    return path


def test_records_are_sorted_ascending_and_ids_follow_appearance(votes):
    stream = read_wiki_rfa(votes, "wiki-rfa").stream
    assert stream.nodes == ("Cuchullain", "BDD", "Steel1943", "Andrée")
    assert stream.source.tolist() == [0, 2, 3]
    assert stream.target.tolist() == [1, 1, 0]
    assert stream.sign.tolist() == [-1, 1, 1]
    assert stream.seconds.tolist() == [1357693440, 1366413180, 1366413180]
    assert stream.line.tolist() == [9, 1, 41]
    assert stream.weight_max == 1


def test_texts_and_results_follow_the_stream(votes):
    loaded = data.load("wiki-rfa", votes, verify=False, with_text=True)
    assert loaded.texts == (
        "",
        "'''Support''' as co-nominator: clear need.",
        "Two lines\x85of one comment\nTGT: as the second line has it.",
    )
    assert loaded.results.tolist() == [1, 1, -1]


def test_dropped_records_are_counted_by_reason(votes):
    provenance = data.load("wiki-rfa", votes, verify=False).provenance
    assert provenance.dropped == (
        Dropped(reason="neutral vote (VOT 0)", count=1),
        Dropped(reason="empty name", count=1),
        Dropped(reason="no readable date", count=1),
    )
    assert (provenance.records, provenance.kept) == (6, 3)


def test_another_number_of_records_is_refused(votes):
    with pytest.raises(DataError, match="has 198,275 records, this file has 6"):
        data.load("wiki-rfa", votes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SRC:a\nTGT:b\nVOT:2\n", "line 1: a record has the vote '2'"),
        ("SRC:a\nVOT:1\n", "line 1: a record has no TGT"),
        ("SRC:a\nTGT:b\nhello\n", "line 3: expected one of SRC, TGT"),
    ],
)
def test_a_record_of_another_form_is_named(tmp_path, text, message):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        read_wiki_rfa(tmp_path / "a.txt", "x")


def test_only_wiki_rfa_has_texts():
    with pytest.raises(ValueError, match="bitcoin-otc has no texts"):
        data.load("bitcoin-otc", with_text=True)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:00, 1 January 1970", 0),
        ("23:13, 19 April 2013", 1366413180),
        ("23:13, 19 Apr 2013", 1366413180),
        ("9:05, 03 MAY 2005", 1115111100),
        ("23:13, 31 April 2013", None),
        ("24:13, 19 April 2013", None),
        ("23:13, 19 Avril 2013", None),
        ("23:13, 19 Ma 2013", None),
        ("19 April 2013", None),
        ("", None),
    ],
)
def test_dates(text, seconds):
    assert parse_date(text) == seconds


@given(st.datetimes(min_value=datetime(1970, 1, 1)))
def test_every_minute_is_read_back(moment):
    names = ["Jan", "Feb", "March", "April", "May", "June", "July", "August", "September", "October", "Nov", "Dec"]
    text = f"{moment:%H:%M}, {moment.day} {names[moment.month - 1]} {moment.year:04}"
    seconds = (moment.replace(second=0, microsecond=0) - datetime(1970, 1, 1)).total_seconds()
    assert parse_date(text) == seconds
