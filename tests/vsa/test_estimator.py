"""The encoder as a scikit-learn transformer.

Checks of ``parametrize_with_checks`` that fit or transform a numeric matrix cannot apply: a document is a dict, a
list or JSON text, and a row of numbers is refused by design. The tags say so (``two_d_array=False``,
``no_validation``), and scikit-learn then leaves these checks out: dtypes, NaN, sparse input, sample order, subsets,
number of features, pickling after a fit on a matrix, feature names in. The checks of parameters, tags and cloning
are called one by one, and pickling, repetition, order, subsets and set_output are tested on documents here.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import SkipTestWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks as checks
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

from signwise.vsa import JSONEncoder

from .documents import DOCUMENTS

APPLICABLE = (
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_valid_tag_types",
)


with warnings.catch_warnings():
    # scikit-learn says that most of its checks need a matrix.
    warnings.simplefilter("ignore", SkipTestWarning)
    every_check = parametrize_with_checks([JSONEncoder()])


@every_check
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", APPLICABLE)
def test_checks_that_need_no_matrix(name):
    getattr(checks, name)("JSONEncoder", JSONEncoder())


def test_it_works_unfitted_and_clones():
    encoder = JSONEncoder(d=512, arrays=("pos",), weights={"a": 2.0})
    check_is_fitted(encoder)
    twin = clone(encoder.fit(DOCUMENTS))
    assert twin.get_params() == encoder.get_params()
    assert not hasattr(twin, "state_")
    assert twin.set_params(d=1024).transform(DOCUMENTS).shape == (len(DOCUMENTS), 1024)


def test_rows_do_not_depend_on_their_neighbours():
    encoder = JSONEncoder(d=512).fit(DOCUMENTS)
    rows = encoder.transform(DOCUMENTS)
    assert np.array_equal(np.concatenate([encoder.transform([d]) for d in DOCUMENTS]), rows)
    assert np.array_equal(encoder.transform(DOCUMENTS[::-1])[::-1], rows)
    assert np.array_equal(JSONEncoder(d=512).fit_transform(DOCUMENTS), rows)


def test_feature_names_and_data_frames():
    encoder = JSONEncoder(d=512)
    names = encoder.get_feature_names_out()
    assert names[0] == "jsonencoder0"
    assert len(names) == len(set(names)) == 512
    assert len(JSONEncoder(d=512, output="bits").get_feature_names_out()) == 64
    pytest.importorskip("pandas")
    frame = encoder.set_output(transform="pandas").transform(DOCUMENTS)
    assert list(frame.columns) == list(names)
    assert np.array_equal(frame.to_numpy(), JSONEncoder(d=512).transform(DOCUMENTS))


def test_in_a_pipeline():
    documents = [{"kind": "fruit", "name": n, "n": i} for i, n in enumerate(["apple", "pear", "plum"] * 5)]
    documents += [{"kind": "tool", "name": n, "n": i} for i, n in enumerate(["saw", "axe", "file"] * 5)]
    labels = [0] * 15 + [1] * 15
    pipeline = make_pipeline(JSONEncoder(d=512), LogisticRegression()).fit(documents, labels)
    assert pipeline.score(documents, labels) == 1


def test_a_matrix_is_refused():
    with pytest.raises(TypeError, match="expected a dict, a list, or JSON text"):
        JSONEncoder(d=512).transform(np.zeros((3, 4)))
