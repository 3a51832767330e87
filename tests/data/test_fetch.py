import gzip
import io
import tarfile
from dataclasses import replace

import pytest

from signwise import data
from signwise.data import _fetch
from signwise.data._registry import FileInfo
from signwise.errors import DataError

ROWS = b"6,2,4,1289241911.72836\n6,5,-2,1289241941.53378\n"
OTC = "bitcoin-otc/soc-sign-bitcoinotc.csv.gz"


def put(place, path=OTC, content=None):
    file = place / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(ROWS) if content is None else content)
    return file


def test_the_order_is_root_then_the_variable_then_the_cache(tmp_path, monkeypatch, no_places):
    cached = put(no_places)
    assert data.find("bitcoin-otc") == (cached,)
    monkeypatch.setenv("SIGNWISE_DATA", str(tmp_path / "shared"))
    assert data.find("bitcoin-otc") == (cached,)
    shared = put(tmp_path / "shared")
    assert data.find("bitcoin-otc") == (shared,)
    assert data.find("bitcoin-otc", tmp_path / "mine") == (shared,)
    mine = put(tmp_path / "mine")
    assert data.find("bitcoin-otc", tmp_path / "mine") == (mine,)


def test_the_cache_without_xdg_is_in_the_home(tmp_path, monkeypatch):
    monkeypatch.delenv("SIGNWISE_DATA", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert _fetch.search_places() == (tmp_path / ".cache" / "signwise",)


def test_a_file_can_be_given_itself(tmp_path, no_places):
    file = put(tmp_path, "elsewhere.csv.gz")
    assert len(data.load("bitcoin-otc", file, verify=False)) == 2
    with pytest.raises(DataError, match="give the directory above"):
        data.load("fashion-mnist", file)
    assert data.find("fashion-mnist", file) is None


def test_a_file_unpacked_by_hand_is_accepted(tmp_path, no_places):
    put(tmp_path, "bitcoin-otc/soc-sign-bitcoinotc.csv", ROWS)
    assert len(data.load("bitcoin-otc", tmp_path, verify=False)) == 2


def test_a_missing_file_says_where_to_get_it_and_where_to_put_it(tmp_path, no_places):
    with pytest.raises(DataError) as caught:
        data.load("bitcoin-alpha", tmp_path / "mine", download=False)
    message = str(caught.value)
    assert "https://snap.stanford.edu/data/soc-sign-bitcoinalpha.csv.gz" in message
    assert str(tmp_path / "mine" / "bitcoin-alpha" / "soc-sign-bitcoinalpha.csv.gz") in message
    assert str(no_places) in message


@pytest.mark.parametrize("name", [name for name in data.names() if not data.describe(name).downloadable])
def test_a_set_without_an_address_says_how_to_get_it(name, tmp_path, no_places):
    info = data.describe(name)
    with pytest.raises(DataError) as caught:
        data.fetch(name, tmp_path)
    assert info.url in str(caught.value)
    assert info.instructions in str(caught.value)
    assert str(tmp_path / info.files[0].path) in str(caught.value)


@pytest.fixture
def published(publisher, monkeypatch):
    """``published(info)`` moves a data set's address to the publisher on this machine."""

    def move(name, files):
        info = replace(data.describe(name), files=files)
        monkeypatch.setattr("signwise.data._load.describe", lambda _: info)
        monkeypatch.setattr("signwise.data._fetch.describe", lambda _: info)

    return move


def test_load_downloads_into_the_first_place_given(publisher, published, tmp_path, monkeypatch, no_places):
    publisher.files["otc"] = gzip.compress(ROWS)
    published("bitcoin-otc", (FileInfo(path=OTC, url=publisher.url("otc")),))
    assert len(data.load("bitcoin-otc", verify=False)) == 2
    assert (no_places / OTC).is_file()
    monkeypatch.setenv("SIGNWISE_DATA", str(tmp_path / "shared"))
    assert data.fetch("bitcoin-otc") == (no_places / OTC,)
    (no_places / OTC).unlink()
    assert data.fetch("bitcoin-otc") == (tmp_path / "shared" / OTC,)
    assert publisher.ranges == [None, None]


def test_a_failed_download_names_the_places_and_the_address(publisher, published, tmp_path, no_places):
    published("bitcoin-otc", (FileInfo(path=OTC, url=publisher.url("gone")),))
    with pytest.raises(DataError, match=rf"not in {tmp_path} or .*cannot download .*/gone.*put it at {tmp_path}/{OTC}"):
        data.load("bitcoin-otc", tmp_path)


def archive(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def test_an_archive_is_unpacked_member_by_member(publisher, published, tmp_path, no_places):
    publisher.files["set.tar.gz"] = archive({"set/a": b"A", "set/b": b"B", "../outside": b"!"})
    published(
        "cifar-10",
        tuple(FileInfo(path=f"set/{x}", url=publisher.url("set.tar.gz"), member=f"set/{x}") for x in "ab"),
    )
    paths = data.fetch("cifar-10", tmp_path / "root")
    assert [path.read_bytes() for path in paths] == [b"A", b"B"]
    assert publisher.ranges == [None]
    assert sorted(path.name for path in (tmp_path / "root").rglob("*")) == ["a", "b", "set"]
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("damage", ["cut", "lacking"])
def test_a_damaged_archive_is_named(publisher, published, tmp_path, no_places, damage):
    whole = archive({"set/a": bytes(100_000)} if damage == "cut" else {"set/b": b""})
    publisher.files["set.tar.gz"] = whole[: len(whole) // 2] if damage == "cut" else whole
    published("cifar-10", (FileInfo(path="set/a", url=publisher.url("set.tar.gz"), member="set/a"),))
    with pytest.raises(DataError, match=r"set\.tar\.gz"):
        data.fetch("cifar-10", tmp_path)
    assert not (tmp_path / "set" / "a").exists()
