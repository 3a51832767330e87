"""Matrices of the command line: numpy files, tables, and folders of video frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, import_extra

FRAMES = (".png", ".jpg", ".jpeg", ".bmp", ".pgm")


def read_matrix(path: Path) -> tuple[Any, tuple[int, int] | None]:
    """Read a matrix.

    Args:
        path: ``.npy``; ``.npz`` of one array or of ``scipy.sparse.save_npz``, whose unstored entries are missing;
            ``.csv`` of numbers, an empty field or ``nan`` is missing, a first line of names is left out; ``.parquet``;
            or a folder of frames, one column a frame in the order of their names.

    Returns:
        The matrix, and the height and width of a frame where there are frames.

    Raises:
        DataError: the file is of none of these kinds, or damaged, or not of numbers.
    """
    if path.is_dir():
        return _frames(path)
    readers = {".npy": _npy, ".npz": _npz, ".csv": _csv, ".parquet": _parquet}
    if path.suffix.lower() not in readers:
        raise DataError(f"{path}: expected .npy, .npz, .csv, .parquet or a folder of frames")
    if not path.is_file():
        raise FileNotFoundError(2, "No such file or directory", str(path))
    try:
        matrix = readers[path.suffix.lower()](path)
    except DataError:
        raise
    except (ValueError, OSError, KeyError) as error:
        raise DataError(f"{path}: cannot be read as a matrix: {error}") from error
    if matrix.ndim != 2:
        raise DataError(f"{path}: holds an array of shape {matrix.shape}; a matrix has two axes")
    if matrix.dtype.kind not in "fiub":
        raise DataError(f"{path}: holds entries of type {matrix.dtype}; a matrix has real numbers")
    return matrix, None


def _npy(path: Path) -> Any:
    return np.load(path, allow_pickle=False)


def _npz(path: Path) -> Any:
    with np.load(path, allow_pickle=False) as archive:
        names = list(archive.files)
        if "format" in names and "shape" in names:
            import scipy.sparse

            return scipy.sparse.csr_array(scipy.sparse.load_npz(path))
        if len(names) != 1:
            raise DataError(f"{path}: holds {', '.join(names)}; expected one array")
        return archive[names[0]]


def _csv(path: Path) -> Any:
    lines = path.read_text(encoding="utf-8").splitlines()
    if not lines:
        raise DataError(f"{path}: is empty")

    def numbers(line: str) -> list[float]:
        return [float(field) if field.strip() else float("nan") for field in line.split(",")]

    try:
        numbers(lines[0])
    except ValueError:
        lines = lines[1:]
    rows = [numbers(line) for line in lines if line.strip()]
    if len({len(row) for row in rows}) > 1:
        raise DataError(f"{path}: its lines have different numbers of fields")
    return np.array(rows, np.float64)


def _parquet(path: Path) -> Any:
    parquet: Any = import_extra("pyarrow.parquet", "arrow", "to read Parquet files")
    table = parquet.read_table(path)
    words = [field.name for field in table.schema if str(field.type) in ("string", "large_string", "binary")]
    if words:
        raise DataError(f"{path}: the columns {', '.join(words)} are not numbers; leave them out")
    return np.stack([column.to_numpy().astype(np.float64) for column in table.columns], axis=1)


def _frames(folder: Path) -> tuple[Any, tuple[int, int]]:
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in FRAMES)
    if not files:
        raise DataError(f"{folder}: holds no frames ({', '.join(FRAMES)})")
    image: Any = import_extra("PIL.Image", "report", "to read frames")
    frames = []
    for path in files:
        with image.open(path) as opened:
            frames.append(np.asarray(opened.convert("L"), np.float64))
        if frames[-1].shape != frames[0].shape:
            raise DataError(f"{path}: has {frames[-1].shape} pixels and {files[0].name} {frames[0].shape}")
    return np.stack([frame.ravel() for frame in frames], axis=1), (frames[0].shape[0], frames[0].shape[1])
