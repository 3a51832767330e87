"""``signwise binary``: train a recipe, pack the result, prove it and time it."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ArtifactError

if TYPE_CHECKING:
    from torch import nn

    from ..binary import Recipe

app = typer.Typer(no_args_is_help=True, help="Train, pack, verify and time networks of one bit.")


class StemOption(StrEnum):
    """Arithmetic of the float convolutions."""

    float32 = "float32"
    bfloat16 = "bfloat16"
    int8 = "int8"


_Root = Annotated[Path | None, typer.Option("--root", help="Data directory to look in first.", show_default=False)]
_Stem = Annotated[StemOption, typer.Option("--stem", help="Arithmetic of the float convolutions.")]
_Run = Annotated[Path, typer.Argument(help="Folder of a training run.")]


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe, or a TOML file of the same form.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the run; an interrupted run there goes on.")] = Path(
        "signwise-binary"
    ),
    root: _Root = None,
    max_minutes: Annotated[float, typer.Option("--max-minutes", help="Begin no epoch after so long.")] = math.inf,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Instead of the recipe's seed.", show_default=False)
    ] = None,
    device: Annotated[str, typer.Option("--device", help="Where to train, such as cpu or cuda.")] = "cpu",
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Train a recipe, measure it on the test images, and pack it."""
    import dataclasses
    import json

    import torch

    from .. import config
    from ..artifacts import atomic_write
    from ..binary import evaluate, fit
    from ..binary import recipe as read
    from ._binary_images import images

    chosen = read(recipe)
    if seed is not None:
        chosen = dataclasses.replace(chosen, training=dataclasses.replace(chosen.training, seed=seed))
    data = images(chosen.dataset, root, chosen.validation, chosen.training.seed)
    out.mkdir(parents=True, exist_ok=True)
    atomic_write(out / "recipe.toml", config.dumps(chosen).encode())
    torch.manual_seed(chosen.training.seed)
    model = _model(chosen).to(device)
    result = fit(
        model,
        data.train,
        data.val,
        config=chosen.training,
        augment=chosen.augment,
        out=out,
        max_minutes=max_minutes,
        progress=False if quiet else None,
    )
    loss, accuracy = evaluate(model, data.test)
    epochs = [sum(e.stage == stage for e in result.history) for stage in (1, 2)]
    metrics = {"test_accuracy": accuracy, "test_loss": loss, "epochs": epochs, "finished": result.finished}
    atomic_write(out / "metrics.json", (json.dumps(metrics, indent=1) + "\n").encode())
    typer.echo(f"{chosen.title}")
    state = "finished" if result.finished else "not finished; the same command goes on"
    typer.echo(f"epochs {epochs[0]} + {epochs[1]}, {state}")
    typer.echo(f"test accuracy {100 * accuracy:.2f} % of {len(data.test[0]):,} images")
    if result.finished:
        _pack(model.cpu(), data.test[0][:64], StemOption.float32, out / "packed")


@app.command()
def pack(
    run: _Run,
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write; RUN/packed by default.")] = None,
    stem: _Stem = StemOption.float32,
    root: _Root = None,
) -> None:
    """Pack the network of a training run, verified on test images."""
    model, example = _trained(run, root)
    _pack(model, example, stem, out or run / "packed")


@app.command()
def verify(
    run: _Run,
    packed: Annotated[Path | None, typer.Option("--packed", help="The packed network; RUN/packed by default.")] = None,
    stem: _Stem = StemOption.float32,
    root: _Root = None,
) -> None:
    """Compare a packed network with the network of its training run, layer by layer."""
    from ..binary import load
    from ..binary import verify as compare

    model, example = _trained(run, root)
    report = compare(load(packed or run / "packed"), model, example, stem=stem.value)
    _report(report)


@app.command()
def bench(
    packed: Annotated[Path, typer.Argument(help="Folder of a packed network.")],
    batch: Annotated[int, typer.Option("--batch", help="Images at a time.")] = 1,
    size: Annotated[
        int | None, typer.Option("--size", help="Height and width of the images.", show_default=False)
    ] = None,
    runs: Annotated[int, typer.Option("--runs", help="How many times to run.")] = 25,
) -> None:
    """Time a packed network on random images, operation by operation; loads no torch."""
    import numpy as np

    from ..binary import load

    model = load(packed)
    side = (size, size) if size else model.input.size or (32, 32)
    shape = (batch, model.input.channels) if model.input.flat else (batch, model.input.channels, *side)
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    rows = model.profile(x, runs=runs)
    for row in rows:
        typer.echo(f"{row.name:<28}{row.kind:<14}{1e6 * row.seconds:>10.1f} us{100 * row.share:>7.1f} %")
    memory = model.memory(shape)
    typer.echo(f"whole network, batch {batch}: {1e3 * sum(row.seconds for row in rows):.3f} ms")
    typer.echo(
        f"parameters {memory.file:,} bytes, {memory.float32 / memory.file:.1f} times smaller than float32; "
        f"activations {memory.activations:,} bytes"
    )


def _model(recipe: Recipe) -> nn.Module:
    from ..binary import build

    return build(recipe.model)


def _trained(run: Path, root: Path | None) -> tuple[nn.Module, Any]:
    """The network of a run with its trained weights, and images to verify with."""
    from ..binary import fit
    from ..binary import recipe as read
    from ._binary_images import images

    if not (run / "recipe.toml").exists() or not (run / "checkpoint").exists():
        raise ArtifactError(f"{run}: not the folder of a training run; signwise binary train makes one")
    chosen = read(run / "recipe.toml")
    data = images(chosen.dataset, root, chosen.validation, chosen.training.seed)
    model = _model(chosen)
    result = fit(
        model,
        data.train,
        data.val,
        config=chosen.training,
        augment=chosen.augment,
        out=run,
        max_minutes=-math.inf,
        progress=False,
    )
    if not result.finished:
        raise ArtifactError(f"{run}: the training is not finished; signwise binary train goes on with it")
    return model, data.test[0][:64]


def _pack(model: nn.Module, example: Any, stem: StemOption, out: Path) -> None:
    from ..binary import pack as make
    from ..binary import verify as compare

    packed = make(model, example, verify=False, stem=stem.value)
    _report(compare(packed, model, example, stem=stem.value))
    packed.save(out)
    memory = packed.memory()
    typer.echo(f"{out}: {memory.file:,} bytes, {memory.float32 / memory.file:.1f} times smaller than float32")


def _report(report: Any) -> None:
    typer.echo(
        f"verified on {report.images} images: {report.weight_bits:,} weight bits, {report.sums:,} sums and "
        f"{report.signs:,} signs equal, {report.near_ties} of them near ties; logits within "
        f"{report.logit_error:.1e} of the largest, top-1 agreement {100 * report.top1_agreement:.1f} %"
    )
