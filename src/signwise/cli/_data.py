"""``signwise data``: list, describe and fetch the named data sets."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="List, describe and fetch the named data sets.")

_Root = Annotated[
    Path | None,
    typer.Option("--root", help="Data directory to look in first, and to download to.", show_default=False),
]


@app.command("list")
def list_names(root: _Root = None) -> None:
    """List the data sets and where each one is."""
    from ..data import describe, names

    rows = []
    for name in names():
        info = describe(name)
        rows.append((name, info.record.split(",")[0], _size(info.size), _place(name, root), info.title))
    _table(("name", "record", "size", "where", "title"), rows)


@app.command()
def describe(name: Annotated[str, typer.Argument(help="Name of a data set.")]) -> None:
    """Show publisher, terms, citation, files and counts of a data set."""
    from ..data import describe as look

    info = look(name)
    rows = [
        ("name", info.name),
        ("title", info.title),
        ("record", info.record),
        ("publisher", info.publisher),
        ("page", info.url),
        ("terms", info.terms),
        ("citation", info.citation),
        ("size", _size(info.size)),
        ("counts", ", ".join(f"{count:,} {what}" for what, count in info.counts)),
    ]
    for file in info.files:
        rows.append(("file", file.path))
        if file.url:
            rows.append(("from", file.url))
    if info.instructions:
        rows.append(("to get it", info.instructions))
    if info.notes:
        rows.append(("note", info.notes))
    _table(("", ""), rows)


@app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(help="Names of data sets.")],
    root: _Root = None,
) -> None:
    """Download data sets that are not there yet, and print where their files are."""
    from ..data import describe as look
    from ..data import fetch as get

    for name in names:
        look(name)  # a mistyped name ends the command before the first download
    for name in names:
        for path in get(name, root):
            typer.echo(str(path))


def _place(name: str, root: Path | None) -> str:
    from ..data import find

    paths = find(name, root)
    if paths is None:
        return "-"
    return str(paths[0] if len(paths) == 1 else paths[0].parent)


def _size(size: int | None) -> str:
    if size is None:
        return "unknown"
    return f"{size / 1e6:.1f} MB"


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """A table on a terminal; elsewhere lines with columns that a script can split at tabs."""
    if not _on_terminal():
        for row in rows:
            typer.echo("\t".join(row))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(show_header=any(header), box=None, pad_edge=False)
    for name in header:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    Console().print(table)


def _on_terminal() -> bool:
    return sys.stdout.isatty()
