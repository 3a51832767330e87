"""Read what ratings say besides their sign: JSON payloads as message vectors, from a file to a live score."""

import json
import tempfile
from pathlib import Path

import numpy as np

from signwise.forecast import Columns, ForecastConfig, fit, read_events

# A member's note tells how it will rate next; the signs alone tell nothing.
rng = np.random.default_rng(0)
cheerful = rng.integers(0, 2, 30)
rows = []
for i in range(4_000):
    u, v = rng.choice(30, 2, replace=False).tolist()
    rating = 1 if cheerful[u] else -1
    cheerful[u] = rng.integers(0, 2)
    note = {"mood": "cheerful" if cheerful[u] else "grumpy", "via": ["web", "phone"][i % 2]}
    rows.append({"source": f"u{u}", "target": f"u{v}", "rating": rating, "time": 1_000 + 60 * i, "details": note})

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "events.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for payload in (None, "details"):
        config = ForecastConfig(model="semba", payload=payload, payload_dim=8, optimizer="adamw", ablation=False)
        run = fit(path, config=config, out=Path(folder) / "run")
        shown = "  ".join(f"{name} {run.reports[name].test.auc:.2f}" for name in ("boosting", "semba"))
        print(f"payload={payload!r:10} AUC on the test part: {shown}")

# The model follows new events, whose payloads it encodes, and scores what comes after them.
now = 1_000 + 60 * len(rows)
for mood in ("cheerful", "grumpy"):
    live = run.model.live()
    said = {"source": ["u3"], "target": ["u5"], "rating": [1], "time": [now]}
    said["details"] = [{"mood": mood, "via": "web"}]
    log = read_events(said, columns=Columns(payload="details"))
    live.ingest(run.model.encode(log))
    ticks = int(log.stream.time[-1])
    live.advance(ticks)
    print(f"after a {mood} note, P(u3 rates u7 positively) = {live.score('u3', 'u7', ticks + 1).probability:.2f}")
