"""Train by a recipe, on a GPU: ``python -m reproductions.optim.recipes NAME --out DIR [--data FOLDER]``.

The recipes are the TOML files in ``recipes/``. A run writes ``log.jsonl`` and, at every evaluation, a checkpoint from
which the same command goes on. ``--synthetic --max-steps 1`` tries a recipe on random inputs on any machine.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from signwise.config import load
from signwise.optim import LionK

from . import _record
from ._one_run import constraint, cosine_with_warmup
from ._recipe import MODELS, OPTIMIZERS, SOURCES, Recipe, Synthetic

FOLDER = Path(__file__).parent / "recipes"


def main(argv: list[str] | None = None) -> int:
    names = sorted(path.stem for path in FOLDER.glob("*.toml"))
    parser = _record.arguments(__doc__)
    parser.add_argument("name", choices=names)
    parser.add_argument("--data", help="folder of the data, instead of the recipe's")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-steps", type=int, help="stop after so many steps")
    parser.add_argument("--no-checkpoint", action="store_true", help="write none")
    parser.add_argument("--synthetic", action="store_true", help="tiny random inputs, two to a step")
    options = parser.parse_args(argv)
    recipe = load(Recipe, FOLDER / f"{options.name}.toml")
    if options.data:
        recipe = replace(recipe, data=options.data)
    if options.synthetic:
        recipe = replace(recipe, batch=2, micro_batch=1)
    source = (Synthetic if options.synthetic else SOURCES[recipe.source])(recipe)
    last = min(recipe.steps, options.max_steps or recipe.steps)
    training = Training(recipe, source, torch.device(options.device), options.seed, options.out)
    training.keep = not options.no_checkpoint
    training.resume()
    record = training.run(last)
    print(_record.write(options.out, record))
    return 0


class Training:
    """A model, its optimizer, and where they stand."""

    def __init__(self, recipe: Recipe, source: Any, device: torch.device, seed: int, out: Path) -> None:
        self.recipe, self.source, self.device, self.seed, self.out = recipe, source, device, seed, out
        torch.manual_seed(seed)
        self.model = MODELS[recipe.model]().to(device)
        self.optimizer: Optimizer = OPTIMIZERS[recipe.optimizer](self.model, recipe.lr, recipe.weight_decay)
        self.step, self.keep = 0, True
        out.mkdir(parents=True, exist_ok=True)

    @property
    def checkpoint(self) -> Path:
        return self.out / "checkpoint.pt"

    def resume(self) -> None:
        """Take up the checkpoint in the folder, if there is one."""
        if not self.checkpoint.exists():
            return
        saved = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        self.step = saved["step"]
        self.model.load_state_dict(saved["model"])
        # The options are the recipe's; a file of tensors alone can be loaded without trust.
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": saved["state"]})

    def save(self) -> None:
        """Write a checkpoint, if one is to be kept."""
        if not self.keep:
            return
        partial = self.checkpoint.with_suffix(".partial")
        state = self.optimizer.state_dict()["state"]
        torch.save({"step": self.step, "model": self.model.state_dict(), "state": state}, partial)
        partial.replace(self.checkpoint)

    def run(self, last: int) -> dict[str, Any]:
        """Train up to a step and score."""
        score, began = None, time.perf_counter()
        first = self.step
        while self.step < last:
            loss = self.one_step()
            self.step += 1
            if self.step % self.recipe.evaluate_every == 0 or self.step == last:
                score = self.evaluate()
                self.log(loss, score)
                self.save()
        return {
            "recipe": self.recipe.title,
            "steps": self.step,
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "validation": score,
            "constraint": constraint(self.optimizer) if isinstance(self.optimizer, LionK) else None,
            "seconds": round(time.perf_counter() - began, 1),
            "steps_in_these_seconds": self.step - first,
            "device": torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu",
            "machine": _record.machine(),
        }

    def one_step(self) -> float:
        """A step from the mean gradient of its micro batches; returns the loss before it."""
        recipe = self.recipe
        factor = cosine_with_warmup(self.step, recipe.steps, recipe.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.lr * factor
        # Seeded by the step, so that a resumed run sees the inputs it would have seen.
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.step)
        self.optimizer.zero_grad()
        parts = recipe.batch // recipe.micro_batch
        total = 0.0
        for _ in range(parts):
            loss = self.loss(*self.source.train(recipe.micro_batch, generator)) / parts
            loss.backward()
            total += loss.item()
        nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip)
        self.optimizer.step()
        return total

    def logits(self, x: Tensor) -> Tensor:
        wanted = self.device.type == "cuda" and self.recipe.precision == "bfloat16"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=wanted):
            return self.model(x.to(self.device, non_blocking=True)).flatten(0, -2)

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        logits = self.logits(x).float()
        return functional.cross_entropy(logits, y.to(self.device).flatten(), label_smoothing=self.recipe.smoothing)

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Loss and accuracy on the validation part."""
        self.model.eval()
        total, right, count = 0.0, 0, 0
        for number, (x, y) in enumerate(self.source.validation(self.recipe.micro_batch), 1):
            logits, answers = self.logits(x).float(), y.to(self.device).flatten()
            total += functional.cross_entropy(logits, answers, reduction="sum").item()
            right += int((logits.argmax(-1) == answers).sum())
            count += len(answers)
            if number == self.recipe.evaluate_batches:
                break
        self.model.train()
        return {"loss": total / count, "accuracy": right / count}

    def log(self, loss: float, score: dict[str, float]) -> None:
        """Append a line to the log and print it."""
        line = json.dumps({"step": self.step, "training_loss": loss, **score})
        print(line, flush=True)
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
