"""What is one training of the user's, and what is none."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn.model_selection
import xgboost
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import DBSCAN, KMeans
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  makes HalvingGridSearchCV importable
from sklearn.feature_selection import RFE
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, Perceptron, SGDClassifier
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_val_predict, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import steno
from steno.entities import Run

X, y = load_iris(return_X_y=True)
two_trees: list[Any] = [("a", DecisionTreeClassifier()), ("b", DecisionTreeClassifier(max_depth=1))]
tree_grid = {"max_depth": [1, 2, 3, 4]}


def _runs() -> list[Run]:
    found: list[Run] = steno.search_runs(output_format="list", order_by=["start_time ASC"])
    return found


ONE_RUN: dict[str, Callable[[], Any]] = {
    "pipeline": lambda: make_pipeline(StandardScaler(), GaussianNB()).fit(X, y),
    "pipeline, fit_predict": lambda: make_pipeline(StandardScaler(), KMeans(3)).fit_predict(X),
    "pipeline, fit_transform": lambda: make_pipeline(StandardScaler(), PCA(2)).fit_transform(X),
    "grid": lambda: GridSearchCV(DecisionTreeClassifier(), tree_grid, cv=2).fit(X, y),
    "grid, two processes": lambda: GridSearchCV(DecisionTreeClassifier(), tree_grid, cv=2, n_jobs=2).fit(X, y),
    "halving": lambda: HalvingGridSearchCV(DecisionTreeClassifier(), tree_grid, cv=2).fit(X, y),
    "search in a pipeline": lambda: make_pipeline(
        StandardScaler(), GridSearchCV(DecisionTreeClassifier(), tree_grid, cv=2)
    ).fit(X, y),
    "vote": lambda: VotingClassifier(two_trees).fit(X, y),
    "stack": lambda: StackingClassifier(two_trees, cv=2).fit(X, y),
    "bag": lambda: BaggingClassifier(DecisionTreeClassifier(), 3).fit(X, y),
    "boost": lambda: AdaBoostClassifier(n_estimators=3).fit(X, y),
    "forest": lambda: RandomForestClassifier(3).fit(X, y),
    "one against the rest": lambda: OneVsRestClassifier(GaussianNB()).fit(X, y),
    "several outputs": lambda: MultiOutputClassifier(GaussianNB()).fit(X, np.c_[y, y]),
    "calibration": lambda: CalibratedClassifierCV(GaussianNB(), cv=2).fit(X, y),
    "built-in search": lambda: LogisticRegressionCV(
        Cs=2, cv=2, max_iter=500, l1_ratios=(0,), use_legacy_attributes=False, scoring="accuracy"
    ).fit(X, y),
    "fit_predict": lambda: DBSCAN().fit_predict(X),
    "fit_transform": lambda: PCA(2).fit_transform(X),
    "resampled": lambda: make_imblearn_pipeline(RandomOverSampler(), GaussianNB()).fit(X, y),
    "cross_val_score by name": lambda: cross_val_score(GaussianNB(), X, y, cv=3),
    "cross_val_score by module": lambda: sklearn.model_selection.cross_val_score(GaussianNB(), X, y, cv=3),
    "cross_val_score of a search, two processes": lambda: cross_val_score(
        GridSearchCV(DecisionTreeClassifier(), tree_grid, cv=2), X, y, cv=2, n_jobs=2
    ),
    "keywords only": lambda: GaussianNB().fit(X=X, y=y),
    "lists": lambda: GaussianNB().fit(X.tolist(), y.tolist()),
}


@pytest.mark.parametrize("training", sorted(ONE_RUN))
def test_one_training_is_one_run(training: str) -> None:
    """Whatever trains inside, the call that the user made is one run, finished, with nothing that failed."""
    steno.autolog()
    ONE_RUN[training]()
    runs = _runs()
    assert [run.info.status for run in runs] == ["FINISHED"]
    assert "steno.faults" not in runs[0].data.tags, runs[0].data.tags["steno.faults"]


NO_RUN: dict[str, Callable[[], Any]] = {
    "scaler": lambda: StandardScaler().fit(X),
    "scaler, fit_transform": lambda: StandardScaler().fit_transform(X),
    "columns": lambda: make_column_transformer((StandardScaler(), [0, 1])).fit(X),
    "selector with a model inside": lambda: RFE(DecisionTreeClassifier(), n_features_to_select=2).fit(X, y),
    "pipeline of scalers": lambda: make_pipeline(StandardScaler(), StandardScaler()).fit(X),
    "sampler": lambda: RandomOverSampler().fit_resample(X, y),
    "cross_val_predict": lambda: cross_val_predict(GaussianNB(), X, y, cv=2),
}


@pytest.mark.parametrize("call", sorted(NO_RUN))
def test_preparing_data_is_no_run(call: str) -> None:
    """Preprocessing alone opens no run, nor does predicting out of fold; status says why."""
    steno.autolog()
    NO_RUN[call]()
    assert _runs() == []


def test_a_hundred_fits_are_a_hundred_runs() -> None:
    """Each fit in a loop is a run of its own, with its own params."""
    steno.autolog(log_models=False)
    for depth in range(1, 101):
        DecisionTreeClassifier(max_depth=depth).fit(X, y)
    assert [run.data.params["max_depth"].value for run in _runs()] == list(range(1, 101))


def test_eight_threads_train_side_by_side() -> None:
    """Threads of the user's that train at once get runs of their own, and nothing crosses between them."""
    steno.autolog()
    models = {depth: DecisionTreeClassifier(max_depth=depth, random_state=depth) for depth in range(1, 9)}
    start = threading.Barrier(len(models))

    def train(depth: int) -> None:
        start.wait()
        models[depth].fit(X, y)

    threads = [threading.Thread(target=train, args=(depth,)) for depth in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    runs = _runs()
    assert sorted(run.data.params["random_state"].value for run in runs) == list(models)
    for run in runs:
        model = models[run.data.params["max_depth"].value]
        assert run.data.params["random_state"].value == model.random_state
        assert run.data.metrics["training_score"] == model.score(X, y)
        loaded = steno.sklearn.load_model(f"runs:/{run.info.run_id}/model")
        assert loaded.get_params() == model.get_params()


def test_a_failing_fit_is_a_failed_run_and_the_same_error() -> None:
    """The framework's error reaches the user as it is, and the run says FAILED."""
    wrong = np.array([["a"]] * len(y))
    with pytest.raises(ValueError, match="could not convert") as plain:
        LogisticRegression().fit(wrong, y)
    steno.autolog()
    with pytest.raises(ValueError, match="could not convert") as recorded:
        LogisticRegression().fit(wrong, y)
    assert str(recorded.value) == str(plain.value)
    assert recorded.value.__context__ is plain.value.__context__
    runs = _runs()
    assert [run.info.status for run in runs] == ["FAILED"]
    assert runs[0].data.params["C"] == "1.0"


def test_in_a_run_of_the_users_the_second_training_is_a_child() -> None:
    """The first training writes into the user's run, each further one into a child of it."""
    steno.autolog()
    with steno.start_run() as mine:
        GaussianNB().fit(X, y)
        DecisionTreeClassifier(max_depth=2).fit(X, y)
    runs = {run.info.run_id: run for run in _runs()}
    assert len(runs) == 2
    first = runs.pop(mine.info.run_id)
    (second,) = runs.values()
    assert first.data.tags["estimator_name"] == "GaussianNB"
    assert second.data.tags["estimator_name"] == "DecisionTreeClassifier"
    assert second.data.tags["mlflow.parentRunId"] == mine.info.run_id


def test_disable_leaves_nothing_behind() -> None:
    """After disable nothing is recorded, and every patched attribute is the original object."""
    from sklearn.metrics import accuracy_score

    places: list[tuple[Any, str]] = [
        (LogisticRegression, "fit"),
        (GridSearchCV.__mro__[1], "fit"),
        (TransformerMixin, "fit_transform"),
        (GaussianNB, "partial_fit"),
        (sklearn.model_selection, "cross_val_score"),
    ]
    before = [(vars(owner)[name], getattr(vars(owner)[name], "__code__", None)) for owner, name in places]
    code = accuracy_score.__code__
    steno.autolog()
    GaussianNB().fit(X, y)
    steno.disable("sklearn")
    GaussianNB().fit(X, y)
    cross_val_score(GaussianNB(), X, y, cv=2)
    assert len(_runs()) == 1
    after = [(vars(owner)[name], getattr(vars(owner)[name], "__code__", None)) for owner, name in places]
    assert all(new[0] is old[0] and new[1] is old[1] for new, old in zip(after, before, strict=True))
    assert accuracy_score.__code__ is code


def test_switched_off_for_a_block() -> None:
    """Inside `steno.off("sklearn")` nothing is recorded, after it everything is again."""
    steno.autolog()
    with steno.off("sklearn"):
        GaussianNB().fit(X, y)
    assert _runs() == []
    GaussianNB().fit(X, y)
    assert len(_runs()) == 1


class _Mean(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """An estimator of the user's own."""

    def __init__(self, shift: int = 0) -> None:
        self.shift = shift

    def fit(self, X: Any, y: Any) -> _Mean:
        self.classes_, counts = np.unique(y, return_counts=True)
        self.most_ = self.classes_[counts.argmax()]
        return self

    def predict(self, X: Any) -> Any:
        return np.full(len(X), self.most_)


def test_classes_of_ones_own_before_and_after_autolog() -> None:
    """An estimator class of the user's is recorded, whether it was defined before autolog or after."""
    steno.autolog()

    class Later(_Mean):
        def fit(self, X: Any, y: Any) -> Later:
            super().fit(X, y)
            return self

    _Mean(shift=1).fit(X, y)
    Later(shift=2).fit(X, y)
    assert [(run.data.tags["estimator_name"], run.data.params["shift"]) for run in _runs()] == [
        ("_Mean", "1"),
        ("Later", "2"),
    ]


def test_a_class_of_a_script(run_python: Any) -> None:
    """An estimator defined in a script is recorded, and its model loads in another process."""
    trained = run_python(
        """
import numpy as np
import steno
steno.autolog()
from sklearn.base import BaseEstimator, RegressorMixin

class Constant(RegressorMixin, BaseEstimator):
    def __init__(self, value=1.5):
        self.value = value
    def fit(self, X, y):
        self.fitted_ = True
        return self
    def predict(self, X):
        return np.full(len(X), self.value)

Constant().fit([[0.0], [1.0]], [1.0, 2.0])
print(steno.last_active_run().info.run_id)
"""
    )
    assert trained.returncode == 0, trained.stderr
    run = steno.get_run(trained.stdout.strip())
    assert run.data.params["value"] == "1.5"
    assert run.data.metrics["training_mean_squared_error"] == 0.25
    loaded = steno.sklearn.load_model(f"runs:/{run.info.run_id}/model")
    assert loaded.predict([[3.0]]).tolist() == [1.5]


def test_a_class_of_a_script_is_recorded_after_its_model_was_loaded(run_python: Any) -> None:
    """Loading a model changes nothing in a class that the program still has: its next fit is a run, too."""
    trained = run_python(
        """
import steno
steno.autolog()
from sklearn.base import BaseEstimator, RegressorMixin

class Constant(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.fitted_ = True
        return self
    def predict(self, X):
        return [1.5 for _ in X]

Constant().fit([[0.0], [1.0]], [1.0, 2.0])
loaded = steno.sklearn.load_model(f"runs:/{steno.last_active_run().info.run_id}/model")
assert type(loaded) is Constant
Constant().fit([[0.0], [1.0]], [1.0, 2.0])
loaded.fit([[0.0], [1.0]], [1.0, 2.0])
print(len(steno.search_runs()))
"""
    )
    assert trained.returncode == 0, trained.stderr
    assert trained.stdout.strip() == "3"


@pytest.mark.parametrize("model", [SGDClassifier, Perceptron, GaussianNB], ids=lambda cls: cls.__name__)
def test_training_in_batches_is_one_run(model: Any) -> None:
    """partial_fit called again and again is one run of that estimator; another estimator is another run."""
    steno.autolog(log_models=False)
    for _ in range(2):
        estimator = model()
        for part in np.array_split(np.random.default_rng(0).permutation(len(y)), 5):
            estimator.partial_fit(X[part], y[part], classes=[0, 1, 2])
    assert [run.info.status for run in _runs()] == ["FINISHED", "FINISHED"]


def test_only_the_refit_of_a_search_leaves_a_boosters_curve() -> None:
    """A search over boosters has the curve of the model that it kept, not of its candidates; cross-validation none."""
    steno.autolog(log_models=False)
    grid = {"max_depth": [1, 2]}
    binary = (y > 0).astype(int)
    search = GridSearchCV(xgboost.XGBClassifier(n_estimators=5), grid, cv=2)
    search.fit(X, binary, eval_set=[(X, binary)], verbose=False)
    cross_val_score(
        xgboost.XGBClassifier(n_estimators=5), X, binary, cv=2, params={"eval_set": [(X, binary)], "verbose": False}
    )
    of_search, of_folds = _runs()
    curve = steno.Client().get_metric_history(of_search.info.run_id, "validation_0-logloss")
    assert [point.step for point in curve] == [0, 1, 2, 3, 4]
    assert "validation_0-logloss" not in of_folds.data.metrics
