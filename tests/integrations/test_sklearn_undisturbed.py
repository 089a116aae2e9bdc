"""The program stays the program: models, data, generators, output and warnings are what they are without steno."""

from __future__ import annotations

import copy
import pickle
import random
import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_breast_cancer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import steno
from steno.entities import Run
from steno.errors import StenoWarning

DATA, TARGET = load_breast_cancer(return_X_y=True)
DATA, TARGET = StandardScaler().fit_transform(DATA)[:150, :8], TARGET[:150]


def _last_run() -> Run:
    run = steno.last_active_run()
    assert run is not None
    return run


MODELS: dict[str, Any] = {
    "linear": LinearRegression(),
    "logistic": LogisticRegression(),
    "stochastic gradient": SGDClassifier(),
    "forest": RandomForestClassifier(8),
    "forest regressor": RandomForestRegressor(8),
    "boosting": GradientBoostingClassifier(n_estimators=8),
    "histogram boosting": HistGradientBoostingClassifier(max_iter=8, early_stopping=True),
    "isolation": IsolationForest(n_estimators=8),
    "neighbours": KNeighborsClassifier(algorithm="kd_tree"),
    "neighbours in a pipeline": make_pipeline(StandardScaler(), KNeighborsClassifier(algorithm="ball_tree")),
    "support vectors": SVC(),
    "network": MLPClassifier(hidden_layer_sizes=(4,), max_iter=10, tol=1.0),
    "gaussian process": GaussianProcessClassifier(),
    "mixture": GaussianMixture(2),
    "bag": BaggingClassifier(n_estimators=4),
    "stack": StackingClassifier([("a", GaussianNB()), ("b", SGDClassifier())], cv=2),
    "dummy": DummyClassifier(strategy="stratified"),
    "dummy with a generator": DummyClassifier(strategy="uniform", random_state=np.random.RandomState(3)),
    "random search": RandomizedSearchCV(SGDClassifier(), {"alpha": [1e-4, 1e-3, 1e-2]}, n_iter=2, cv=2),
    "grid over a pipeline": GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__C": [0.1, 1.0]}, cv=2
    ),
}


def _generators() -> Any:
    """The state of Python's and numpy's global random generators."""
    state: Any = np.random.get_state()
    return random.getstate(), state[1].tobytes(), state[2]


def _train(model: Any) -> tuple[bytes, Any, bytes]:
    np.random.seed(7)
    random.seed(7)
    model = copy.deepcopy(model)
    X, y = DATA.copy(), TARGET.copy()
    model.fit(X, y)
    for name in ("cv_results_", "refit_time_"):  # wall times differ from one fit to the next
        vars(model).pop(name, None)
    return pickle.dumps(model), _generators(), X.tobytes() + y.tobytes()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", sorted(MODELS))
def test_models_data_and_generators_are_the_same_to_the_bit(name: str) -> None:
    """With and without autolog: the same model bytes, the same data, the same state of every random generator."""
    plain = _train(MODELS[name])
    steno.autolog()
    recorded = _train(MODELS[name])
    assert recorded == plain
    assert len(steno.search_runs(output_format="list")) == 1


class _Restless(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """An estimator that counts its predictions and draws when it predicts."""

    def fit(self, X: Any, y: Any) -> _Restless:
        self.classes_ = np.unique(y)
        self.asked = 0
        return self

    def predict(self, X: Any) -> Any:
        self.asked += 1
        self.cache = np.random.random()
        random.random()
        return np.full(len(X), self.classes_[0])


def test_a_model_that_changes_when_it_predicts_is_put_back() -> None:
    """Scores on the training data leave no trace in an estimator of the user's that keeps state of its own."""
    np.random.seed(0)
    steno.autolog()
    before = _generators()
    model = _Restless().fit(DATA, TARGET)
    assert vars(model).keys() == {"classes_", "asked"}
    assert model.asked == 0
    assert _generators() == before
    assert "training_accuracy_score" in _last_run().data.metrics


def test_nothing_of_ours_is_in_a_pickled_model() -> None:
    """A model that the user pickles under autolog holds no trace of steno."""
    steno.autolog()
    model = make_pipeline(StandardScaler(), RandomForestClassifier(3)).fit(DATA, TARGET)
    assert b"steno" not in pickle.dumps(model)
    assert not [name for name in vars(model) if "steno" in name or "run" in name]


def test_sparse_data_stays_sparse() -> None:
    """A sparse matrix is recorded without ever being made dense."""
    rows, columns = 2_000, 20_000
    places = np.random.default_rng(0).integers(0, [[rows], [columns]], (2, 4_000))
    X = scipy.sparse.csr_matrix((np.ones(4_000), tuple(places)), (rows, columns))
    y = np.arange(rows) % 2
    steno.autolog()
    MultinomialNB().fit(X[:10], y[:10])  # the libraries of a first run are no part of the question
    tracemalloc.start()
    MultinomialNB().fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < rows * columns * 8 / 20
    run = _last_run()
    assert run.data.metrics["training_score"] > 0
    assert "steno.faults" not in run.data.tags


def test_big_data_is_not_copied() -> None:
    """Recording a training takes no second copy of its data."""
    X = np.random.default_rng(0).normal(size=(200_000, 20))
    y = (X[:, 0] > 0).astype(int)
    steno.autolog()
    GaussianNB().fit(X[:10], y[:10])
    peaks = []
    for record in (False, True):
        tracemalloc.start()
        if record:
            GaussianNB().fit(X, y)
        else:
            with steno.off():
                GaussianNB().fit(X, y)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + X.nbytes


def test_a_stream_of_documents_is_read_once_by_the_fit_alone() -> None:
    """An iterator belongs to the user's fit: nothing of it is taken before or after."""
    steno.autolog()
    texts = ["good film", "bad film", "good book", "bad book"]
    model = make_pipeline(TfidfVectorizer(), LogisticRegression())
    model.fit((text for text in texts), [1, 0, 1, 0])
    assert len(model[0].vocabulary_) == 4
    run = _last_run()
    assert run.info.status == "FINISHED"
    assert run.inputs.dataset_inputs == ()
    assert "steno.faults" not in run.data.tags


def test_nothing_is_printed_or_warned(capsys: pytest.CaptureFixture[str]) -> None:
    """A verbose model prints what it prints without steno, and warnings of predictions that only we made stay away."""
    model = RandomForestClassifier(3, verbose=1, random_state=0)
    model.fit(DATA, TARGET)
    plain = capsys.readouterr()
    steno.autolog()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model.fit(DATA, TARGET)
    recorded = capsys.readouterr()
    assert seen == []
    assert (recorded.out.count("\n"), recorded.err.count("\n")) == (plain.out.count("\n"), plain.err.count("\n"))


def test_what_fails_to_be_recorded_takes_nothing_else_along() -> None:
    """One step of recording that fails is listed on the run; the training and every other step are there."""

    class Odd(GaussianNB):  # type: ignore[misc]  # scikit-learn ships no types
        def predict_proba(self, X: Any) -> Any:
            raise RuntimeError("no probabilities today")

    steno.autolog()
    with pytest.warns(StenoWarning, match="no probabilities today"):
        Odd().fit(DATA, TARGET)
    run = _last_run()
    assert run.info.status == "FINISHED"
    assert "no probabilities today" in run.data.tags["steno.faults"]
    assert "training_accuracy_score" in run.data.metrics
    assert run.data.params["var_smoothing"] == "1e-09"
