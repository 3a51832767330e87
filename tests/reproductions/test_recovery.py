"""The reproductions of robust recovery run: small, with the properties that hold at any size."""

import json

import pytest
from reproductions.recovery import over_rank


@pytest.mark.filterwarnings("ignore")
def test_over_rank(tmp_path, capsys):
    assert over_rank.main(["--out", str(tmp_path), "--d", "10", "--r", "1", "--seeds", "1"]) == 0
    errors = json.loads((tmp_path / "result.json").read_text())["median_error"]["0.1"]
    assert errors["two-phase, rank unknown"] < 1e-10
    assert errors["subgm, r' = d, small start"] < 1e-4
    assert errors["subgm, r' = d, large start"] > 10 * errors["subgm, r' = d, small start"]
    assert errors["least squares, r' = d"] > 0.5
    assert "median relative error" in capsys.readouterr().out
