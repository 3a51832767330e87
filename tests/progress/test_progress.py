"""Progress: the same numbers on both displays, silence on request, and the terminal left as it was."""

import io
import os
import subprocess
import sys

import pytest

from signwise import progress
from signwise.progress import _display, _progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves."""

    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(_progress, "time", clock)
    return clock


def put_terminal(monkeypatch):
    """Make stderr a terminal; in the test itself, as pytest sets its own stderr after the fixtures."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    return stream


@pytest.fixture(autouse=True)
def _no_setting(monkeypatch):
    monkeypatch.delenv("SIGNWISE_PROGRESS", raising=False)


def test_short_work_off_a_terminal_prints_nothing(capsys):
    assert list(progress.track("abc", "letters")) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_plain_lines_are_limited_and_complete(clock, capsys):
    with progress.Progress("fit", total=1280) as task:
        for _ in range(1280):
            clock.now += 1 / 64
            task.advance(note="loss 0.5")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "fit: 320/1,280 (25%), 64/s, 0:15 left, loss 0.5",
        "fit: 640/1,280 (50%), 64/s, 0:10 left, loss 0.5",
        "fit: 960/1,280 (75%), 64/s, 0:05 left, loss 0.5",
        "fit: 1,280/1,280 (100%), 64/s, 0:00 left, loss 0.5",
        "fit: done, 1,280/1,280 (100%), 64/s, took 0:20, loss 0.5",
    ]


def test_plain_lines_of_nested_tasks_and_a_failure(clock, capsys):
    def work():
        with progress.Progress("outer", total=2) as outer, progress.Progress("inner") as inner:
            clock.now += 3700
            inner.advance(2)
            outer.advance()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert capsys.readouterr().err.splitlines() == [
        "inner: 2, 30:50 each",
        "outer: 1/2 (50%), 1:01:40 each, 1:01:40 left",
        "inner: stopped at 2, 30:50 each, took 1:01:40",
        "outer: stopped at 1/2 (50%), 1:01:40 each, took 1:01:40",
    ]
    assert _progress._shared is None


def test_a_bar_on_a_terminal(monkeypatch):
    terminal = put_terminal(monkeypatch)
    with progress.Progress("fit [x]", total=4) as task:
        for _ in range(4):
            task.advance()
    text = terminal.getvalue()
    assert "fit [x]" in text
    assert "4/4 (100%)" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor is hidden and shown again


def test_nested_tasks_share_the_terminal(monkeypatch):
    terminal = put_terminal(monkeypatch)
    for _ in progress.track(range(2), "outer"):
        for _ in progress.track(range(3), "inner"):
            pass
    text = terminal.getvalue()
    assert "outer" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1
    assert _progress._shared is None


def test_the_terminal_is_restored_after_an_error(monkeypatch):
    terminal = put_terminal(monkeypatch)

    def work():
        with progress.Progress("outer"), progress.Progress("inner"):
            raise RuntimeError

    stdout, stderr = sys.stdout, sys.stderr
    with pytest.raises(RuntimeError):
        work()
    assert terminal.getvalue().endswith("\x1b[?25h")
    assert (sys.stdout, sys.stderr) == (stdout, stderr)
    assert _progress._shared is None


def test_a_left_loop_closes_its_display(monkeypatch):
    put_terminal(monkeypatch)
    for item in progress.track(range(5), "loop"):
        if item == 2:
            break
    assert _progress._shared is None


def test_results_on_stdout_are_left_alone(monkeypatch, capsys):
    put_terminal(monkeypatch)
    for item in progress.track(range(2), "loop"):
        print(item)  # noqa: T201
    assert capsys.readouterr().out == "0\n1\n"


@pytest.mark.parametrize(
    ("argument", "quiet", "setting", "shown"),
    [
        (None, False, "", True),
        (None, False, "1", True),
        (None, False, "0", False),
        (None, True, "1", False),
        (True, True, "0", True),
        (False, False, "1", False),
    ],
)
def test_who_decides(clock, capsys, monkeypatch, argument, quiet, setting, shown):
    monkeypatch.setenv("SIGNWISE_PROGRESS", setting)

    def work():
        for _ in progress.track(range(2), "work", enabled=argument):
            clock.now += 10

    if quiet:
        with progress.quiet():
            work()
    else:
        work()
    assert bool(capsys.readouterr().err) == shown


def test_quiet_ends_with_its_block(clock, capsys):
    def work():
        with progress.quiet():
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        work()
    for _ in progress.track(range(2), "work"):
        clock.now += 10
    assert capsys.readouterr().err


def test_arguments_are_checked(monkeypatch):
    with pytest.raises(ValueError, match="total must not be negative, got -1"):
        progress.Progress("x", total=-1)
    monkeypatch.setenv("SIGNWISE_PROGRESS", "yes")
    with pytest.raises(ValueError, match="SIGNWISE_PROGRESS is 'yes'"), progress.Progress("x"):
        pass


def test_numbers(clock):
    with progress.Progress("x", total=0, enabled=False) as task:
        assert _display.numbers(task) == "0/0"
        assert task.remaining_s is None
    with progress.Progress("x", enabled=False) as task:
        clock.now += 2
        task.advance(1000)
        assert (task.rate, task.elapsed_s, task.remaining_s) == (500.0, 2.0, None)
        assert _display.numbers(task) == "1,000, 500/s"


def test_a_dumb_terminal_gets_plain_lines(monkeypatch):
    put_terminal(monkeypatch)
    monkeypatch.setenv("TERM", "dumb")
    with progress.Progress("x"):
        assert isinstance(_progress._shared, _display.PlainDisplay)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_does_not_write_on_the_parents_display():
    script = (
        "import os\n"
        "from signwise.progress import Progress, _progress\n"
        "with Progress('parent'):\n"
        "    mine = _progress._shared\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        with Progress('child'):\n"
        "            os._exit(0 if _progress._shared is not mine else 1)\n"
        "    print(os.waitpid(child, 0)[1], _progress._shared is mine)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "0 True\n"


def test_importing_it_does_not_import_rich():
    code = "import sys, signwise.progress; print('rich' in sys.modules, 'torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False False\n"
