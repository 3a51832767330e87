"""``signwise forecast``: fit, measure and report."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from signwise.forecast import Forecast


class FormatOption(StrEnum):
    """Input formats."""

    auto = "auto"
    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"


class UnitOption(StrEnum):
    """Units of numeric times."""

    s = "s"
    ms = "ms"
    us = "us"
    ns = "ns"


class ModelOption(StrEnum):
    """What is fitted."""

    features = "features"
    semba = "semba"


class OptimizerOption(StrEnum):
    """What trains SEMBAPlus."""

    choose = "choose"
    adamw = "adamw"
    lion_k = "lion_k"


class PolicyOption(StrEnum):
    """What to do with a questionable line."""

    keep = "keep"
    drop = "drop"
    reject = "reject"


Source = Annotated[str, typer.Option("--source", help="Column or JSON pointer of the rater.")]
Target = Annotated[str, typer.Option("--target", help="Column or JSON pointer of the ratee.")]
Time = Annotated[str, typer.Option("--time", help="Column or JSON pointer of the time.")]
Format = Annotated[FormatOption, typer.Option("--format", help="Format of the file.")]
Unit = Annotated[UnitOption, typer.Option("--time-unit", help="Unit of numeric times; ISO 8601 texts need none.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]
Out = Annotated[Path, typer.Option("--out", help="Folder to write; an earlier run there is replaced.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]


def forecast(
    events: Annotated[
        Path | None, typer.Argument(help="Signed events: JSONL, CSV or Parquet; gzip, xz and bzip2 too.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="A named data set instead of a file (signwise data list).")
    ] = None,
    out: Out = Path("signwise-run"),
    source: Source = "source",
    target: Target = "target",
    rating: Annotated[str, typer.Option("--rating", help="Column or JSON pointer of the signed rating.")] = "rating",
    time: Time = "time",
    file_format: Format = FormatOption.auto,
    time_unit: Unit = UnitOption.s,
    self_loops: Annotated[PolicyOption, typer.Option(help="Ratings of oneself.")] = PolicyOption.reject,
    duplicates: Annotated[
        PolicyOption, typer.Option(help="Lines that repeat source, target, rating and time of an earlier one.")
    ] = PolicyOption.keep,
    weight_max: Annotated[
        float | None, typer.Option(help="Largest possible size of a rating; by default the largest in training.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on the first bad line.")] = False,
    train: Annotated[float | None, typer.Option(help="Share of the events to train on.  [default: 0.7]")] = None,
    validation: Annotated[
        float | None, typer.Option(help="Share of the events to choose thresholds on.  [default: 0.15]")
    ] = None,
    model: Annotated[
        ModelOption | None,
        typer.Option(
            "--model",
            help="semba trains SEMBAPlus beside the models on features, in minutes; the best on validation is taken.  "
            "[default: features]",
        ),
    ] = None,
    optimizer: Annotated[
        OptimizerOption | None,
        typer.Option(
            "--optimizer",
            help="What trains SEMBAPlus; choose fits with both and takes the better on validation.  [default: choose]",
        ),
    ] = None,
    payload: Annotated[
        str | None,
        typer.Option(
            "--payload",
            help="Column or JSON pointer of what a rating says besides, any JSON; later scores know of it.  "
            "[default: none]",
        ),
    ] = None,
    payload_dim: Annotated[
        int | None, typer.Option("--payload-dim", help="Length of the vector of a payload.  [default: 32]")
    ] = None,
    ablation: Annotated[
        bool | None, typer.Option(help="Measure what each part of the models contributes.  [default: yes]")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.  [default: 0]")] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="TOML file with train, validation, model, optimizer, payload, payload_dim, ablation and seed; "
            "options win."
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Forecast the signs of the latest events of a stream, each from what came before it.

    Writes a model, metrics.json, predictions.csv, rejects.csv and report.html to the output folder.
    """
    from dataclasses import replace

    from signwise import data
    from signwise.config import load as load_config
    from signwise.errors import DataError
    from signwise.forecast import Columns, ForecastConfig, fit

    if (events is None) == (dataset is None):
        raise ValueError("give either a file of events or --dataset NAME")
    settings = ForecastConfig() if config is None else load_config(ForecastConfig, config)
    given: dict[str, Any] = {
        "train": train,
        "validation": validation,
        "model": None if model is None else model.value,
        "optimizer": None if optimizer is None else optimizer.value,
        "payload": payload,
        "payload_dim": payload_dim,
        "ablation": ablation,
        "seed": seed,
    }
    settings = replace(settings, **{name: value for name, value in given.items() if value is not None})
    progress = False if quiet else None
    columns = Columns(source=source, target=target, rating=rating, time=time)
    if dataset is not None:
        if (columns, file_format, time_unit) != (Columns(), FormatOption.auto, UnitOption.s):
            raise ValueError("--source, --target, --rating, --time, --format and --time-unit say how to read a file")
        if not data.describe(dataset).record.startswith("LoadedStream"):
            raise DataError(f"{dataset} is not a stream of signed events (signwise data list)")
    result = fit(
        events if dataset is None else data.load(dataset, progress=progress),
        out=out,
        config=settings,
        columns=columns,
        file_format=file_format.value,
        time_unit=time_unit.value,
        self_loops=self_loops.value,
        duplicates=duplicates.value,
        weight_max=weight_max,
        strict=strict,
        name=dataset,
        progress=progress,
    )
    typer.echo(summary(result, out))


def summary(result: Forecast, out: Path) -> str:
    """What a newcomer wants to know of a run, as plain text."""
    from signwise.errors import MissingExtraError, import_extra
    from signwise.forecast import LABELS, alarms

    data, test = result.dataset, result.reports[result.selected].test
    flags = alarms(result, result.selected)
    what = f"{data.events:,} ratings between {data.nodes:,} members, {100 * data.positive_share:.1f} % positive"
    lines = [f"{what}, {data.first[:10]} to {data.last[:10]}"]
    if data.rejected or data.dropped:
        dropped = "".join(f", {count:,} dropped ({reason})" for reason, count in data.dropped.items())
        lines.append(f"{data.rejected:,} of {data.lines:,} lines rejected{dropped}: see {out / 'rejects.csv'}")
    part = f"Learnt from the first {100 * result.protocol.train:.0f} %, then asked of the last {test.n:,} ratings"
    lines += [
        "",
        f"{part}, each before its sign was known:",
        "",
        f"  {'forecaster':<26}{'AUC':>7}{'AP of negatives':>18}{'macro F1':>11}{'ECE':>8}",
    ]
    for name, report in result.reports.items():
        m = report.test
        cells = [f"{'-' if v is None else format(v, '.3f'):>{w}}" for v, w in ((m.auc, 7), (m.ap_negative, 18))]
        mark = "*" if name == result.selected else " "
        lines.append(f"{mark} {LABELS[name]:<26}{''.join(cells)}{m.macro_f1:>11.3f}{m.ece:>8.3f}")
    lines += ["  * best on the validation part", ""]
    if test.auc is not None:
        lines.append(
            f"A negative rating got a worse score than a positive one {100 * test.auc:.1f} % of the time. Flagging "
            f"{flags.flagged:,} of the {flags.events:,} ratings would have caught {flags.hits:,} of the "
            f"{flags.negatives:,} negatives."
        )
    lines += [f"Report: {out / 'report.html'}   scores: {out / 'predictions.csv'}   model: {out / 'model'}"]
    try:
        import_extra("matplotlib", "report", "to draw the report's figures")
    except MissingExtraError as error:
        lines.append(f"The report has no figures: {error}")
    return "\n".join(lines)
