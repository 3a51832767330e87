"""``signwise predict``: score new pairs with a stored model."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from ._forecast import Format, FormatOption, Quiet, Source, Target, Time, Unit, UnitOption


def predict(
    model_dir: Annotated[Path, typer.Argument(help="A model folder, or the run folder that contains it.")],
    pairs: Annotated[Path, typer.Option("--pairs", help="File of pairs: source, target and, if wanted, time.")],
    out: Annotated[Path | None, typer.Option("--out", help="CSV file to write; standard output by default.")] = None,
    forecaster: Annotated[
        str | None, typer.Option("--forecaster", help="Which forecaster; by default the best on validation.")
    ] = None,
    source: Source = "source",
    target: Target = "target",
    time: Time = "time",
    file_format: Format = FormatOption.auto,
    time_unit: Unit = UnitOption.s,
    quiet: Quiet = False,
) -> None:
    """Write the pairs with the probability that the source rates the target positively."""
    if out is not None and out.is_dir():
        raise ValueError(f"{out}: is a folder; give a file for the scores")
    from signwise.artifacts import atomic_write
    from signwise.forecast import Columns
    from signwise.forecast import predict as score

    predictions = score(
        model_dir,
        pairs,
        forecaster=forecaster,
        columns=Columns(source=source, target=target, time=time),
        file_format=file_format.value,
        time_unit=time_unit.value,
        progress=False if quiet else None,
    )
    if out is None:
        predictions.write_csv(sys.stdout)
        return
    if out.exists() and not out.is_file():
        # A pipe or a device is written to, not replaced.
        with out.open("w", encoding="utf-8", newline="") as stream:
            predictions.write_csv(stream)
        return
    text = io.StringIO()
    predictions.write_csv(text)
    atomic_write(out, text.getvalue())
