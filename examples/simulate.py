"""How far can simple averages go? Planted streams, scored by running means and by an oracle that knows the latents."""

from collections import defaultdict

import numpy as np

from signwise.data import simulate_signed_events
from signwise.events import chronological_split


def running_mean(keys, ratings):
    """The mean of the earlier ratings with the same key; 0 before the first."""
    sums, counts = defaultdict(float), defaultdict(int)
    means = []
    for key, rating in zip(keys, ratings, strict=True):
        means.append(sums[key] / max(counts[key], 1))
        sums[key] += rating
        counts[key] += 1
    return np.array(means)


def auc(positive, score):
    """Chance that a positive event scores above a negative one, ties counting half."""
    others = np.sort(score[~positive])
    below, upto = (np.searchsorted(others, score[positive], side=side) for side in ("left", "right"))
    return float((below + upto).mean() / (2 * len(others)))


print("scenario     rater  ratee  oracle")
for scenario in ("bias", "quality", "status", "factions", "camps", "marketplace"):
    planted = simulate_signed_events(20_000, 2_000, scenario=scenario, seed=0)
    stream = planted.stream
    test = chronological_split(stream).test
    positive = stream.sign[test] > 0
    rater = running_mean(stream.source, stream.rating)[test]
    ratee = running_mean(stream.target, stream.rating)[test]
    figures = (auc(positive, rater), auc(positive, ratee), planted.oracle_auc_test)
    print(f"{scenario:<12} " + "  ".join(f"{figure:5.3f}" for figure in figures))
