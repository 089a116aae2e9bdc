"""Hazards of classes: a user's own, their copies in workers, old cells, and everything that looks at a class."""

from __future__ import annotations

import gc
import inspect
import textwrap
import weakref
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import pytest
import sklearn
import xgboost
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import has_fit_parameter

import steno
from conftest import RunPython
from tests.hazards.records import runs

X, y = load_iris(return_X_y=True)

IN_MAIN = """
import json, sys
import joblib
import steno
steno.autolog(log_models=False)
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.naive_bayes import GaussianNB
import numpy as np

class Most(ClassifierMixin, BaseEstimator):
    def __init__(self, shift=0):
        self.shift = shift
    def fit(self, X, y):
        self.classes_, counts = np.unique(y, return_counts=True)
        self.most_ = self.classes_[counts.argmax()]
        return self
    def predict(self, X):
        return np.full(len(X), self.most_)

X, y = [[0.0], [1.0], [2.0]], [0, 1, 1]
def sent_to_a_worker(shift):
    # the instance comes back, and cloudpickle then sets every attribute of its class anew
    (fitted,) = joblib.Parallel(n_jobs=2, backend="loky")([joblib.delayed(Most(shift).fit)(X, y)])
    assert type(fitted) is Most and fitted.most_ == 1, fitted

Most(1).fit(X, y)
sent_to_a_worker(2)
if sys.argv[1] == "another training first":
    GaussianNB().fit(X, y)
Most(3).fit(X, y)
sent_to_a_worker(4)
if sys.argv[1] == "another training first":
    GaussianNB().fit(X, y)
Most(5).fit(X, y)
shifts = sorted(run.data.params["shift"].value for run in steno.search_runs(output_format="list")
                if "shift" in run.data.params)
steno.disable()
print(json.dumps([shifts, type(vars(Most)["fit"]).__name__, type(vars(Most)["predict"]).__name__]))
"""


@pytest.mark.parametrize("then", ["another training first", "at once"])
def test_hazard_24_a_class_that_came_back_from_a_worker_is_recorded(
    installer: str, run_python: RunPython, then: str
) -> None:
    """An estimator of the script, fitted in a loky worker and sent back, goes on being recorded; off is off for it."""
    done = run_python(IN_MAIN, then)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == '[[1, 3, 5], "function", "function"]'


def test_hazard_25_the_class_of_a_cell_that_is_run_again_is_freed(installer: str) -> None:
    """A class that was trained, scored, and then defined anew is garbage as soon as the user lets go of it."""
    steno.autolog(log_models=False)
    cell = textwrap.dedent("""
        from sklearn.base import BaseEstimator, ClassifierMixin
        import numpy as np
        class Most(ClassifierMixin, BaseEstimator):
            def fit(self, X, y):
                self.classes_ = np.unique(y)
                return self
            def predict(self, X):
                return np.full(len(X), self.classes_[0])
        model = Most().fit(X, y)
        score = model.score(X, y)
        GridSearchCV(Most(), {}, cv=2).fit(X, y)
    """)
    space: dict[str, Any] = {"__name__": "__main__", "X": X, "y": y, "GridSearchCV": GridSearchCV}
    old = []
    for _ in range(3):
        exec(cell, space)
        old.append(weakref.ref(space["Most"]))
    GaussianNB().fit(X, y)
    gc.collect()
    assert [reference() is None for reference in old] == [True, True, False]
    assert len(runs()) == 7


def test_hazard_26_a_class_whose_base_keeps_its_subclasses_to_itself(installer: str) -> None:
    """Subclasses of a base whose `__init_subclass__` calls no super are recorded from the next training on."""
    steno.autolog(log_models=False)

    class Secretive(DecisionTreeClassifier):  # type: ignore[misc]  # scikit-learn ships no types
        def __init_subclass__(cls, **kwargs: Any) -> None:
            pass

    class Hidden(Secretive):
        def fit(self, X: Any, y: Any) -> Any:
            self.hidden_ = True
            return super().fit(X, y)

    GaussianNB().fit(X, y)  # any training: what was defined without notice is taken in after it
    Hidden(max_depth=2).fit(X, y)
    assert [run.data.tags["estimator_name"] for run in runs()] == ["GaussianNB", "Hidden"]
    steno.disable()
    Hidden(max_depth=2).fit(X, y)
    assert len(runs()) == 2
    assert "steno" not in repr(vars(Hidden)) + repr(vars(Secretive))


def _looks() -> list[Any]:
    """What scikit-learn and a notebook see of an estimator."""
    forest, booster = RandomForestClassifier(3, random_state=0), xgboost.XGBClassifier(n_estimators=3)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    seen: list[Any] = []
    for model in (forest, booster, pipeline):
        seen += [
            repr(model),
            sorted(model.get_params()),
            dir(model),
            dir(type(model)),
            str(inspect.signature(model.fit)),
        ]
        seen += [
            has_fit_parameter(model, "sample_weight"),
            hasattr(model, "predict_proba"),
            hasattr(model, "transform"),
        ]
        page = model._repr_html_()
        seen.append("".join(part for part in page if not part.isdigit()))  # its ids are counted up
        seen.append([inspect.getdoc(getattr(model, name)) for name in ("fit", "predict", "score")])
    with sklearn.config_context(enable_metadata_routing=True):
        routed = LogisticRegression(max_iter=2000).set_fit_request(sample_weight=True)
        seen.append(repr(routed.get_metadata_routing()))
        weights = np.linspace(0.5, 1.0, len(y))
        routed.set_score_request(sample_weight=True)
        scores = cross_validate(make_pipeline(routed), X, y, params={"sample_weight": weights}, cv=2)
        seen.append(scores["test_score"].tolist())
    return seen


def test_hazard_28_scikit_learns_looks_at_a_model_are_unchanged(installer: str) -> None:
    """Fit requests, fit parameters, metadata routing, the HTML page, `repr`, `dir` and documentation stay the same."""
    plain = _looks()
    steno.autolog(log_models=False)
    recorded = _looks()
    steno.disable()
    assert recorded == plain
    assert _looks() == plain


def _targets() -> Iterator[tuple[Any, str, Any]]:
    yield LogisticRegression, "fit", lambda: LogisticRegression(max_iter=500).fit(X, y)
    yield xgboost, "train", lambda: xgboost.train({"nthread": 1}, xgboost.DMatrix(X, y), 2)


@pytest.mark.parametrize("number", [0, 1], ids=["method", "function"])
def test_hazard_29_a_mock_over_a_patched_target_comes_and_goes(installer: str, number: int) -> None:
    """`mock.patch(autospec=True)` checks the same signature, hides us while it stands, and gives us back after it."""
    owner, name, train = list(_targets())[number]
    steno.autolog(log_models=False)
    before = vars(owner)[name]
    with mock.patch.object(owner, name, autospec=True, return_value="mocked") as mocked:
        assert train() == "mocked"
        assert mocked.call_count == 1
        with pytest.raises(TypeError):
            getattr(owner, name)(no_such_argument=1)
    assert vars(owner)[name] is before
    assert runs() == []
    train()
    assert len(runs()) == 1
    steno.disable()
    train()
    assert len(runs()) == 1


class _Kept(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    def fit(self, X: Any, y: Any) -> Any:
        self.classes_ = np.unique(y)
        return self


def test_hazard_29_a_mock_that_outlives_us_is_left_in_place(installer: str) -> None:
    """Switched off while a mock stands on top, we are gone or pass through; the mock and its end are the user's."""
    steno.autolog(log_models=False)
    with mock.patch.object(_Kept, "fit", autospec=True, return_value="mocked"):
        steno.disable()
        assert _Kept().fit(X, y) == "mocked"
    assert type(_Kept().fit(X, y)) is _Kept
    assert runs() == []
    steno.autolog(log_models=False)
    _Kept().fit(X, y)
    assert len(runs()) == 1
