"""Params of estimators as people read them."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from steno_integrations.sklearn.parameters import params_of, readable


def test_params_keep_their_type_and_are_named_by_their_path() -> None:
    """A pipeline's params hold each step's under its path, and the steps as what was changed in them."""
    pipeline = Pipeline([("scale", StandardScaler(with_mean=False)), ("model", SVC(C=10, kernel="linear"))])
    params = params_of(pipeline)
    assert params["model__C"] == 10
    assert params["model__kernel"] == "linear"
    assert params["scale__with_mean"] is False
    assert params["memory"] is None
    assert params["model"] == "SVC(C=10, kernel='linear')"
    assert params["steps"] == "[('scale', StandardScaler(with_mean=False)), ('model', SVC(C=10, kernel='linear'))]"


def test_a_search_shows_its_estimator_and_its_grid() -> None:
    """A search's params hold the estimator's under `estimator__` and the grid as it was written."""
    params = params_of(GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, scoring="f1"))
    assert params["estimator"] == "LogisticRegression()"
    assert params["estimator__C"] == 1.0
    assert params["param_grid"] == "{'C': [0.1, 1.0]}"
    assert params["scoring"] == "f1"


class _Odd:
    pass


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.float64(0.5), 0.5),
        (np.array([1, 2]), [1, 2]),
        (np.zeros((300, 2)), "ndarray(shape=(300, 2), dtype=float64)"),
        (pd.DataFrame({"a": [1]}), "DataFrame(shape=(1, 1))"),
        ([1, "a", None], [1, "a", None]),
        ([np.arange(2000), np.arange(3)], "[ndarray(shape=(2000,), dtype=int64), [0, 1, 2]]"),
        (list(range(5000)), "list of 5000"),
        (np.log1p, "numpy.log1p"),
        (len, "len"),
        (functools.partial(int, base=2), "partial(int, base=2)"),
        (scipy.stats.uniform(0, 5), "uniform(0, 5)"),
        (np.random.RandomState(0), "RandomState(MT19937)"),
        (_Odd(), f"{__name__}._Odd()"),
        (SVC, "sklearn.svm._classes.SVC"),
        ({"kernel": SVC(C=2)}, "{'kernel': SVC(C=2)}"),
        ((SVC(),), "(SVC(),)"),
    ],
    ids=str,
)
def test_values_are_readable_and_hold_no_data_and_no_address(value: Any, text: Any) -> None:
    """Whatever a param is, it is recorded as a number, a short container or a text that a person can read."""
    assert readable(value) == text


def test_functions_are_named_by_where_they_live() -> None:
    """A function of the user's is recorded as module and name."""
    params = params_of(FunctionTransformer(test_functions_are_named_by_where_they_live))
    assert params["func"] == f"{__name__}.test_functions_are_named_by_where_they_live"


def test_a_recorded_container_is_a_copy() -> None:
    """What the user does to a list after the training began does not change what was recorded."""
    mine = [1, 2]
    recorded = readable(mine)
    mine.append(3)
    assert recorded == [1, 2]
