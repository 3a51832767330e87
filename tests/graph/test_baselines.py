import numpy as np
import pytest
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier

from signwise.graph import FEATURE_NAMES, SIGN_MODELS, Boosting, Logistic, Platt, TreeEnsemble


@pytest.fixture(scope="module")
def planted():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, 34)).astype(np.float32)
    sign = np.where(x[:, 9] + 0.5 * x[:, 12] + x[:, 22] * x[:, 3] + rng.normal(size=1500) > -1, 1, -1)
    return x, sign


@pytest.mark.parametrize("name", SIGN_MODELS)
def test_a_model_survives_its_tensors(name, planted):
    x, sign = planted
    model = SIGN_MODELS[name]().fit(x, sign)
    again = SIGN_MODELS[name].from_tensors({key: value.copy() for key, value in model.tensors().items()})
    np.testing.assert_array_equal(again.margin(x), model.margin(x))
    assert model.margin(x).dtype == np.float64


@pytest.mark.parametrize("name", ["logistic", "boosting"])
def test_learning_needs_both_signs(name, planted):
    x, _ = planted
    with pytest.raises(ValueError, match="all 1500 training events are positive"):
        SIGN_MODELS[name]().fit(x, np.ones(1500, int))


@pytest.mark.parametrize("model", [Logistic(), Boosting()])
def test_an_unfitted_model_says_so(model, planted):
    for call in (lambda: model.margin(planted[0]), model.tensors):
        with pytest.raises(ValueError, match="call fit first"):
            call()


def test_columns_restrict_what_a_model_sees(planted):
    x, sign = planted
    blind = x.copy()
    blind[:, 9] = 0
    for kind in (Logistic, Boosting):
        columns = tuple(i for i in range(34) if i != 9)
        model = kind(columns=columns).fit(x, sign)
        np.testing.assert_array_equal(model.margin(x), model.margin(blind))


def test_copied_trees_equal_scikit_learn(planted):
    x, sign = planted
    model = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=15, early_stopping=False).fit(x, sign > 0)
    trees = TreeEnsemble.from_sklearn(model)
    np.testing.assert_allclose(trees.decision_function(x), model.decision_function(x), rtol=0, atol=1e-12)
    edge = np.repeat(x[:50], 34, axis=0)
    edge[np.arange(len(edge)), np.tile(np.arange(34), 50)] = np.resize(trees.threshold, len(edge))
    np.testing.assert_allclose(trees.decision_function(edge), model.decision_function(edge), rtol=0, atol=1e-12)


def test_trees_of_another_shape_are_refused(planted):
    x, _ = planted
    many = HistGradientBoostingClassifier(max_iter=2).fit(x, np.arange(1500) % 3)
    with pytest.raises(ValueError, match="one tree an iteration"):
        TreeEnsemble.from_sklearn(many)
    good = Boosting().fit(x, np.where(x[:, 0] > 0, 1, -1)).tensors()
    bad = {**good, "trees.left": np.zeros_like(good["trees.left"])}
    with pytest.raises(ValueError, match="child outside its table"):
        Boosting.from_tensors(bad)


def test_the_simple_rules_read_their_features(planted):
    x, sign = planted
    mean, bias = FEATURE_NAMES.index("mean_got_ratee"), FEATURE_NAMES.index("bias_rater")
    np.testing.assert_array_equal(SIGN_MODELS["ratee_mean"]().fit(x, sign).margin(x), x[:, mean])
    np.testing.assert_allclose(SIGN_MODELS["bias_mean"]().fit(x, sign).margin(x), x[:, mean] + x[:, bias], rtol=1e-6)
    assert not SIGN_MODELS["always_positive"]().fit(x, sign).margin(x).any()


def test_platt_finds_the_planted_logit():
    rng = np.random.default_rng(1)
    margin = rng.normal(2.0, 3.0, 200_000)
    sign = np.where(rng.uniform(size=len(margin)) < expit(0.7 * margin - 0.4), 1, -1)
    fitted = Platt.fit(margin, sign)
    assert fitted.slope == pytest.approx(0.7, abs=0.02)
    assert fitted.intercept == pytest.approx(-0.4, abs=0.03)


def test_platt_keeps_the_order_whatever_comes():
    margin = np.array([0.0, 1.0, 2.0, 3.0])
    backwards = Platt.fit(margin, np.array([1, 1, -1, -1]))
    assert backwards.slope > 0
    for sign in (np.array([1, 1, 1, 1]), np.array([-1, 1, -1, 1])):
        assert (np.diff(Platt.fit(margin, sign)(margin)) > 0).all()
    constant = Platt.fit(np.zeros(4), np.array([1, 1, 1, -1]))
    # Platt's smoothed targets: (3 * 4/5 + 1 * 1/3) / 4
    assert constant(np.zeros(1))[0] == pytest.approx((3 * 4 / 5 + 1 / 3) / 4, abs=1e-6)
