"""The command line: exit codes, one-line errors, quick help."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest
import typer

import signwise
from signwise.cli import _app, main
from signwise.errors import DataError, MissingExtraError

RUN = [sys.executable, "-c", "import sys; from signwise.cli import main; sys.exit(main())"]


@pytest.fixture
def fail_with(monkeypatch):
    """Replace the verb ``info`` by one that raises."""
    monkeypatch.delenv("SIGNWISE_DEBUG", raising=False)

    def install(error):
        def verb():
            raise error

        monkeypatch.setattr("signwise.cli._info.info", verb)

    return install


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (DataError("events.jsonl has no valid line"), "error: events.jsonl has no valid line"),
        (ValueError("k must be positive"), "error: k must be positive"),
        (FileNotFoundError(2, "No such file or directory", "a.jsonl"), "error: a.jsonl: No such file or directory"),
        (OSError("disk is gone"), "error: disk is gone"),
        (MissingExtraError("install signwise[report]"), "error: install signwise[report]"),
        (ValueError(), "error: ValueError"),
    ],
)
def test_wrong_input_is_one_line_and_code_2(fail_with, capsys, error, line):
    fail_with(error)
    assert main(["info"]) == 2
    assert capsys.readouterr() == ("", line + "\n")


def test_debug_lets_the_traceback_through(fail_with, monkeypatch):
    fail_with(ValueError("k must be positive"))
    with pytest.raises(ValueError, match="k must be positive"):
        main(["--debug", "info"])
    monkeypatch.setenv("SIGNWISE_DEBUG", "1")
    with pytest.raises(ValueError, match="k must be positive"):
        main(["info"])


@pytest.mark.parametrize("error", [TypeError("a defect"), AssertionError(), KeyError("x")])
def test_a_defect_is_not_hidden(fail_with, error):
    fail_with(error)
    with pytest.raises(type(error)):
        main(["info"])


def test_interrupted(fail_with, capsys):
    fail_with(KeyboardInterrupt())
    assert main(["info"]) == 130
    assert capsys.readouterr() == ("", "interrupted\n")


def test_an_interrupted_process():
    script = """
        import signal, sys, time
        from signwise.cli import _info, main
        # A shell that started the tests in the background has switched the signal off.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        def wait():
            print("ready", flush=True)
            time.sleep(60)
        _info.info = wait
        sys.exit(main(["info"]))
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert (process.returncode, err) == (130, "interrupted\n")


def test_a_reader_that_went_away():
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb") as closed:
        run = subprocess.run([*RUN, "info"], stdout=closed, stderr=subprocess.PIPE, text=True, check=False)
    assert (run.returncode, run.stderr) == (1, "")


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"signwise {signwise.__version__}\n"


def test_unknown_verbs_and_options(capsys):
    assert main(["nope"]) == 2
    assert "No such command 'nope'" in capsys.readouterr().err
    assert main(["info", "--nope"]) == 2
    assert "No such option" in capsys.readouterr().err


def test_without_a_verb_the_help_is_shown(capsys):
    assert main([]) == 2
    shown = capsys.readouterr()
    assert "info" in shown.out + shown.err


def test_help_lists_every_verb_that_is_there(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for verb in typer.main.get_command(_app._build()).commands:
        assert verb in text
        assert main([verb, "--help"]) == 0


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom signwise.cli import main\n"
        "assert main(['--help']) == 0\n"
        "print([m for m in ('torch', 'sklearn', 'scipy', 'pandas', 'matplotlib') if m in sys.modules], file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stderr == "[]\n"
