"""The monitor of a training loop."""

import dataclasses

import pytest
import torch

from signwise.errors import MissingExtraError
from signwise.optim import CertificateMonitor, Entry, History, Lion

from .problems import Quadratic, closure_of


def trained(every=1, log=None, steps=10, **options):
    loss, x = Quadratic((4, 5)), torch.nn.Parameter(torch.zeros(4, 5, dtype=torch.float64))
    optimizer = Lion([x], 0.01, radius=0.5, certify=True, **options)
    monitor = CertificateMonitor(optimizer, every=every, smoothness=1.0, log=log)
    for _ in range(steps):
        monitor.record(optimizer.step(closure_of(optimizer, loss, x)))
    return monitor


def test_every_so_manieth_step_is_recorded():
    history = trained(every=3).history
    assert [entry.step for entry in history.entries] == [3, 6, 9]
    assert all(entry.loss > 0 and entry.certificate.gap > 0 for entry in history.entries)


def test_a_history_does_not_change():
    monitor = trained()
    history = monitor.history
    monitor.record()
    assert (len(history.entries), len(monitor.history.entries)) == (10, 11)
    with pytest.raises(dataclasses.FrozenInstanceError):
        history.entries = ()


def test_lines_say_what_is_known():
    lines = []
    trained(log=lines.append)
    assert lines[0].startswith("step 1: loss ")
    assert "slack" not in lines[0]
    assert ", distance 0 <= 0, gap " in lines[1]
    assert ", slack " in lines[1]


def test_without_a_constraint_the_line_says_so():
    lines = []
    x = torch.nn.Parameter(torch.zeros(2))
    CertificateMonitor(Lion([x]), log=lines.append).record()
    assert lines == ["step 1: no constraint"]


def test_series_leave_out_what_is_unknown():
    history = trained().history
    assert history.series("lyapunov_slack")[0] == list(range(2, 11))
    assert history.series("loss")[1] == [entry.loss for entry in history.entries]


def test_plots(tmp_path):
    pytest.importorskip("matplotlib")
    trained().history.plot(tmp_path / "certificate.png")
    assert (tmp_path / "certificate.png").read_bytes().startswith(b"\x89PNG")
    History().plot(tmp_path / "empty.svg")


def test_a_plot_without_matplotlib_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"signwise\[report\]"):
        History().plot(tmp_path / "x.png")


def test_every_is_checked():
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        CertificateMonitor(Lion([torch.nn.Parameter(torch.zeros(1))]), every=0)


def test_an_entry_is_frozen():
    entry = trained(steps=1).history.entries[0]
    assert isinstance(entry, Entry)
    with pytest.raises(dataclasses.FrozenInstanceError):
        entry.step = 5
