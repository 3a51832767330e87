"""The table of verbs, and what becomes of an error."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .. import __version__
from ..errors import SignwiseError

# Verb, module of this package, name in that module. A typer.Typer becomes a group, a function a command.
# The modules import torch and other heavy packages inside their functions, so that `signwise --help` is quick.
_VERBS = (
    ("demo", "_demo", "demo"),
    ("forecast", "_forecast", "forecast"),
    ("predict", "_predict", "predict"),
    ("binary", "_binary", "app"),
    ("recover", "_recover", "recover"),
    ("json", "_json", "app"),
    ("data", "_data", "app"),
    ("info", "_info", "info"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Wrong input ends in one line on stderr and code 2, Ctrl-C in code 130; ``--debug`` or ``SIGNWISE_DEBUG=1``
    lets the traceback of wrong input through.

    Args:
        argv: the arguments after the program's name; None takes them from the process.

    Returns:
        0 on success, 1 when the reader of the output went away, 2 for wrong input, 130 when interrupted.
    """
    command = typer.main.get_command(_build())
    try:
        command.main(args=None if argv is None else list(argv), prog_name="signwise")
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0
    return _flush(code)


class _Group(TyperGroup):
    """Turns the errors that a user can mend into one line."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # typer ends quietly with code 1
        except KeyboardInterrupt as error:
            typer.echo("interrupted", err=True)
            raise typer.Exit(130) from error
        except (SignwiseError, ValueError, OSError) as error:
            if isinstance(error.__context__, KeyboardInterrupt):
                # A library that was interrupted may raise an error of its own on the way out.
                typer.echo("interrupted", err=True)
                raise typer.Exit(130) from error
            if ctx.params.get("debug") or os.environ.get("SIGNWISE_DEBUG", "0") not in ("", "0"):
                raise
            typer.echo(f"error: {_one_line(error)}", err=True)
            raise typer.Exit(2) from error


def _build() -> typer.Typer:
    app = typer.Typer(
        name="signwise",
        cls=_Group,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for verb, module, name in _VERBS:
        if importlib.util.find_spec(f"{__package__}.{module}") is None:
            continue
        entry = getattr(importlib.import_module(f"{__package__}.{module}"), name)
        if isinstance(entry, typer.Typer):
            app.add_typer(entry, name=verb)
        else:
            app.command(verb)(entry)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"signwise {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Machine learning that works through signs: forecasts from streams of signed events."""


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    text = " ".join(str(error).split()) or type(error).__name__
    # Names from a file may hold anything; a terminal gets what it can show.
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _flush(code: int) -> int:
    """Write out what is buffered; a reader that went away is no reason for a traceback at exit."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code
