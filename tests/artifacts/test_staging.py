"""Atomic replacement: interrupted anywhere, the old content or the new is readable; nothing foreign is deleted."""

import itertools
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from signwise import artifacts
from signwise.artifacts import _staging
from signwise.errors import ArtifactError


def save(path, text):
    with artifacts.stage_directory(path, kind="run") as stage:
        (stage / "sub").mkdir()
        (stage / "sub" / "text.txt").write_text(text)
    return path


def read(path):
    return (artifacts.load(path, kind="run", max_version=1).path / "sub" / "text.txt").read_text()


@pytest.fixture(params=["exchange", "two renames"])
def swap(request, monkeypatch):
    """Both ways to replace a directory."""
    if request.param == "two renames":
        monkeypatch.setattr(_staging, "_exchange", lambda first, second: False)
    return request.param


def test_replacing_leaves_one_directory(tmp_path, swap):
    for text in ("old", "new", "newer"):
        save(tmp_path / "run", text)
        assert read(tmp_path / "run") == text
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_an_exception_leaves_the_old_directory(tmp_path, swap, error):
    save(tmp_path / "run", "old")

    def interrupted():
        with artifacts.stage_directory(tmp_path / "run", kind="run") as stage:
            (stage / "partial").write_text("x")
            raise error

    with pytest.raises(error):
        interrupted()
    assert read(tmp_path / "run") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


class Killed(BaseException):
    pass


def cut_off(monkeypatch, cut):
    """Let ``cut`` calls to the system through, then fail each one, so that no clean-up succeeds either."""
    count = itertools.count()

    def counted(call):
        def wrapper(*args, **kwargs):
            if next(count) >= cut:
                raise Killed
            return call(*args, **kwargs)

        return wrapper

    steps = [(_staging.Path, "rename"), (_staging, "_fsync"), (_staging, "_exchange"), (_staging.shutil, "rmtree")]
    for owner, name in steps:
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))


def test_killed_at_every_step_the_old_or_the_new_is_readable(tmp_path, swap, monkeypatch):
    seen = []
    for cut in itertools.count():
        folder = tmp_path / str(cut)
        save(folder / "run", "old")
        with monkeypatch.context() as patch:
            cut_off(patch, cut)
            try:
                save(folder / "run", "new")
                finished = True
            except Killed:
                finished = False
        seen.append(read(folder / "run"))
        save(folder / "run", "after")
        assert read(folder / "run") == "after"
        assert [p.name for p in folder.iterdir()] == ["run"]
        if finished:
            break
    assert seen == sorted(seen, reverse=True)
    assert set(seen) == {"old", "new"}


@pytest.mark.parametrize("delay_s", [0.0, 0.002, 0.01, 0.03])
def test_a_real_kill(tmp_path, delay_s):
    script = """
        import pathlib, sys
        from signwise import artifacts
        target = pathlib.Path(sys.argv[1])
        for i in range(10**6):
            with artifacts.stage_directory(target, kind="run") as stage:
                (stage / "sub").mkdir()
                (stage / "sub" / "text.txt").write_text(str(i) * 1000)
            if i == 1:
                print("ready", flush=True)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "run")], stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout.readline() == b"ready\n"
        time.sleep(delay_s)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    text = read(tmp_path / "run")
    assert text == text[: len(text) // 1000] * 1000
    save(tmp_path / "run", "after")
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_living_writer_is_not_swept(tmp_path):
    with artifacts.stage_directory(tmp_path / "run", kind="run") as first:
        (first / "a.txt").write_text("a")
        save(tmp_path / "run", "second")
        assert (first / "a.txt").read_text() == "a"
    assert (artifacts.load(tmp_path / "run", kind="run", max_version=1).path / "a.txt").exists()


@pytest.mark.parametrize("kind", ["file", "directory", "artifact with a foreign file"])
def test_foreign_content_is_never_deleted(tmp_path, kind):
    target = tmp_path / "run"
    if kind == "file":
        mine = target
    elif kind == "directory":
        target.mkdir()
        mine = target / "thesis.tex"
    else:
        mine = save(target, "old") / "thesis.tex"
    mine.write_text("years of work")
    with pytest.raises(ArtifactError, match=r"in the way|did not write"):
        save(target, "new")
    assert mine.read_text() == "years of work"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_foreign_directory_that_appears_meanwhile_is_not_deleted(tmp_path):
    target = tmp_path / "run"

    def late():
        with artifacts.stage_directory(target, kind="run"):
            target.mkdir()
            (target / "thesis.tex").write_text("years of work")

    with pytest.raises(ArtifactError, match="in the way"):
        late()
    assert (target / "thesis.tex").exists()


def test_an_empty_directory_is_filled(tmp_path):
    (tmp_path / "run").mkdir()
    save(tmp_path / "run", "text")
    assert read(tmp_path / "run") == "text"


def test_parents_are_made_and_permissions_are_the_usual_ones(tmp_path):
    (tmp_path / "usual").mkdir()
    path = save(tmp_path / "a" / "b" / "run", "text")
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_link_to_a_directory_stays_a_link(tmp_path):
    save(tmp_path / "real", "old")
    (tmp_path / "link").symlink_to("real")
    save(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert read(tmp_path / "real") == "new"


def test_an_artifact_may_hold_artifacts(tmp_path):
    with artifacts.stage_directory(tmp_path / "run", kind="run") as stage:
        artifacts.save(stage / "model", kind="model", version=3, meta={"k": 1})
    artifacts.load(tmp_path / "run", kind="run", max_version=1)
    assert artifacts.load(tmp_path / "run" / "model", kind="model", max_version=3).meta == {"k": 1}
    (tmp_path / "run" / "model" / "manifest.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"model/manifest\.json: damaged"):
        artifacts.load(tmp_path / "run", kind="run", max_version=1)


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

    monkeypatch.setattr(_staging.os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        artifacts.atomic_write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
