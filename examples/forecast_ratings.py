"""Forecast the signs of ratings from a CSV file, look at the report's figures, and score new pairs."""

import csv
import tempfile
from pathlib import Path

from signwise.data import simulate_signed_events
from signwise.forecast import alarms, fit, predict

with tempfile.TemporaryDirectory() as folder:
    # A planted stream stands in for your own file: rater, ratee, signed rating, time.
    stream = simulate_signed_events(4000, 300, scenario="marketplace", seed=0).stream
    ratings = Path(folder) / "ratings.csv"
    with ratings.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("source", "target", "rating", "time"))
        for u, v, rating, seconds in zip(
            stream.source.tolist(),
            stream.target.tolist(),
            stream.rating.tolist(),
            stream.seconds.tolist(),
            strict=True,
        ):
            writer.writerow((stream.nodes[u], stream.nodes[v], rating, seconds))

    run = fit(ratings, out=Path(folder) / "run")
    print(run)
    for name, report in run.reports.items():
        print(f"{name:16} AUC {report.test.auc:.3f}  AP of negatives {report.test.ap_negative:.3f}")
    flags = alarms(run, run.selected)
    print(f"flagging {flags.flagged} of {flags.events} ratings catches {flags.hits} of {flags.negatives} negatives")

    pairs = {"source": ["3", "3", "a newcomer"], "target": ["7", "12", "7"]}
    scored = predict(Path(folder) / "run", pairs)
    for source, target, score in zip(scored.source, scored.target, scored.score.tolist(), strict=True):
        print(f"P({source} rates {target} positively) = {score:.2f}")
