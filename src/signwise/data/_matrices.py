"""Tables, videos and faces."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse

from ..errors import DataError, import_extra
from ._read import check_counts, opened
from ._records import FaceImages, Provenance, TabularData, VideoFrames
from ._registry import DatasetInfo

_A9A_FEATURES = 123


def load_a9a(info: DatasetInfo, paths: tuple[Path, ...], verify: bool) -> TabularData:
    """Adult in LIBSVM format."""
    x, y = read_libsvm(paths[0], _A9A_FEATURES)
    if verify:
        check_counts(info, paths[0], rows=len(y), positive=int(np.sum(y > 0)), features=int(x.indices.max()) + 1)
    return TabularData(x=x, y=y, provenance=Provenance(name=info.name, files=paths, records=len(y)))


def read_libsvm(path: Path, features: int) -> tuple[scipy.sparse.csr_array, npt.NDArray[np.int8]]:
    """Parse ``label index:value ...`` lines with indices from 1 and labels +1 and -1.

    Raises:
        DataError: a line is not of this form, or an index is above ``features``.
    """
    from sklearn.datasets import load_svmlight_file

    with opened(path) as file:
        try:
            x, y = load_svmlight_file(file, n_features=features, zero_based=False)
        except (ValueError, IndexError) as error:
            raise DataError(f"{path}: not in LIBSVM format with {features} features: {error}") from error
    if not np.isin(y, (-1, 1)).all():
        raise DataError(f"{path}: expected the labels +1 and -1, got {np.unique(y)[:5].tolist()}")
    return scipy.sparse.csr_array(x), y.astype(np.int8)


def load_escalator(info: DatasetInfo, paths: tuple[Path, ...], verify: bool) -> VideoFrames:
    """The escalator video: each column of ``X`` is a frame of ``m`` rows, stored column by column."""
    content = _read_mat(paths[0], ("X", "m", "n"))
    height, width = int(content["m"].item()), int(content["n"].item())
    x = content["X"]
    if x.ndim != 2 or len(x) != height * width:
        raise DataError(f"{paths[0]}: X has shape {x.shape}; expected {height} * {width} rows")
    return _video(info, paths, verify, x.T.reshape(-1, width, height).swapaxes(1, 2))


def load_highway(info: DatasetInfo, paths: tuple[Path, ...], verify: bool) -> VideoFrames:
    """The highway video as grey frames."""
    with opened(paths[0]) as file:
        try:
            with np.load(file, allow_pickle=False) as archive:
                frames = archive["frames"]
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise DataError(f"{paths[0]}: not an archive with an array 'frames': {error}") from error
    return _video(info, paths, verify, frames)


def load_highway_video(info: DatasetInfo, paths: tuple[Path, ...], verify: bool, colour: bool = False) -> VideoFrames:
    """The highway video from its encoded file."""
    return _video(info, paths, verify, read_video(paths[0], colour=colour))


def read_video(path: Path, *, colour: bool = False) -> npt.NDArray[np.uint8]:
    """Decode a video file with PyAV.

    Returns:
        uint8, shape ``(t, height, width)``, or ``(t, height, width, 3)`` in colour.

    Raises:
        MissingExtraError: PyAV is not installed.
        DataError: the file is not a video.
    """
    av = import_extra("av", "video", "to read video files")
    try:
        with av.open(str(path)) as container:
            form = "rgb24" if colour else "gray"
            frames = [frame.to_ndarray(format=form) for frame in container.decode(video=0)]
    except (av.FFmpegError, OSError, IndexError) as error:
        raise DataError(f"{path}: cannot be decoded as a video: {error}") from error
    if not frames:
        raise DataError(f"{path}: holds no frame")
    return np.stack(frames)


def load_yale_b(info: DatasetInfo, paths: tuple[Path, ...], verify: bool) -> FaceImages:
    """Faces: each row of ``fea`` is a square image, stored column by column; ``gnd`` counts subjects from 1."""
    content = _read_mat(paths[0], ("fea", "gnd"))
    fea, gnd = content["fea"], content["gnd"].ravel().astype(np.int64)
    side = int(np.sqrt(fea.shape[1]))
    if side * side != fea.shape[1] or len(fea) != len(gnd):
        raise DataError(f"{paths[0]}: fea has shape {fea.shape} and gnd {gnd.shape}; expected square images")
    images = fea.astype(np.uint8).reshape(-1, side, side).swapaxes(1, 2)
    if verify:
        check_counts(info, paths[0], images=len(images), subjects=len(np.unique(gnd)), height=side, width=side)
    provenance = Provenance(name=info.name, files=paths, records=len(images))
    return FaceImages(images=np.ascontiguousarray(images), subjects=gnd - 1, provenance=provenance)


def _video(info: DatasetInfo, paths: tuple[Path, ...], verify: bool, frames: npt.NDArray[Any]) -> VideoFrames:
    if verify:
        check_counts(info, paths[0], frames=len(frames), height=frames.shape[1], width=frames.shape[2])
    provenance = Provenance(name=info.name, files=paths, records=len(frames))
    return VideoFrames(frames=np.ascontiguousarray(frames, np.uint8), provenance=provenance)


def _read_mat(path: Path, names: tuple[str, ...]) -> dict[str, npt.NDArray[Any]]:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    with opened(path) as file:
        try:
            content: dict[str, npt.NDArray[Any]] = loadmat(file, variable_names=names)
        except (MatReadError, ValueError, TypeError, NotImplementedError, zlib.error) as error:
            raise DataError(f"{path}: not a readable MATLAB file: {error}") from error
    missing = [name for name in names if name not in content]
    if missing:
        raise DataError(f"{path}: has no variable {', '.join(missing)}")
    return content
