"""The reproductions of binary networks run: small, with the properties that hold at any size."""

import json

from reproductions.binary import accuracy, quantization


def test_the_largest_errors(tmp_path):
    quantization.main(["--out", str(tmp_path)])
    record = json.loads((tmp_path / "result.json").read_text())
    assert abs(record["laplace"]["error"] - 0.1028346) < 1e-6
    assert record["gaussian"]["sampling_difference"] < 2e-4


def test_accuracy_resumes(tmp_path, capsys):
    arguments = ["--smoke", "--jobs", "0", "--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "out")]
    only = ["--only", "biper", "--only", "biper_two", "--only", "ste_clip_lion"]
    accuracy.main([*arguments, *only, "--max-minutes", "-1"])
    assert "runs are left" in capsys.readouterr().err
    accuracy.main([*arguments, *only])
    record = json.loads((tmp_path / "out" / "result.json").read_text())
    row = record["methods"]["biper_two"]
    assert [g["factor"] for g in row["grid"]] == [1.0, 3.0]
    assert len(row["accuracies"]) == 2
    assert row["over_biper"]["low"] <= row["over_biper"]["mean"] <= row["over_biper"]["high"]
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache" / "smoke").glob("*.json")}
    assert len(files) == 3 * (2 + 2)
    accuracy.main([*arguments, *only])
    assert {path: path.stat().st_mtime_ns for path in files} == files
    assert json.loads((tmp_path / "out" / "result.json").read_text()) == record
