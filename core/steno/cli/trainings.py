"""What `steno demo` trains: small, real, on data sets that come with scikit-learn, of two frameworks.

Plain programs as a user would write them: nothing here mentions steno, autolog() does the rest. `steno.cli.demo` runs
this file as a script of the user's, not as a part of steno. Frameworks are imported by name: the core depends on none.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["COMPARED", "SHOWN", "TRAININGS"]


def _sk(name: str) -> Any:
    """A name of scikit-learn, such as `"svm.SVC"`."""
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(f"sklearn.{module}"), attribute)


def _split(load: str) -> tuple[Any, Any, Any, Any]:
    X, y = _sk(f"datasets.load_{load}")(return_X_y=True)  # noqa: N806  the field's name for a table of features
    X_train, X_test, y_train, y_test = _sk("model_selection.train_test_split")(X, y, random_state=0)  # noqa: N806
    return X_train, X_test, y_train, y_test


def _classify(estimator: str, load: str, **params: Any) -> Callable[[], None]:
    def train() -> None:
        X_train, X_test, y_train, y_test = _split(load)  # noqa: N806  the field's names
        model = _sk(estimator)(**params).fit(X_train, y_train)
        _sk("metrics.accuracy_score")(y_test, model.predict(X_test))

    return train


def _regress(estimator: str, load: str, **params: Any) -> Callable[[], None]:
    def train() -> None:
        X_train, X_test, y_train, y_test = _split(load)  # noqa: N806  the field's names
        model = _sk(estimator)(**params).fit(X_train, y_train)
        _sk("metrics.r2_score")(y_test, model.predict(X_test))

    return train


def _pipeline() -> None:
    X_train, X_test, y_train, y_test = _split("breast_cancer")  # noqa: N806  the field's names
    steps = _sk("preprocessing.StandardScaler")(), _sk("linear_model.LogisticRegression")(C=0.5)
    model = _sk("pipeline.make_pipeline")(*steps).fit(X_train, y_train)
    _sk("metrics.accuracy_score")(y_test, model.predict(X_test))


def _grid_search() -> None:
    X_train, X_test, y_train, y_test = _split("wine")  # noqa: N806  the field's names
    pipeline = _sk("pipeline.make_pipeline")(_sk("preprocessing.StandardScaler")(), _sk("svm.SVC")())
    grid: Mapping[str, Any] = {"svc__C": [0.1, 1.0, 10.0], "svc__kernel": ["linear", "rbf"]}
    model = _sk("model_selection.GridSearchCV")(pipeline, grid, cv=3).fit(X_train, y_train)
    _sk("metrics.accuracy_score")(y_test, model.predict(X_test))


def _boosting() -> None:
    xgboost: Any = importlib.import_module("xgboost")
    X_train, X_test, y_train, y_test = _split("digits")  # noqa: N806  the field's names
    train, test = xgboost.DMatrix(X_train, y_train), xgboost.DMatrix(X_test, y_test)
    params = {"objective": "multi:softprob", "num_class": 10, "max_depth": 3, "eta": 0.15, "nthread": 1}
    xgboost.train(params, train, 60, evals=[(train, "train"), (test, "eval")], verbose_eval=False)


def _boosted_classifier() -> None:
    xgboost: Any = importlib.import_module("xgboost")
    X_train, X_test, y_train, y_test = _split("breast_cancer")  # noqa: N806  the field's names
    model = xgboost.XGBClassifier(n_estimators=60, max_depth=3, learning_rate=0.2, n_jobs=1)
    model.fit(X_train, y_train, eval_set=[(X_train, y_train), (X_test, y_test)], verbose=False)
    _sk("metrics.accuracy_score")(y_test, model.predict(X_test))


_FOREST = "ensemble.RandomForestClassifier"
_BOOSTING = "ensemble.GradientBoostingRegressor"
_NEIGHBORS = "neighbors.KNeighborsClassifier"
SHOWN = "xgboost.train on digits"
COMPARED = ("a shallow forest on breast_cancer", "a deep forest on breast_cancer")
TRAININGS: Mapping[str, Callable[[], None]] = {
    "a pipeline on breast_cancer": _pipeline,
    COMPARED[0]: _classify(_FOREST, "breast_cancer", max_depth=2, n_estimators=60, random_state=0),
    COMPARED[1]: _classify(_FOREST, "breast_cancer", max_depth=8, n_estimators=60, random_state=0),
    "nearest neighbours on digits": _classify(_NEIGHBORS, "digits", n_neighbors=3),
    "a grid search on wine": _grid_search,
    "a ridge regression on diabetes": _regress("linear_model.Ridge", "diabetes", alpha=0.5),
    "gradient boosting on diabetes": _regress(_BOOSTING, "diabetes", n_estimators=80, max_depth=2, random_state=0),
    SHOWN: _boosting,
    "XGBClassifier on breast_cancer": _boosted_classifier,
}
