"""``signwise recover``: low rank plus outliers of a matrix."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated

import typer

from ._forecast import Quiet, Seed


def recover(
    matrix: Annotated[
        Path, typer.Argument(help="Matrix: .npy, .npz, .csv, .parquet, or a folder of video frames, one a column.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder to write; an earlier run there is replaced.")] = Path(
        "signwise-recovered"
    ),
    rank: Annotated[int | None, typer.Option("--rank", help="Rank; chosen on held-out entries by default.")] = None,
    max_rank: Annotated[int | None, typer.Option("--max-rank", help="Largest rank to consider.")] = None,
    loss: Annotated[str, typer.Option("--loss", help="auto, truncated, huber or l1.")] = "auto",
    center: Annotated[bool, typer.Option("--center", help="Subtract column medians first.")] = False,
    breakdown: Annotated[float, typer.Option("--breakdown", help="Share of gross errors to withstand.")] = 0.5,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Split a matrix into low rank and outliers, and say whether the split can be trusted."""
    import json

    import numpy as np
    import scipy.sparse
    from sklearn.exceptions import ConvergenceWarning

    from ..artifacts import check_replaceable, stage_directory
    from ..progress import Progress
    from ..recovery import RobustLowRank, StepRecord
    from ._matrices import read_matrix

    check_replaceable(out)
    values, frame = read_matrix(matrix)
    fit = RobustLowRank(
        "auto" if rank is None else rank,
        max_rank=max_rank,
        loss=loss,
        center=center,
        breakdown=breakdown,
        random_state=seed,
    )
    with Progress("recover", enabled=False if quiet else None) as task, warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the summary says it

        def follow(record: StepRecord) -> None:
            task.advance(note=f"{record.phase}, rank {record.rank}, scale {record.scale:.2g}")

        fit.fit(values, callback=follow)
    low_rank = fit.low_rank_
    mask = scipy.sparse.csr_array(fit.outlier_mask_)
    rows, cols = mask.nonzero()
    data = values.tocsr()[rows, cols] if scipy.sparse.issparse(values) else np.asarray(values, np.float64)[rows, cols]
    outliers = scipy.sparse.csr_array((np.asarray(data).ravel() - low_rank[rows, cols], (rows, cols)), shape=mask.shape)
    tests = fit.diagnostics_
    report = {
        "shape": list(low_rank.shape),
        "frame": None if frame is None else list(frame),
        "rank": fit.rank_,
        "recovered": fit.recovered_,
        "failed": list(tests.failed),
        "scale": fit.scale_,
        "outlier_share": tests.outlier_share,
        "outlier_structure": tests.outlier_structure,
        "inlier_structure": tests.inlier_structure if np.isfinite(tests.inlier_structure) else None,
        "leverage": tests.leverage,
        "rank_scores": {str(k): score if np.isfinite(score) else None for k, score in tests.rank_scores.items()},
        "unidentified_rows": fit.unidentified_rows_.tolist(),
        "unidentified_columns": fit.unidentified_columns_.tolist(),
        "steps": len(fit.history_),
        "seconds": fit.history_[-1].seconds if fit.history_ else 0.0,
        "seed": seed,
    }
    with stage_directory(out, kind="recovered-matrix") as stage:
        np.save(stage / "low_rank.npy", low_rank)
        np.save(stage / "components.npy", fit.components_)
        np.save(stage / "coordinates.npy", fit.L_)
        scipy.sparse.save_npz(stage / "outliers.npz", outliers)
        scipy.sparse.save_npz(stage / "mask.npz", mask)
        (stage / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    n1, n2 = low_rank.shape
    typer.echo(f"{n1:,} x {n2:,}: rank {fit.rank_}, {tests.outlier_share:.1%} outliers, scale {fit.scale_:.3g}")
    if fit.recovered_:
        typer.echo("recovered: every test passed")
    else:
        typer.echo("NOT recovered: " + "; ".join(tests.failed))
    typer.echo(f"{out}: low_rank.npy, outliers.npz, mask.npz, components.npy, coordinates.npy, report.json")
