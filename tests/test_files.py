"""Files are written beside their target: a reader, a link, a mode and a kill each find what they should."""

import os
import signal
import subprocess
import sys

import pytest

from signwise import _files, artifacts
from signwise.bits import PackedBits


def test_atomic_write(tmp_path):
    path = tmp_path / "a" / "file.txt"
    artifacts.atomic_write(path, "å")
    assert path.read_bytes() == "å".encode()
    artifacts.atomic_write(path, b"\x00")
    assert path.read_bytes() == b"\x00"
    assert list(path.parent.iterdir()) == [path]


def test_an_interrupted_atomic_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    artifacts.atomic_write(path, "old")

    def interrupted(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(_files.os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        artifacts.atomic_write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def save_bits(path):
    PackedBits.from_bytes(b"\x01" + 7 * b"\0", (3,)).save(path)


WRITERS = {"text": lambda path: artifacts.atomic_write(path, "new"), "bits": save_bits}


@pytest.fixture(params=WRITERS)
def write(request):
    return WRITERS[request.param]


def test_a_link_stays_a_link(tmp_path, write):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() != b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "real"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_permissions_are_kept(tmp_path, write, mode):
    (tmp_path / "file").write_text("old")
    (tmp_path / "file").chmod(mode)
    write(tmp_path / "file")
    assert (tmp_path / "file").stat().st_mode & 0o777 == mode


def test_a_new_file_has_the_usual_permissions(tmp_path, write):
    (tmp_path / "usual").write_text("")
    write(tmp_path / "file")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_content_is_flushed_before_it_takes_the_name(tmp_path, write, monkeypatch):
    calls = []
    fsync, replace = os.fsync, _files.Path.replace
    monkeypatch.setattr(_files.os, "fsync", lambda descriptor: (calls.append("fsync"), fsync(descriptor)))
    monkeypatch.setattr(_files.Path, "replace", lambda *paths: (calls.append("replace"), replace(*paths)))
    write(tmp_path / "file")
    assert calls == ["fsync", "replace", "fsync"]


def test_what_a_killed_writer_left_is_removed(tmp_path, write):
    program = """
import os, sys
from pathlib import Path
from signwise import _files
_files.os.fsync = lambda descriptor: os.kill(os.getpid(), 9)
_files.atomic_write(sys.argv[1], "partial")
"""
    target = tmp_path / "file"
    write(target)
    before = target.read_bytes()
    killed = subprocess.run([sys.executable, "-c", program, str(target)], timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert target.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2
    (tmp_path / ".file.staging-mine").write_text("not of this name")
    (tmp_path / ".other.staging-0123456789ab").write_text("of another target")
    write(target)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".file.staging-mine", ".other.staging-0123456789ab", "file"]


def test_a_living_writer_is_not_swept(tmp_path, write):
    staged, lock = _files.stage_file(tmp_path / "file", 0o666)
    write(tmp_path / "file")
    assert staged.exists()
    os.close(lock)
    write(tmp_path / "file")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("call", ["open", "flock"])
def test_what_is_swept_before_it_is_locked_is_made_again(tmp_path, monkeypatch, call):
    owner = os if call == "open" else _files.fcntl
    original, swept = getattr(owner, call), []

    def late(*args):
        if not swept:
            swept.extend(tmp_path.iterdir())
            swept[0].rmdir()
        return original(*args)

    monkeypatch.setattr(owner, call, late)
    staged, lock = _files.stage_directory(tmp_path / "run")
    monkeypatch.undo()
    os.close(lock)
    assert list(tmp_path.iterdir()) == [staged] != swept
