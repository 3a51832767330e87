"""The reproductions of Lion-K run: small, with the properties that hold at any size."""

import importlib
import json
import math

import pytest

from signwise.config import load


def run(script, out, *options):
    """Run a script in this process; its record."""
    module = importlib.import_module(f"reproductions.optim.{script}")
    assert module.main(["--out", str(out), *map(str, options)]) == 0
    return json.loads((out / "result.json").read_text())


def test_entry(tmp_path):
    record = run("entry", tmp_path, "--steps", 60)
    assert record["largest_excess"] <= 1e-12
    assert record["largest_certificate_difference"] <= 1e-12
    assert record["largest_ratio"]["outward"] > 0.9


def test_lyapunov(tmp_path):
    record = run("lyapunov", tmp_path, "--steps", 40)
    assert record["worst_violation"] <= 1e-12
    assert record["largest_certificate_difference"] <= 1e-12


def test_closed_forms(tmp_path):
    # Decay alone forgets the start by exp(-lr·λ·steps/2) under a cosine.
    record = run("closed_forms", tmp_path, "--steps", 1000)
    assert max(record["cosine"].values()) < 4e-3
    assert record["constant"]["L1_over_lr"] < 2


def test_noise_leads_to_the_smoothed_problem(tmp_path):
    record = run("noise", tmp_path, "--steps", 2500, "--size", 200)
    for betas in record["beta1"].values():
        assert betas["8"]["rms_to_noisy_point"] < 0.5 * betas["8"]["rms_to_hard_box"]


def test_toy(tmp_path):
    # A start at most 4 away is forgotten by exp(-λ·lr·steps/2).
    record = run("toy2d", tmp_path, "--steps", 1200)
    assert max(case["error"] for case in record["cases"].values()) < 4 * math.exp(-6)
    assert (tmp_path / "optim_toy.svg").read_text().count("<svg") == 1


def test_training_goes_on_where_it_stopped(tmp_path):
    options = ("--smoke", "--cache", tmp_path / "cache", "--only", "shakespeare/muon", "--only", "fashion-mnist/lion")
    before = run("training", tmp_path / "none", *options, "--max-minutes", -1)
    assert not any(entry["complete"] for task in before["tasks"].values() for entry in task["contenders"].values())
    record = run("training", tmp_path / "first", *options)
    muon = record["tasks"]["shakespeare"]["contenders"]["muon"]
    assert muon["complete"]
    assert len(muon["grid"]) == 2
    assert muon["certificate"]["guarantee"] == "set"
    assert muon["certificate"]["distance"] <= muon["certificate"]["bound"] + 1e-6
    assert math.isfinite(muon["test_loss"]["mean"])
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.json")}
    assert run("training", tmp_path / "second", *options) == record
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.json")} == made


def test_every_optimizer_trains(tmp_path):
    from reproductions.optim._contenders import CONTENDERS
    from reproductions.optim._one_run import Run, train

    for name, contender in CONTENDERS.items():
        for task in contender.lrs:
            lr, decay = contender.grid(task)[0]
            settings = {"task": task, "contender": name, "lr": lr, "decay": decay, "seed": 1}
            record = train(Run(**settings, final=True, smoke=True))
            assert 0 < record["test"]["loss"] < 4
            again = train(Run(**settings, final=True, smoke=True))
            assert {**again, "cpu_seconds": 0} == {**record, "cpu_seconds": 0}


def test_a_diverged_run_is_told():
    from reproductions._record_files import finite
    from reproductions.optim._tables import rank, row
    from reproductions.optim.training import scores

    def final(loss):
        score = {"loss": loss, "accuracy": 0.5}
        curve = [[1, 2.0], [2, loss]]
        return {"validation": score, "test": score, "curve": curve, "constraint": None, "cpu_seconds": 1.0}

    entry = finite(scores([final(1.0), final(None)]))
    assert entry["curve"] == {"steps": [1], "validation_loss": [2.0]}
    entry |= {"title": "SGD", "complete": True, "grid": [], "lr": 1.0, "decay": 0.0}
    assert rank(entry, "loss") == math.inf
    assert row(entry).startswith("| SGD, 1 diverged | 1 | 0 | — | — |")


def test_grids_are_equally_large():
    from reproductions.optim._contenders import CONTENDERS

    assert {len(c.grid(task)) for c in CONTENDERS.values() for task in c.lrs} == {9}


def test_one_run_by_itself(tmp_path):
    from reproductions.optim.training import main

    settings = {"task": "fashion-mnist", "contender": "sgd", "lr": 0.01, "decay": 0.0, "seed": 0, "final": False}
    assert main(["--out", str(tmp_path), "--run", json.dumps({**settings, "smoke": True})]) == 0
    (path,) = tmp_path.glob("*.json")
    record = json.loads(path.read_text())
    assert record["test"] is None
    assert [step for step, _ in record["curve"]] == [1, 2, 3]


# (recipe, its weights): the published sizes of the three networks.
RECIPES = [("cifar10_resnet18", 11_173_962), ("imagenet_resnet50", 25_557_032), ("gpt2_small", 124_439_808)]


@pytest.mark.filterwarnings("ignore:.*start outside:UserWarning")
@pytest.mark.parametrize(("name", "size"), RECIPES)
def test_a_recipe_takes_a_step(name, size, tmp_path):
    options = (name, "--synthetic", "--max-steps", 1, "--device", "cpu", "--no-checkpoint")
    record = run("recipes", tmp_path, *options)
    assert (record["steps"], record["parameters"]) == (1, size)
    assert math.isfinite(record["validation"]["loss"])
    assert record["constraint"]["guarantee"] == "set"
    assert record["constraint"]["distance"] <= record["constraint"]["bound"] * (1 + 1e-5)


def test_all_recipes_are_tested():
    from reproductions.optim.recipes import FOLDER

    assert {path.stem for path in FOLDER.glob("*.toml")} == {name for name, _ in RECIPES}


@pytest.mark.filterwarnings("ignore:.*start outside:UserWarning")
def test_a_recipe_resumes(tmp_path):
    options = ("cifar10_resnet18", "--synthetic", "--device", "cpu")
    run("recipes", tmp_path / "straight", *options, "--max-steps", 2, "--no-checkpoint")
    for steps in (1, 2):
        run("recipes", tmp_path / "halted", *options, "--max-steps", steps)
    last = [(tmp_path / kind / "log.jsonl").read_text().splitlines()[-1] for kind in ("straight", "halted")]
    assert last[0] == last[1]


def test_recipes_name_what_exists():
    from reproductions.optim._recipe import MODELS, OPTIMIZERS, SOURCES, Recipe
    from reproductions.optim.recipes import FOLDER

    for path in FOLDER.glob("*.toml"):
        recipe = load(Recipe, path)
        assert recipe.model in MODELS
        assert recipe.optimizer in OPTIMIZERS
        assert recipe.source in SOURCES
        assert recipe.batch % recipe.micro_batch == 0
        assert recipe.lr * recipe.weight_decay <= 1


def test_shifted_pictures_are_shifted_and_mirrored():
    import torch
    from reproductions.optim._recipe import shifted

    picture = torch.arange(1.0, 3 * 32 * 32 + 1).view(1, 3, 32, 32)
    straight = shifted(picture, torch.tensor([[4, 4]]), torch.tensor([[False]]))
    assert torch.equal(straight, picture)
    moved = shifted(picture, torch.tensor([[8, 4]]), torch.tensor([[False]]))
    assert torch.equal(moved[:, :, :28], picture[:, :, 4:])
    assert not moved[:, :, 28:].any()
    assert torch.equal(shifted(picture, torch.tensor([[4, 4]]), torch.tensor([[True]])), picture.flip(3))


def test_the_page_is_up_to_date():
    from reproductions.optim.document import PAGE, filled

    text = PAGE.read_text(encoding="utf-8")
    assert filled(text) == text
