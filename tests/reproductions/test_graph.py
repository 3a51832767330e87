"""The grid of signed streams: resumable, the same on any file, and the page is what the records say."""

import csv
import json

import pytest
from reproductions.graph import document, grid
from reproductions.graph._rows import ROWS, jobs

from signwise.data import simulate_signed_events


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    stream = simulate_signed_events(1500, 100, seed=0).stream
    path = tmp_path_factory.mktemp("grid") / "mine.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["source", "target", "rating", "time"])
        for u, v, r, t in zip(stream.source, stream.target, stream.rating, stream.seconds, strict=True):
            rows.writerow([f"u{u}", f"u{v}", r, f"{t:.6f}"])
    return path


ONLY = ["--only", "bias_mean.*.0", "--only", "ratee_mean.sign.*", "--only", "boosting.sign.strict.0"]


def test_a_grid_on_a_file_goes_on_where_it_stopped(events, tmp_path, capsys):
    command = ["--events", str(events), "--cache", str(tmp_path / "cache"), "--seeds", "1", *ONLY]
    assert grid.main([*command, "--out", str(tmp_path / "none"), "--max-minutes", "0"]) == 0
    assert json.loads((tmp_path / "none" / "result.json").read_text())["protocols"] == {}
    assert grid.main([*command, "--out", str(tmp_path / "one")]) == 0
    first = capsys.readouterr()
    assert "bias_mean.sign.strict.0: " in first.err
    assert grid.main([*command, "--out", str(tmp_path / "two")]) == 0
    assert "of processor time" not in capsys.readouterr().err
    one, two = (json.loads((tmp_path / name / "result.json").read_text()) for name in ("one", "two"))
    assert one == two
    assert one["left"] > 0
    assert 0.5 < one["protocols"]["strict"]["sign"]["bias_mean"]["test"]["auc"]["mean"] < 1
    assert one["protocols"]["strict"]["signed_link"]["bias_mean"]["test"]["ap.1"]["mean"] > 0
    text = (tmp_path / "one" / "tables.md").read_text()
    assert "| ratee mean + rater bias | 1 |" in text
    assert "leaky" in text


def test_fits_of_other_events_are_not_taken(events, tmp_path, capsys):
    command = ["--cache", str(tmp_path / "cache"), "--seeds", "1", "--only", "ratee_mean.sign.strict.*"]
    assert grid.main([*command, "--events", str(events), "--out", str(tmp_path / "a")]) == 0
    other = tmp_path / "mine.csv"
    lines = events.read_text().splitlines()
    other.write_text("\n".join(lines[:-30]) + "\n")
    assert grid.main([*command, "--events", str(other), "--out", str(tmp_path / "b")]) == 0
    assert capsys.readouterr().err.count("of processor time") == 2


def test_rows_are_named_once_and_rows_without_chance_are_fitted_once():
    assert len({row.name for row in ROWS}) == len(ROWS)
    names = [job.name for job in jobs()]
    assert len(set(names)) == len(names)
    assert sum(name.startswith("boosting.sign.strict.") for name in names) == 1
    assert sum(name.startswith("boosting.link.strict.") for name in names) == 5
    assert sum(name.startswith("SEMBAPlus.sign.published.") for name in names) == 5


def test_the_page_is_what_the_records_say():
    assert document.main(["--check"]) == 0
