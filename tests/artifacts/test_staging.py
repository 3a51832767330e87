"""Atomic replacement: interrupted anywhere, the old content or the new is readable; nothing foreign is deleted."""

import itertools
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from signwise import _files, artifacts
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

    steps = [(_staging.Path, "rename"), (_files, "fsync"), (_staging, "_exchange"), (_files.shutil, "rmtree")]
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
        from signwise import _files, artifacts
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


def test_what_lies_at_the_name_of_the_set_aside_is_left_alone(tmp_path, monkeypatch):
    """Only an artifact is recovered or removed there; a user's directory is neither."""
    mine = tmp_path / ".run.previous" / "thesis.tex"
    mine.parent.mkdir()
    mine.write_text("years of work")
    with pytest.raises(ArtifactError, match="run: no such directory"):
        read(tmp_path / "run")
    for text in ("old", "new"):
        save(tmp_path / "run", text)
        assert read(tmp_path / "run") == text
    assert mine.read_text() == "years of work"
    monkeypatch.setattr(_staging, "_exchange", lambda first, second: False)
    with pytest.raises(ArtifactError, match=r"\.run\.previous: in the way"):
        save(tmp_path / "run", "newer")
    assert read(tmp_path / "run") == "new"
    assert mine.read_text() == "years of work"


@pytest.mark.parametrize("present", [True, False])
def test_what_was_set_aside_is_removed_or_put_back(tmp_path, present):
    save(tmp_path / ".run.previous", "old")
    if present:
        (tmp_path / "run").mkdir()
    else:
        assert read(tmp_path / "run") == "old"
    save(tmp_path / "run", "new")
    assert read(tmp_path / "run") == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_set_aside_artifact_with_a_foreign_file_is_kept(tmp_path):
    save(tmp_path / ".run.previous", "old")
    (tmp_path / ".run.previous" / "thesis.tex").write_text("years of work")
    (tmp_path / "run").mkdir()
    save(tmp_path / "run", "new")
    assert read(tmp_path / "run") == "new"
    assert (tmp_path / ".run.previous" / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("target", ["nowhere", "/etc", "/etc/passwd"])
def test_a_link_cannot_be_staged(tmp_path, target):
    def linked():
        with artifacts.stage_directory(tmp_path / "run", kind="run") as stage:
            (stage / "link").symlink_to(target)

    with pytest.raises(ArtifactError, match="link: an artifact holds plain files"):
        linked()
    assert not list(tmp_path.iterdir())


def test_a_link_that_a_user_put_into_an_artifact_keeps_it(tmp_path):
    save(tmp_path / "run", "old")
    (tmp_path / "run" / "link").symlink_to(tmp_path)
    with pytest.raises(ArtifactError, match="holds 'link', which signwise did not write"):
        save(tmp_path / "run", "new")


@pytest.mark.parametrize(("name", "error"), [("a\\b", "not a plain relative"), ("a\udcff", "UTF-8")])
def test_a_staged_name_is_checked(tmp_path, name, error):
    def named():
        with artifacts.stage_directory(tmp_path / "run", kind="run") as stage:
            (stage / name).write_text("x")

    with pytest.raises(ArtifactError, match=error):
        named()
    assert not list(tmp_path.iterdir())
