import json
from contextlib import contextmanager

import pytest
from benchmarks._runner import Bench, Contender, Limit, Target

from benchmarks import _discovery, _runner, _tables


@pytest.fixture
def clock(monkeypatch):
    """A clock that contenders move themselves."""
    state = {"time": 0.0}
    monkeypatch.setitem(_runner.CLOCKS, "thread", lambda: state["time"])

    def taking(seconds, result=1):
        def call():
            state["time"] += seconds
            return result

        return call

    return taking


def test_ratios_and_targets(clock):
    group = Bench(name="x_y", rounds=5).group(
        "work",
        {"slow": clock(2.0), "slower": clock(3.0), "fast": clock(0.5)},
        baseline=("slow", "slower"),
        equal=lambda x, y: x == y,
        targets=[Target(contender="fast", ratio=4.0), Target(contender="fast", ratio=5.0)],
        bytes_read=1_000_000_000,
    )
    rows = group["contenders"]
    assert [rows[name]["ratio"] for name in ("slow", "slower", "fast")] == [1.0, 0.6667, 4.0]
    assert rows["fast"]["median_s"] == rows["fast"]["min_s"] == 0.5
    assert rows["fast"]["gb_per_s"] == 2.0
    assert [target["met"] for target in group["targets"]] == [True, False]


def test_quick_calls_are_repeated(clock):
    bench = Bench(name="x_y", rounds=1, sample_s=1.0)
    rows = bench.group("work", {"a": clock(0.25)}, baseline="a", equal=None)["contenders"]
    assert rows["a"]["calls"] == 4
    assert rows["a"]["median_s"] == 0.25


def test_different_results_are_an_error(clock):
    with pytest.raises(AssertionError, match="b and a give different results"):
        Bench(name="x_y").group("work", {"a": clock(1), "b": clock(1, 2)}, baseline="a", equal=lambda x, y: x == y)


def test_the_surroundings_are_not_timed(clock):
    wait = clock(10.0)

    @contextmanager
    def around():
        wait()
        yield
        wait()

    contenders = {"a": Contender(call=clock(1.0), around=around)}
    group = Bench(name="x_y", rounds=3).group("work", contenders, baseline="a", equal=None)
    assert group["contenders"]["a"]["median_s"] == 1.0


def test_the_file_and_its_table(clock, tmp_path, monkeypatch):
    monkeypatch.setattr(_tables, "RESULTS", tmp_path)
    bench = Bench(name="x_y", rounds=3)
    bench.group("work", {"a": clock(2e-3), "b": clock(1e-3)}, baseline="a", equal=None)
    bench.write(tmp_path / "x_y.json")
    record = json.loads((tmp_path / "x_y.json").read_text())
    assert record["machine"]["versions"]["numpy"]
    text = "before\n<!-- benchmark: x_y -->\nold\n<!-- end -->\nafter\n"
    fresh = _tables.refreshed(text)
    assert "| work | a (baseline) | 2 ms | 1 |\n|  | b | 1 ms | 2 |\n" in fresh
    assert fresh.startswith("before\n")
    assert fresh.endswith("<!-- end -->\nafter\n")
    assert "old" not in fresh
    assert _tables.refreshed(fresh) == fresh


def test_latencies_have_a_slowest_hundredth(clock, tmp_path, monkeypatch):
    def sometimes_slow(i):
        return clock(1.0 if i == 7 else 0.5)()

    bench = Bench(name="x_y", rounds=2)
    group = bench.latencies(
        "one call",
        {"even": lambda _: clock(2.0)(), "uneven": sometimes_slow},
        baseline="even",
        equal=lambda x, y: x == y,
        calls=50,
        limits=[Limit(contender="uneven", p99_s=1.0), Limit(contender="uneven", p99_s=0.9)],
    )
    row = group["contenders"]["uneven"]
    assert (row["median_s"], row["p99_s"], row["ratio"]) == (0.5, 1.0, 4.0)
    assert [target["met"] for target in group["targets"]] == [True, False]
    monkeypatch.setattr(_tables, "RESULTS", tmp_path)
    bench.write(tmp_path / "x_y.json")
    table = _tables.table(json.loads((tmp_path / "x_y.json").read_text()))
    assert "|  | uneven | 500 ms, p99 1 s | 4 |" in table


def test_latencies_of_different_answers_are_an_error(clock):
    calls = {"a": lambda i: i, "b": lambda i: 0}
    with pytest.raises(AssertionError, match="b and a give different results for 1"):
        Bench(name="x_y").latencies("one call", calls, baseline="a", equal=lambda x, y: x == y, calls=3)


def test_names():
    assert {"bits_pack", "bits_topk", "bits_xnor"} <= set(_discovery.names())
    assert _discovery.chosen(["xnor"]) == ["bits_xnor"]
    assert _discovery.chosen(["bits_pack", "pack"]) == ["bits_pack"]
    with pytest.raises(SystemExit, match=r"no benchmark 'nothing'; there are: .*bits_pack"):
        _discovery.chosen(["nothing"])


def test_tables_of_the_documents_are_those_of_the_results_files():
    root = _discovery.HERE.parent
    for path in [*root.glob("*.md"), *(root / "docs").rglob("*.md")]:
        text = path.read_text(encoding="utf-8")
        assert _tables.refreshed(text) == text, f"{path} is out of date: run python -m benchmarks --tables"
