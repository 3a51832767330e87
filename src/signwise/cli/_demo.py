"""``signwise demo``: the main job on real data, or on a planted stream."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._forecast import Out, Quiet, Seed, summary


def demo(
    out: Out = Path("signwise-run"),
    root: Annotated[Path | None, typer.Option("--root", help="Where to look for the data set first.")] = None,
    fetch: Annotated[bool, typer.Option(help="Try to fetch the data set from its publisher.")] = True,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Forecast who will distrust whom among the members of a trading site, and write a report."""
    from signwise.forecast import demo as run

    result = run(out=out, root=root, fetch=fetch, seed=seed, progress=False if quiet else None)
    if result.planted is None:
        typer.echo(f"signwise on {result.dataset}: trust ratings on a bitcoin trading site\n")
    else:
        typer.echo(f"The real data set cannot be had here, so this is a planted stream.\n  ({result.planted})\n")
    typer.echo(summary(result.forecast, out))
    if result.oracle_auc is not None:
        typer.echo(f"An oracle that knows the planted secrets reaches AUC {result.oracle_auc:.3f} on the same part.")
