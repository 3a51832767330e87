"""``signwise binary``, from training to timing."""

import json
import sys

import pytest

from signwise import _native
from signwise.binary import load
from signwise.cli import main

RECIPE = """
title = "Two epochs on digits"
dataset = "digits"
validation = 300

[model]
name = "small"
in_channels = 1
width = 16
image_size = 8

[training.stage1]
epochs = 1
lr = 0.1
batch_size = 128

[training.stage2]
epochs = 1
lr = 0.05
batch_size = 128
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("binary")
    (folder / "recipe.toml").write_text(RECIPE)
    assert main(["binary", "train", str(folder / "recipe.toml"), "--out", str(folder / "run"), "--quiet"]) == 0
    return folder / "run"


def test_training_leaves_metrics_and_a_packed_network(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["epochs"] == [1, 1]
    assert metrics["finished"]
    assert metrics["test_accuracy"] > 0.2
    assert load(run / "packed").input.size == (8, 8)


def test_packing_and_verifying_again(run, capsys, tmp_path):
    assert main(["binary", "verify", str(run)]) == 0
    assert "verified on 64 images" in capsys.readouterr().out
    narrow = tmp_path / "narrow"
    assert main(["binary", "pack", str(run), "--out", str(narrow), "--stem", "int8"]) == 0
    assert "times smaller" in capsys.readouterr().out
    assert main(["binary", "verify", str(run), "--packed", str(narrow)]) == 2
    assert "other operations" in capsys.readouterr().err


@pytest.mark.skipif(_native.core() is None, reason="the extension is not built")
def test_timing(run, capsys):
    assert main(["binary", "bench", str(run / "packed"), "--runs", "2"]) == 0
    out = capsys.readouterr().out
    assert "whole network, batch 1" in out
    assert "bit_conv" in out


def test_a_run_that_is_not_finished(tmp_path, capsys):
    (tmp_path / "recipe.toml").write_text(RECIPE)
    out = tmp_path / "run"
    arguments = ["binary", "train", str(tmp_path / "recipe.toml"), "--out", str(out), "--quiet"]
    assert main([*arguments, "--max-minutes", "-1"]) == 0
    assert "not finished" in capsys.readouterr().out
    assert main(["binary", "pack", str(out)]) == 2
    assert "not the folder of a training run" in capsys.readouterr().err


def test_mistakes_are_one_line(capsys, tmp_path):
    assert main(["binary", "train", "cifar"]) == 2
    assert "there are: cifar10-resnet18" in capsys.readouterr().err
    assert main(["binary", "train", "imagenet-resnet18", "--out", str(tmp_path)]) == 2
    assert "no images 'imagenet'" in capsys.readouterr().err


def test_help_does_not_import_torch():
    import subprocess

    code = "import sys; from signwise.cli import main; main(['binary', '--help']); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
