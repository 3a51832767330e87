"""``signwise recover``: what it reads, what it writes, and what it says."""

import json

import numpy as np
import pytest
import scipy.sparse as sp

from signwise.cli import main
from signwise.cli._matrices import read_matrix
from signwise.errors import DataError
from signwise.recovery import RobustLowRank


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 2)) @ rng.standard_normal((2, 30))
    X[rng.random(X.shape) < 0.1] += 50
    return X


def test_it_writes_what_its_twin_computes(X, tmp_path, capsys):
    np.save(tmp_path / "x.npy", X)
    assert main(["recover", str(tmp_path / "x.npy"), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    shown = capsys.readouterr().out
    assert "40 x 30: rank 2" in shown
    assert "recovered: every test passed" in shown
    fit = RobustLowRank(random_state=0).fit(X)
    low_rank = np.load(tmp_path / "out" / "low_rank.npy")
    np.testing.assert_allclose(low_rank, fit.low_rank_, atol=1e-12)
    outliers = sp.load_npz(tmp_path / "out" / "outliers.npz")
    mask = sp.load_npz(tmp_path / "out" / "mask.npz")
    assert np.array_equal(mask.toarray(), fit.outlier_mask_)
    np.testing.assert_allclose((low_rank + outliers)[fit.outlier_mask_], X[fit.outlier_mask_])
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["rank"], report["recovered"], report["shape"]) == (2, True, [40, 30])


def test_it_says_when_it_failed(tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((30, 30)))
    assert main(["recover", str(tmp_path / "x.npy"), "--out", str(tmp_path / "out"), "--quiet", "--rank", "3"]) == 0
    assert "NOT recovered" in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "report.json").read_text())["failed"]


def test_every_kind_of_file(X, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    pandas = pytest.importorskip("pandas")
    X[3, 4] = np.nan
    np.save(tmp_path / "x.npy", X)
    np.savez(tmp_path / "x.npz", X)
    np.savetxt(tmp_path / "x.csv", X, delimiter=",", header="a" + ",b" * 29, comments="")
    pandas.DataFrame(X, columns=[str(j) for j in range(30)]).to_parquet(tmp_path / "x.parquet")
    assert parquet is not None
    for name in ("x.npy", "x.npz", "x.csv", "x.parquet"):
        np.testing.assert_allclose(read_matrix(tmp_path / name)[0], X, rtol=1e-15)
    sp.save_npz(tmp_path / "s.npz", sp.csr_array(np.eye(3)))
    assert sp.issparse(read_matrix(tmp_path / "s.npz")[0])


def test_a_folder_of_frames(tmp_path):
    image = pytest.importorskip("PIL.Image")
    frames = np.random.default_rng(0).integers(0, 256, (3, 4, 5), np.uint8)
    for t, frame in enumerate(frames):
        image.fromarray(frame).save(tmp_path / f"{t}.png")
    matrix, shape = read_matrix(tmp_path)
    assert shape == (4, 5)
    assert np.array_equal(matrix, frames.reshape(3, 20).T)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.txt", b"1", "expected .npy"),
        ("x.npy", b"not numpy", "cannot be read"),
        ("x.csv", b"", "is empty"),
        ("x.csv", b"1,2\n3\n", "different numbers"),
        ("x.csv", b"1,2\n3,b\n", "cannot be read"),
    ],
)
def test_bad_files(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_matrix(tmp_path / name)


def test_what_is_not_numbers_is_named(tmp_path):
    np.save(tmp_path / "words.npy", np.array([["a", "b"]]))
    np.save(tmp_path / "complex.npy", np.ones((2, 2)) * 1j)
    for name, kind in (("words.npy", "<U1"), ("complex.npy", "complex128")):
        with pytest.raises(DataError, match=f"{name}: holds entries of type {kind}"):
            read_matrix(tmp_path / name)
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    pandas.DataFrame({"name": ["x", "y"], "a": [1.0, 2.0]}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataError, match="the columns name are not numbers"):
        read_matrix(tmp_path / "x.parquet")


def test_bad_arguments(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "cube.npy", np.zeros((2, 2, 2)))
    for argument, message in (("none.npy", "No such file"), ("empty", "holds no frames"), ("cube.npy", "two axes")):
        assert main(["recover", str(tmp_path / argument), "--out", str(tmp_path / "out"), "--quiet"]) == 2
        assert message in capsys.readouterr().err
