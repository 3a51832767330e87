import subprocess
import sys
from typing import get_args

import numpy as np
import pytest
import scipy.sparse
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from signwise.data import simulate_signed_events
from signwise.data._simulate import Scenario
from signwise.events import chronological_split

SCENARIOS = get_args(Scenario)
each_scenario = pytest.mark.parametrize("scenario", SCENARIOS)


def running_mean(keys, x):
    """Mean of x over the earlier events with the same key; 0 before the first."""
    total, count = {}, {}
    out = np.zeros(len(keys))
    for i, key in enumerate(keys.tolist()):
        if key in count:
            out[i] = total[key] / count[key]
        total[key] = total.get(key, 0.0) + x[i]
        count[key] = count.get(key, 0) + 1
    return out


def triads(stream, past, asked):
    """Sum of sign products over paths of two past events between the ends, whatever their direction."""
    shape = (stream.num_nodes, stream.num_nodes)
    a = scipy.sparse.csr_array(
        (stream.sign[past].astype(float), (stream.source[past], stream.target[past])), shape=shape
    )
    a = a + a.T
    paths = (a @ a).toarray()
    return paths[stream.source[asked], stream.target[asked]]


@each_scenario
def test_the_oracle_is_scored_as_sklearn_does_and_is_calibrated(scenario):
    planted = simulate_signed_events(6_000, 400, scenario=scenario, seed=3)
    sign, score = planted.stream.sign, planted.oracle_score
    test = chronological_split(planted.stream).test
    assert planted.oracle_auc == pytest.approx(roc_auc_score(sign > 0, score), abs=1e-12)
    assert planted.oracle_auc_test == pytest.approx(roc_auc_score(sign[test] > 0, score[test]), abs=1e-12)
    assert planted.oracle_auc > 0.8
    assert abs(np.mean(sign > 0) - score.mean()) < 4 * np.sqrt(0.25 / len(sign))
    for low in (0.0, 0.5, 0.9):
        inside = (score >= low) & (score <= low + 0.3)
        if inside.sum() > 300:
            assert abs(np.mean(sign[inside] > 0) - score[inside].mean()) < 4 * np.sqrt(0.25 / inside.sum())


@each_scenario
def test_pairs_times_and_ids(scenario):
    stream = simulate_signed_events(3_000, 300, scenario=scenario, seed=1).stream
    assert len(stream) == 3_000
    assert stream.num_nodes == 300
    assert len(set(zip(stream.source.tolist(), stream.target.tolist(), strict=True))) == 3_000
    assert not np.any(stream.source == stream.target)
    assert len(stream.tie_starts) == 3_001
    ids = np.stack([stream.source, stream.target], 1).ravel()
    first = np.unique(ids, return_index=True)[1]
    assert np.all(np.diff(first) > 0), "ids follow the first appearance"


def test_equal_seeds_give_equal_streams_in_another_process():
    code = f"""if True:
        import hashlib, sys
        from signwise.data import simulate_signed_events
        for scenario in {SCENARIOS!r}:
            planted = simulate_signed_events(1500, 200, scenario=scenario, seed=int(sys.argv[1]))
            e = planted.stream
            columns = (e.source, e.target, e.time, e.sign, e.weight, planted.oracle_score)
            print(hashlib.sha256(b"".join(column.tobytes() for column in columns)).hexdigest())
    """
    runs = [
        subprocess.run([sys.executable, "-c", code, seed], capture_output=True, text=True, check=True).stdout.split()
        for seed in ("7", "7", "8")
    ]
    assert len(runs[0]) == len(SCENARIOS)
    assert runs[0] == runs[1]
    assert not set(runs[0]) & set(runs[2])


@each_scenario
def test_the_oracle_follows_from_the_latents(scenario):
    planted = simulate_signed_events(4_000, 400, scenario=scenario, seed=5)
    stream, latents, n = planted.stream, planted.latents, 4_000
    u, v, tau = stream.source, stream.target, (np.arange(n) + 0.5) / n
    camp_u, camp_v = (latents.camp[i] * np.where(tau >= latents.flip[i], -1, 1) for i in (u, v))
    if scenario in ("factions", "camps"):
        np.testing.assert_array_equal(planted.oracle_score, np.where(camp_u == camp_v, 0.9, 0.1))
        return
    quality = np.cos(np.pi * tau / 2) * latents.quality_start[v] + np.sin(np.pi * tau / 2) * latents.quality_end[v]
    strengths = {
        "bias": (2, 0, 0, 0),
        "quality": (0, 2, 0, 0),
        "status": (0, 0, 2, 0),
        "marketplace": (0.8, 1.6, 0.5, 1),
    }
    b, q, r, f = strengths[scenario]
    ell = b * latents.bias[u] + q * quality + r * (latents.rung[v] - latents.rung[u]) + f * camp_u * camp_v
    rest = np.log(planted.oracle_score / (1 - planted.oracle_score)) - ell
    # What is left is c, and in the marketplace c plus one of two reply terms that differ by 2 * 1.5.
    levels = np.unique(rest.round(6))
    if scenario == "marketplace":
        assert len(levels) == 3
        assert levels[2] - levels[0] == pytest.approx(3.0, abs=1e-5)
    else:
        assert len(levels) == 1


@pytest.mark.parametrize("scenario", ["factions", "camps"])
@pytest.mark.parametrize("positive_share", [0.5, 0.75])
def test_rates_tell_nothing_of_factions(scenario, positive_share):
    planted = simulate_signed_events(30_000, 2_000, scenario=scenario, positive_share=positive_share, seed=2)
    stream, positive = planted.stream, planted.stream.sign > 0
    assert abs(positive.mean() - positive_share) < 0.01
    counts = np.stack([np.bincount(ids, minlength=2_000) for ids in (stream.source, stream.target)])
    for feature in (
        running_mean(stream.target, stream.rating),
        running_mean(stream.source, stream.rating),
        running_mean(stream.target, stream.rating) + running_mean(stream.source, stream.rating),
        counts[0][stream.source],
        counts[1][stream.target],
    ):
        assert abs(roc_auc_score(positive, feature) - 0.5) < 0.015


def test_friends_of_friends_solve_factions():
    planted = simulate_signed_events(8_000, 200, scenario="factions", seed=2)
    split = chronological_split(planted.stream)
    auc = roc_auc_score(planted.stream.sign[split.test] > 0, triads(planted.stream, split.train, split.test))
    assert auc > 0.85
    assert planted.oracle_auc_test > 0.87


def test_old_friendships_mislead_after_camps_flip():
    n = 39_000
    planted = simulate_signed_events(n, 400, scenario="camps", seed=2)
    stream, split = planted.stream, chronological_split(planted.stream)
    positive, at = stream.sign[split.test] > 0, np.arange(n) / n
    old = roc_auc_score(positive, triads(stream, at < 0.2, split.test))
    late = roc_auc_score(positive, triads(stream, (at >= 0.7) & ~split.test, split.test))
    assert abs(old - 0.5) < 0.1
    assert late > 0.65


@pytest.mark.parametrize(("scenario", "side"), [("bias", "source"), ("quality", "target")])
def test_rates_tell_of_bias_and_quality(scenario, side):
    stream = simulate_signed_events(10_000, 300, scenario=scenario, seed=4).stream
    known, other = (getattr(stream, name) for name in (side, "target" if side == "source" else "source"))
    positive = stream.sign > 0
    assert roc_auc_score(positive, running_mean(known, stream.rating)) > 0.7
    assert abs(roc_auc_score(positive, running_mean(other, stream.rating)) - 0.5) < 0.03


def test_quality_drifts():
    planted = simulate_signed_events(22_000, 300, scenario="quality", seed=4)
    stream, latents = planted.stream, planted.latents
    assert abs(np.corrcoef(latents.quality_start, latents.quality_end)[0, 1]) < 0.2
    positive, half = stream.sign > 0, np.arange(22_000) >= 17_600
    assert roc_auc_score(positive[half], latents.quality_end[stream.target][half]) > 0.8
    assert roc_auc_score(positive[half], latents.quality_start[stream.target][half]) < 0.7


def test_status_is_transitive():
    planted = simulate_signed_events(10_000, 300, scenario="status", seed=4)
    rung, stream = planted.latents.rung, planted.stream
    up = rung[stream.target] > rung[stream.source]
    assert np.mean(stream.sign[up] > 0) > 0.75
    assert np.mean(stream.sign[~up] > 0) < 0.45


def test_the_marketplace_looks_like_a_trust_network():
    planted = simulate_signed_events(35_592, 5_881, seed=0)
    stream = planted.stream
    split = chronological_split(stream)
    assert 0.88 < np.mean(stream.sign > 0) < 0.92
    assert stream.weight_max == 10
    assert set(np.unique(stream.weight)) == set(range(1, 11))
    assert np.mean(stream.weight[stream.sign < 0] == 10) > 0.4
    assert np.mean(stream.weight[stream.sign > 0] == 10) < 0.05
    assert len(np.unique(np.concatenate([stream.source, stream.target]))) > 0.99 * 5_881
    assert 0.4 < 1 - np.mean(split.slices(stream)["both_known"][split.test]) < 0.75, "newcomers arrive to the end"
    pairs = set(zip(stream.source.tolist(), stream.target.tolist(), strict=True))
    assert np.mean([(v, u) in pairs for u, v in pairs]) > 0.4, "ratings are returned"
    degree = np.sort(np.bincount(stream.target))
    assert degree[-59:].sum() > 0.1 * len(stream), "a hundredth of the users gets over a tenth of the ratings"
    gaps = np.diff(stream.time)
    assert gaps.std() > 2 * gaps.mean(), "times come in bursts"


def test_ties():
    free = simulate_signed_events(5_000, 800, seed=1).stream
    tied = simulate_signed_events(5_000, 800, seed=1, tie_seconds=86_400).stream
    assert np.all(tied.time % 86_400_000_000 == 0)
    assert 300 < len(tied.tie_starts) - 1 <= 1_826
    np.testing.assert_array_equal(tied.source, free.source)
    assert np.all(free.time - tied.time < 86_400_000_000)


@example("marketplace", 12, 1.0, 0.5, 5)
@given(
    st.sampled_from(SCENARIOS),
    st.integers(2, 20).map(lambda half: 2 * half),
    st.floats(0.1, 1.0),
    st.floats(0.1, 0.9),
    st.integers(0, 2**32),
)
def test_small_and_dense_streams(scenario, n_nodes, density, positive_share, seed):
    n_events = max(n_nodes if scenario == "marketplace" else 3, int(density * n_nodes * (n_nodes - 1) / 4))
    if n_events > n_nodes * (n_nodes - 1) // 4 or n_events < 8:
        return
    planted = simulate_signed_events(n_events, n_nodes, scenario=scenario, positive_share=positive_share, seed=seed)
    pairs = set(zip(planted.stream.source.tolist(), planted.stream.target.tolist(), strict=True))
    assert len(pairs) == n_events
    assert np.all((planted.oracle_score > 0) & (planted.oracle_score < 1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scenario": "other"}, "expected one of bias, camps"),
        ({"n_nodes": 3}, "at least 1 event and 4 nodes"),
        ({"n_events": 0}, "at least 1 event and 4 nodes"),
        ({"n_nodes": 31, "scenario": "camps"}, "needs an even number"),
        ({"n_nodes": 20}, "above a quarter of the 380 pairs"),
        ({"n_nodes": 200}, "an event of its own"),
        ({"positive_share": 0.0}, "positive_share is 0.0; marketplace needs it between"),
        ({"positive_share": 0.95, "scenario": "factions"}, "factions needs it between 0.1 and 0.9"),
        ({"tie_seconds": -1.0}, "must not be negative"),
        ({"span_days": 0.0}, r"in \(0, 36500\)"),
        ({"tie_seconds": 1e9}, "part is empty"),
    ],
)
def test_wrong_arguments(arguments, message):
    given_arguments = {"n_events": 100, "n_nodes": 30} | arguments
    with pytest.raises(ValueError, match=message):
        simulate_signed_events(**given_arguments)


@pytest.mark.slow
def test_a_million_events():
    planted = simulate_signed_events(1_000_000, 100_000)
    assert len(planted.stream.tie_starts) == 1_000_001
    assert len(np.unique(planted.stream.source * 100_000 + planted.stream.target)) == 1_000_000
