"""The reproductions of robust recovery run: small, with the properties that hold at any size."""

import json

import numpy as np
import pytest
from reproductions.recovery import completion, landscape, measurements, over_rank, rank, real, sensing
from reproductions.recovery._runs import Runs
from reproductions.recovery.document import PAGE, filled


@pytest.mark.filterwarnings("ignore")
def test_over_rank(tmp_path, capsys):
    assert over_rank.main(["--out", str(tmp_path), "--d", "10", "--r", "1", "--seeds", "1"]) == 0
    errors = json.loads((tmp_path / "result.json").read_text())["median_error"]["0.1"]
    assert errors["two-phase, rank unknown"] < 1e-10
    assert errors["subgm, r' = d, small start"] < 1e-4
    assert errors["subgm, r' = d, large start"] > 10 * errors["subgm, r' = d, small start"]
    assert errors["least squares, r' = d"] > 0.5
    assert "median relative error" in capsys.readouterr().out


def result(folder):
    assert (folder / "table.md").read_text().startswith("|")
    return json.loads((folder / "result.json").read_text())


def test_a_case_is_computed_once(tmp_path):
    calls = []
    for _ in range(2):
        runs = Runs(tmp_path)
        assert runs.get("case", lambda: calls.append(1) or 7) == 7
    assert calls == [1]


@pytest.mark.filterwarnings("ignore")
def test_measurements(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(measurements, "D", 8)
    monkeypatch.setattr(measurements, "R", 1)
    monkeypatch.setattr(measurements, "RATIOS", (2.0, 12.0))
    monkeypatch.setattr(measurements, "SHARES", (0.0,))
    assert measurements.main(["--out", str(tmp_path), "--seeds", "1"]) == 0
    assert result(tmp_path)["success"]["r"]["12.0"] == 1
    assert "<svg" in (tmp_path / "recovery_measurements.svg").read_text()
    assert measurements.half([2.0, 4.0], [0.0, 1.0]) == 3.0
    assert measurements.half([2.0, 4.0], [0.0, 0.4]) == float("inf")


@pytest.mark.filterwarnings("ignore")
def test_landscape(tmp_path):
    pytest.importorskip("matplotlib")
    assert landscape.main(["--out", str(tmp_path), "--seeds", "1"]) == 0
    found = result(tmp_path)
    assert found["loss_ratio"] < 1
    assert found["error_of_small_start"] < 1e-3 < found["error_of_lower_point"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_sensing(tmp_path):
    small = ["--seeds", "1", "--d", "20", "--grid-d", "16", "--grid-seeds", "1", "--rank-one-d", "40"]
    assert sensing.main(["--out", str(tmp_path), *small]) == 0
    found = result(tmp_path)
    assert found["goal_share"] == 1
    assert found["silently_wrong"] == 0
    assert found["condition_steps_ratio"] < 1.5


@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_rank(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(rank, "CELLS", [(3, 0.1, 1)])
    monkeypatch.setattr(rank, "RANKS", (2,))
    monkeypatch.setattr(rank, "SHARES", (0.1,))
    assert rank.main(["--out", str(tmp_path), "--seeds", "1", "--n", "100", "--region-seeds", "1"]) == 0
    found = result(tmp_path)
    assert (found["right_rank"], found["silently_wrong"], found["cells_lost_to_pursuit"]) == (1, 0, 0)


@pytest.mark.filterwarnings("ignore")
def test_completion(tmp_path):
    small = ["--rows", "400", "--columns", "200", "--rank", "2", "--share", "0.2"]
    assert completion.main(["--out", str(tmp_path), *small]) == 0
    found = result(tmp_path)
    assert (found["rank"], found["recovered"]) == (2, True)
    assert found["error"] < 1e-6


@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
@pytest.mark.parametrize("task", ["salt", "digits"])
def test_images(tmp_path, task):
    pytest.importorskip("PIL")
    assert real.main([task, "--out", str(tmp_path)]) == 0
    methods = result(tmp_path)["methods"]
    ours = min(facts["error"] for name, facts in methods.items() if name.startswith("signwise"))
    assert ours < methods["PCA, best of the same ranks"]["error"]
    assert (tmp_path / f"recovery_{task}.png").stat().st_size > 1000


def test_a_square_hides_what_it_covers():
    frames = np.full((5, 30, 40), 100.0)
    seen, where = real.squares(frames, 6, np.random.default_rng(0), moving=True)
    assert np.all((seen != frames) == where)
    assert 36 <= where[0].sum() <= 72


def test_the_page_is_up_to_date():
    text = PAGE.read_text(encoding="utf-8")
    assert filled(text) == text
