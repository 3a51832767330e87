"""What is planted in the nodes of a simulated stream."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from ._pairs import Floats


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How strongly each ingredient acts in a scenario."""

    positive_share: float
    bias: float = 0.0
    quality: float = 0.0
    status: float = 0.0
    camp: float = 0.0
    reply: float = 0.0
    flips: float = 0.0
    activity: float = 0.7
    twins: bool = False
    market: bool = False


RECIPES: dict[str, Recipe] = {
    "bias": Recipe(positive_share=0.8, bias=2.0),
    "quality": Recipe(positive_share=0.8, quality=2.0),
    "status": Recipe(positive_share=0.6, status=2.0),
    "factions": Recipe(positive_share=0.5, activity=0.3, twins=True),
    "camps": Recipe(positive_share=0.5, flips=0.5, activity=0.3, twins=True),
    "marketplace": Recipe(
        positive_share=0.9,
        bias=0.8,
        quality=1.6,
        status=0.5,
        camp=1.0,
        reply=1.5,
        flips=0.1,
        activity=1.2,
        market=True,
    ),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Latents:
    """What was planted in each node; arrays of shape ``(n_nodes,)`` in the order of the stream's node ids.

    Args:
        bias: float64; b, how kindly the node rates.
        quality_start: float64; q at the first event.
        quality_end: float64; q at the last event.
        rung: float64; r, the place on the status ladder.
        camp: int8; f at the first event, +1 or -1.
        flip: float64; the share of the events after which f changes its sign, infinite for never.
        activity: float64; the node's weight in the choice of partners.
    """

    bias: Floats
    quality_start: Floats
    quality_end: Floats
    rung: Floats
    camp: npt.NDArray[np.int8]
    flip: Floats
    activity: Floats


def plant(rng: np.random.Generator, n_nodes: int, recipe: Recipe) -> Latents:
    """Draw what is planted in each node; ingredients that the recipe does not have are zero."""
    normal = ndtri(np.clip(rng.random((4, n_nodes)), 1e-12, 1 - 1e-12))
    rung, coin, flips, when = rng.random((4, n_nodes))
    camp = np.where(coin < 0.5, 1, -1)
    flip = np.where(flips < recipe.flips, 0.2 + 0.6 * when, np.inf)
    activity = np.exp(recipe.activity * normal[3])
    if recipe.twins:
        camp[1::2] = -camp[::2]
        flip[1::2] = flip[::2]
        activity[1::2] = activity[::2]
    absent = np.zeros(n_nodes)
    return Latents(
        bias=normal[0] if recipe.bias else absent,
        quality_start=normal[1] if recipe.quality else absent,
        quality_end=normal[2] if recipe.quality else absent,
        rung=2 * rung - 1 if recipe.status else absent,
        camp=camp.astype(np.int8),
        flip=flip,
        activity=activity,
    )
