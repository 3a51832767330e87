"""A model follows a stream of ratings, scores pairs, explains itself, and goes on after a stop."""

import tempfile

from signwise.data import simulate_signed_events
from signwise.events import chronological_split
from signwise.graph import Costs, LiveModel, SEMBAPlus, TrainingOptions

stream = simulate_signed_events(3_000, 200, scenario="factions", seed=1).stream
split = chronological_split(stream)
model = SEMBAPlus("sign", training=TrainingOptions(epochs=2), seed=0).fit(stream, split)

# A missed negative costs three times a false alarm; what would cost more than .5 goes to a person.
live = LiveModel(model, costs=Costs(miss=3.0, alarm=1.0, abstain=0.5))
live.ingest(stream.select(slice(0, 2_900)))

said = {"positive": [0, 0], "negative": [0, 0], "abstain": [0, 0]}
for i in range(2_900, 3_000):
    rater, ratee = stream.nodes[stream.source[i]], stream.nodes[stream.target[i]]
    score = live.score(rater, ratee, int(stream.time[i]))
    said[score.decision][int(stream.sign[i] > 0)] += 1
    live.ingest(stream.select(slice(i, i + 1)))
for decision, (negative, positive) in said.items():
    print(f"said {decision}: {positive} were positive, {negative} negative")

with tempfile.TemporaryDirectory() as folder:
    live.snapshot(f"{folder}/live")
    live = LiveModel.restore(f"{folder}/live")
live.advance(int(stream.time[-1]))
print(f"restored after event {live.last_seq}, {live.open_events} open")

told = live.explain(rater, ratee, int(stream.time[-1]) + 1)
print(f"log odds {told.logit:.2f} = " + " + ".join(f"{value:.2f} {name}" for name, value in told.terms.items()))
for triad in told.triads[:3]:
    print(f"  {triad.shape} over {triad.peer}: balance says {triad.balance}, {triad.contribution:+.3f}")
