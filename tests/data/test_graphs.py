import bz2
import gzip
import io
import tarfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signwise import data
from signwise.data import Dropped
from signwise.data._graphs import read_bitcoin, read_konect, read_signed_edges
from signwise.errors import DataError
from signwise.events import EventStream, chronological_split

EPINIONS = """% sym signed
% 4 5 5
1 2 1 1000
3 4 -1 500
3 5 0 500
2 1 1 500
"""


def written(path, text):
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def test_bitcoin_times_have_fractions(tmp_path):
    stream = read_bitcoin(written(tmp_path / "a.csv.gz", "6,2,4,1289241911.72836\n6,5,-2,1289241941.53378\n"), "x")
    assert stream.time.tolist() == [1289241911728360, 1289241941533780]
    assert stream.rating.tolist() == [4, -2]
    assert stream.nodes == ("6", "2", "5")
    assert stream.weight_max == 10
    assert isinstance(stream, EventStream)


def test_bitcoin_is_sorted_and_ties_keep_their_order(tmp_path):
    rows = "7,1,10,1460000000\n3,2,-1,1450000000\n9,3,2,1460000000\n1,7,1,1460000000\n4,2,1,1450000000\n"
    stream = read_bitcoin(written(tmp_path / "a.csv.gz", rows), "x")
    assert stream.line.tolist() == [2, 5, 1, 3, 4]
    assert stream.tie_starts.tolist() == [0, 2, 5]
    assert [stream.nodes[i] for i in stream.source] == ["3", "4", "7", "9", "1"]


def test_select_keeps_the_provenance(tmp_path):
    stream = read_bitcoin(written(tmp_path / "a.csv", "1,2,3,4\n2,1,-3,5\n"), "x")
    part = stream.select(slice(0, 1))
    assert len(part) == 1
    assert part.provenance is stream.provenance
    assert part.provenance.files == (tmp_path / "a.csv",)


def test_a_rating_of_zero_is_dropped_and_counted(tmp_path):
    stream = read_bitcoin(written(tmp_path / "a.csv", "1,2,3,4\n2,1,0,5\n"), "x")
    assert len(stream) == 1
    assert stream.provenance.dropped == (Dropped(reason="rating 0", count=1),)
    assert (stream.provenance.records, stream.provenance.kept) == (2, 1)


@pytest.mark.parametrize("row", ["1,2,3", "1,2,x,4", "1,2,11,4", "1,2,nan,4", "1,2,3,inf", "source,target,rating,time"])
def test_a_bitcoin_line_of_another_form_is_named(tmp_path, row):
    with pytest.raises(DataError, match=r"a\.csv, line 2: expected"):
        read_bitcoin(written(tmp_path / "a.csv", f"1,2,3,4\n{row}\n"), "x")


def konect_archive(path, text, name="epinions/out.epinions"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for member, content in (("epinions/README.epinions", b"read me"), (name, text.encode())):
            entry = tarfile.TarInfo(member)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bz2.compress(buffer.getvalue()))
    return path


def test_epinions_from_its_archive(tmp_path):
    konect_archive(tmp_path / "epinions" / "download.tsv.epinions.tar.bz2", EPINIONS)
    stream = data.load("epinions", tmp_path, verify=False)
    assert [stream.nodes[i] for i in stream.source] == ["3", "2", "1"]
    assert stream.sign.tolist() == [-1, 1, 1]
    assert stream.weight.tolist() == [1, 1, 1]
    assert stream.seconds.tolist() == [500, 500, 1000]
    assert stream.weight_max == 1
    assert stream.provenance.dropped == (Dropped(reason="weight 0", count=1),)
    assert stream.provenance.records == 4


def test_epinions_unpacked_by_hand(tmp_path):
    (tmp_path / "epinions").mkdir()
    written(tmp_path / "epinions" / "out.epinions", EPINIONS)
    assert len(data.load("epinions", tmp_path, verify=False)) == 3


def test_konect_headers_are_held_against_the_records(tmp_path):
    path = written(tmp_path / "out.x", EPINIONS.replace("% 4 5 5", "% 5 5 5"))
    with pytest.raises(DataError, match="declares 5 records and 4 follow"):
        read_konect(path, "x")
    assert len(read_konect(path, "x", verify=False)) == 3


@pytest.mark.parametrize("row", ["1 2 1", "1 2 1 z", "1 2 inf 4"])
def test_a_konect_line_of_another_form_is_named(tmp_path, row):
    with pytest.raises(DataError, match=r"out\.x, line 2: expected"):
        read_konect(written(tmp_path / "out.x", f"% signed\n{row}\n"), "x")


def test_an_archive_without_the_file_is_named(tmp_path):
    path = konect_archive(tmp_path / "a.tar.bz2", EPINIONS, name="epinions/out.other")
    with pytest.raises(DataError, match=r"a\.tar\.bz2: has no file out\.epinions"):
        read_konect(path, "x", member="out.epinions")


@pytest.mark.parametrize("keep", [0.3, 0.9])
@pytest.mark.parametrize("kind", ["gz", "tar.bz2"])
def test_a_truncated_file_is_named(tmp_path, kind, keep):
    rows = np.random.default_rng(0).integers(1, 10_000, (5_000, 2))
    if kind == "gz":
        path = written(tmp_path / "a.csv.gz", "".join(f"{u},{v},1,5\n" for u, v in rows))
        read = read_bitcoin
    else:
        path = konect_archive(tmp_path / "a.tar.bz2", "".join(f"{u} {v} 1 5\n" for u, v in rows))
        read = read_konect
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(DataError, match=r"/a\.(csv\.gz|tar\.bz2)"):
        read(path, "x")


def test_a_damaged_byte_is_noticed(tmp_path):
    path = written(tmp_path / "a.csv.gz", "".join(f"{i},{i + 1},1,{i}\n" for i in range(2_000)))
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    path.write_bytes(bytes(raw))
    with pytest.raises(DataError, match=r"a\.csv\.gz"):
        read_bitcoin(path, "x")


def test_static_edges(tmp_path):
    graph = read_signed_edges(written(tmp_path / "a.csv", "7,3,1\n3,3,-1\n9,7,1\n"), "x")
    assert graph.nodes == ("7", "3", "9")
    assert graph.source.tolist() == [0, 1, 2]
    assert graph.target.tolist() == [1, 1, 0]
    assert graph.sign.tolist() == [1, -1, 1]
    assert not graph.source.flags.writeable
    with pytest.raises(DataError, match="line 1: expected source,target,sign"):
        read_signed_edges(written(tmp_path / "b.csv", "1,2,0\n"), "x")


def test_wrong_counts_are_refused(tmp_path):
    file = written(tmp_path / "soc-sign-bitcoinotc.csv.gz", "6,2,4,1289241911.72836\n")
    with pytest.raises(DataError, match=r"has 35,592 events, this file has 1; .*verify=False"):
        data.load("bitcoin-otc", file)


ratings = st.integers(-10, 10).filter(bool)
rows = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9), ratings, st.integers(0, 5)), max_size=30)


@given(rows)
def test_bitcoin_round_trip(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("rows") / "a.csv"
    path.write_text("".join(f"{u},{v},{r},{t}\n" for u, v, r, t in rows))
    stream = read_bitcoin(path, "x")
    got = [
        (int(stream.nodes[u]), int(stream.nodes[v]), int(r), int(t))
        for u, v, r, t in zip(stream.source, stream.target, stream.rating, stream.seconds, strict=True)
    ]
    assert got == sorted(rows, key=lambda row: row[3])


@pytest.mark.data
def test_otc_is_split_as_published(data_root):
    stream = data.load("bitcoin-otc", data_root("bitcoin-otc/soc-sign-bitcoinotc.csv.gz"))
    assert len(set(zip(stream.source.tolist(), stream.target.tolist(), strict=True))) == 35_592
    assert not np.any(stream.source == stream.target)
    split = chronological_split(stream)
    parts = (split.train, split.validation, split.test)
    assert [int(part.sum()) for part in parts] == [24_914, 5_339, 5_339]
    assert [round(float(np.mean(stream.sign[part] > 0)), 3) for part in parts] == [0.936, 0.772, 0.859]


@pytest.mark.data
def test_wiki_rfa_static_as_published(data_root):
    graph = data.load("wiki-rfa-static", data_root("wiki-rfa-static/wikirfa-static.csv"))
    assert len(graph) == 178_096
    assert round(100 * float(np.mean(graph.sign > 0)), 2) == 77.94
