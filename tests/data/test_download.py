import hashlib
import json
import socket

import numpy as np
import pytest

from signwise.data._download import download
from signwise.errors import DataError

CONTENT = np.random.default_rng(0).bytes(300_000)


def sha256(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def leftovers(target):
    return sorted(path.name for path in target.parent.iterdir() if path != target)


def test_it_downloads_checks_and_leaves_nothing_else(publisher, tmp_path):
    publisher.files["a.gz"] = CONTENT
    target = tmp_path / "set" / "a.gz"
    assert download(publisher.url("a.gz"), target, checksum=sha256(CONTENT)) == target
    assert target.read_bytes() == CONTENT
    assert leftovers(target) == []
    assert publisher.ranges == [None]


@pytest.mark.parametrize("algorithm", ["md5", "sha1"])
def test_other_checksums(publisher, tmp_path, algorithm):
    publisher.files["a"] = CONTENT
    digest = hashlib.new(algorithm, CONTENT).hexdigest()
    assert download(publisher.url("a"), tmp_path / "a", checksum=f"{algorithm}:{digest}").read_bytes() == CONTENT


def test_a_broken_transfer_goes_on_where_it_broke(publisher, tmp_path):
    publisher.files["a"] = CONTENT
    publisher.breaks, publisher.break_at = 2, 100_000
    download(publisher.url("a"), tmp_path / "a", checksum=sha256(CONTENT))
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert publisher.ranges == [None, "bytes=100000-", "bytes=200000-"]


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(publisher, tmp_path):
    publisher.files["a"] = CONTENT
    publisher.breaks, publisher.break_at = 4, 50_000
    with pytest.raises(DataError, match=r"broke off at 200,000 bytes.*run it again"):
        download(publisher.url("a"), tmp_path / "a")
    assert not (tmp_path / "a").exists()
    publisher.ranges.clear()
    download(publisher.url("a"), tmp_path / "a", checksum=sha256(CONTENT))
    assert publisher.ranges == ["bytes=200000-"]
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert leftovers(tmp_path / "a") == []


def test_a_file_that_changed_meanwhile_is_fetched_anew(publisher, tmp_path):
    publisher.files["a"] = CONTENT
    publisher.breaks, publisher.break_at = 4, 50_000
    with pytest.raises(DataError):
        download(publisher.url("a"), tmp_path / "a")
    publisher.files["a"] = CONTENT[::-1]
    download(publisher.url("a"), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT[::-1]


def test_a_part_longer_than_the_file_is_thrown_away(publisher, tmp_path):
    publisher.files["a"] = CONTENT
    publisher.breaks, publisher.break_at = 4, 50_000
    with pytest.raises(DataError):
        download(publisher.url("a"), tmp_path / "a")
    (tmp_path / "a.part").write_bytes(CONTENT + b"more")
    download(publisher.url("a"), tmp_path / "a", checksum=sha256(CONTENT))
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert leftovers(tmp_path / "a") == []


@pytest.mark.parametrize("lacking", ["honours_range", "sends_etag"])
def test_a_server_that_cannot_resume_sends_it_again(publisher, tmp_path, lacking):
    setattr(publisher, lacking, False)
    publisher.files["a"] = CONTENT
    publisher.breaks, publisher.break_at = 1, 100_000
    download(publisher.url("a"), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_the_part_of_another_address_is_not_continued(publisher, tmp_path):
    publisher.files |= {"a": CONTENT, "b": CONTENT[::-1]}
    (tmp_path / "x.part").write_bytes(CONTENT[:1000])
    etag = f'"{hashlib.md5(CONTENT).hexdigest()}"'
    state = {"url": publisher.url("a"), "validator": etag, "length": len(CONTENT)}
    (tmp_path / "x.part.json").write_text(json.dumps(state))
    download(publisher.url("b"), tmp_path / "x")
    assert publisher.ranges == [None]
    assert (tmp_path / "x").read_bytes() == CONTENT[::-1]


def test_a_finished_part_is_not_asked_for_again(publisher, tmp_path):
    (tmp_path / "x.part").write_bytes(CONTENT)
    state = {"url": publisher.url("a"), "validator": '"v"', "length": len(CONTENT)}
    (tmp_path / "x.part.json").write_text(json.dumps(state))
    download(publisher.url("a"), tmp_path / "x", checksum=sha256(CONTENT))
    assert publisher.ranges == []


def test_a_damaged_state_file_starts_anew(publisher, tmp_path):
    publisher.files["a"] = CONTENT
    (tmp_path / "x.part").write_bytes(b"junk")
    (tmp_path / "x.part.json").write_text("{")
    assert download(publisher.url("a"), tmp_path / "x").read_bytes() == CONTENT


def test_without_a_length_the_end_of_the_transfer_counts(publisher, tmp_path):
    publisher.sends_length = False
    publisher.files["a"] = CONTENT
    assert download(publisher.url("a"), tmp_path / "a", checksum=sha256(CONTENT)).read_bytes() == CONTENT


def test_another_content_is_refused_and_deleted(publisher, tmp_path):
    publisher.files["a"] = CONTENT
    with pytest.raises(DataError, match=r"has sha256 [0-9a-f]{64}, expected 0{64}"):
        download(publisher.url("a"), tmp_path / "a", checksum="sha256:" + "0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_at_the_publisher_is_an_error(publisher, tmp_path):
    with pytest.raises(DataError, match=r"/gone: the server answered 404 .*put it at .*/a$"):
        download(publisher.url("gone"), tmp_path / "a")


def test_offline_says_where_to_get_it_and_where_to_put_it(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(DataError, match=rf"http://127.0.0.1:{port}/a: .*refused.*put it at {tmp_path}/a$"):
        download(f"http://127.0.0.1:{port}/a", tmp_path / "a")


def test_a_silent_server_is_given_up(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a"
        with pytest.raises(DataError, match="timed out"):
            download(url, tmp_path / "a", timeout_s=0.05)


def test_two_at_a_time_are_refused(publisher, tmp_path):
    import fcntl

    publisher.files["a"] = CONTENT
    with (tmp_path / "a.part").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another process is downloading"):
            download(publisher.url("a"), tmp_path / "a")


def test_only_http(tmp_path):
    with pytest.raises(ValueError, match="not an http or https address"):
        download("file:///etc/hostname", tmp_path / "a")
