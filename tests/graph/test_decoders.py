import numpy as np
import pytest
import torch

from signwise.graph import FEATURE_NAMES, RECENT_NAMES, Neighbors, level_quantiles, recent_features
from signwise.graph._decoders import HybridDecoder, Standardize, nearest_level, weight_levels
from signwise.graph._dropout import Dropout


def test_features_are_standardised_and_clipped():
    rows = np.random.default_rng(0).normal(3, 2, (50, 4))
    standardize = Standardize(4).double()
    standardize.fit(rows)
    out = standardize(torch.tensor(rows)).numpy()
    np.testing.assert_allclose(out, ((rows - rows.mean(0)) / (rows.std(0) + 1e-6)).clip(-5, 5), atol=1e-6)
    assert standardize(torch.full((1, 4), 1e9)).tolist() == [[5.0] * 4]


@pytest.mark.parametrize("recent", [False, True])
def test_the_residual_starts_as_nothing(recent):
    torch.manual_seed(0)
    decoder = HybridDecoder(6, 1, recent=recent).eval()
    width = len(FEATURE_NAMES) + (len(RECENT_NAMES) if recent else 0)
    f, z = torch.randn(5, width), torch.randn(5, 2, 6)
    assert torch.equal(decoder(z, f), decoder(torch.zeros_like(z), f))
    assert torch.equal(decoder.terms(z, f)["memory"], torch.zeros(5, 1))


@pytest.mark.parametrize("kind", ["memory", "features"])
def test_parts_that_a_decoder_lacks(kind):
    torch.manual_seed(0)
    decoder = HybridDecoder(6, 2, kind=kind).eval()
    f, z = torch.randn(5, len(FEATURE_NAMES)), torch.randn(5, 2, 6)
    out = decoder(z, f)
    assert torch.equal(out, decoder(z, f + 1)) == (kind == "memory")
    assert torch.equal(out, decoder(z + 1, f)) == (kind == "features")
    torch.testing.assert_close(sum(decoder.terms(z, f).values()), out)


def test_levels_of_weights():
    assert weight_levels(np.array([1.0, -10.0]), 10.0).tolist() == [*range(-10, 0), *range(1, 11)]
    assert weight_levels(np.array([0.5, -2.0, 0.5]), 10.0).tolist() == [-2.0, 0.5]
    many = weight_levels(np.random.default_rng(0).normal(size=1000), None)
    assert len(many) == 20
    assert (np.diff(many) > 0).all()
    levels = torch.tensor([-2.0, -1.0, 1.0, 2.0])
    assert nearest_level(levels, torch.tensor([-1.9, 0.4, 5.0])).tolist() == [0, 2, 3]


def test_quantiles_cover():
    levels = np.arange(5.0)
    p = np.array([[0.1, 0.2, 0.4, 0.2, 0.1], [1.0, 0, 0, 0, 0]])
    assert level_quantiles(p, levels, [0.05, 0.5, 0.95]).tolist() == [[0, 2, 4], [0, 0, 0]]


def test_recent_features_are_sums_over_the_newest_events():
    minute = 60
    near = Neighbors(
        peer=np.zeros((1, 2, 3), np.int64),
        time=np.array([[[990 * minute, 640 * minute, 0], [0, 0, 0]]]),
        x=np.array([[[-0.5, 1.0, 0.2], [0, 0, 0]]], np.float32),
        role=np.array([[[1, 1, -1], [0, 0, 0]]], np.int8),
        mask=np.array([[[True, True, True], [False] * 3]]),
        event=np.zeros((1, 2, 3), np.int64),
    )
    row = dict(zip(RECENT_NAMES, recent_features(near, np.array([1000 * minute]), 1.0)[0].tolist(), strict=True))
    expected = {
        "recent_given_rater_newest": -0.5,
        "recent_given_rater_log_age": np.log1p(10),
        "recent_given_rater_any": 1,
        "recent_given_rater_mean": 0.5 / 3,
        "recent_given_rater_log_n": np.log1p(2),
        "recent_given_rater_neg_10_minutes": np.log1p(np.exp(-1)),
        "recent_given_rater_pos_6_hours": np.log1p(np.exp(-1)),
        "recent_got_rater_newest": 0.2,
        "recent_got_rater_log_n": np.log1p(1),
        "recent_got_rater_pos_week": np.log1p(np.exp(-1000 / 10080)),
    }
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, rel=1e-5, abs=1e-6), name
    assert all(value == 0 for name, value in row.items() if "_ratee_" in name)


def test_dropout_keeps_the_mean_and_stops_in_evaluation():
    drop = Dropout(0.25).train()
    out = drop(torch.ones(20_000))
    assert set(out.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert out.mean().item() == pytest.approx(1, abs=0.02)
    assert torch.equal(drop.eval()(out), out)
    with pytest.raises(ValueError, match="share"):
        Dropout(1.0)
