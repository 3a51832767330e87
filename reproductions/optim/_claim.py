"""The claim about training, written from the record of a full run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

HEAD = {
    "title": "A character transformer and a small convnet under six optimizers",
    "source": (
        "No published table uses this protocol: the expected scores are those of the first full run, and the claim is "
        "that it repeats, within three deviations over seeds and at least 0.02. That Lion wants a learning rate 3 to "
        "10 times below AdamW's is the advice of the README of lucidrains/lion-pytorch."
    ),
    "command": ["python", "-m", "reproductions.optim.training", "--out", "{out}"],
    "result": "result.json",
}


def training_claim(record: dict[str, Any]) -> str:
    """The claim file; optimizers whose runs are not complete are left out."""
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in HEAD.items()]
    machine = record["machine"]
    lines.append(f'hardware = "{machine["processor"]}, Python {machine["python"]}"')
    for figure in figures(record):
        lines += ["", "[[figures]]"]
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in figure.items()]
    return "\n".join(lines) + "\n"


def figures(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Test losses, and the ratio of tuned learning rates."""
    for task, entry in record["tasks"].items():
        for name, contender in entry["contenders"].items():
            if not contender["complete"] or contender["test_loss"]["mean"] is None:
                continue
            loss = contender["test_loss"]
            yield {
                "name": f"{task}, {contender['title']}: test loss",
                "pointer": f"/tasks/{task}/contenders/{name}/test_loss/mean",
                "expected": round(loss["mean"], 3),
                "tolerance": round(max(0.02, 3 * loss["deviation"]), 3),
                "ours": float(f"{loss['mean']:.4g}"),
            }
    for task, ratio in record["claims"]["lr_adamw_over_lion"].items():
        if ratio is None:
            continue
        figure = {
            "name": f"{task}: AdamW's tuned learning rate over Lion's",
            "pointer": f"/claims/lr_adamw_over_lion/{task}",
            "expected": 6.5,
            "tolerance": 3.5,
            "ours": float(f"{ratio:.4g}"),
        }
        if abs(ratio - 6.5) > 3.5:
            figure["miss"] = "the tuned rates of this protocol, on grids whose points are a factor of three apart"
        yield figure
