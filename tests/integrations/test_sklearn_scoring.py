"""Scores computed after the training find the run of the model that made the prediction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn.metrics
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, get_scorer, log_loss, make_scorer, roc_auc_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import steno
from steno.entities import Run


@pytest.fixture
def data() -> Any:
    """Train and test parts of a real data set."""
    return train_test_split(*load_breast_cancer(return_X_y=True), random_state=0)


def _last_run() -> Run:
    run = steno.last_active_run()
    assert run is not None
    return run


def _scores(run_id: str) -> dict[str, float]:
    found = steno.get_run(run_id).data.metrics
    return {name: value for name, value in found.items() if not name.startswith(("training_", "n_iter", "best_cv"))}


def test_scores_land_under_metric_and_data(data: Any) -> None:
    """Functions imported before autolog, called by position or by name, through views, land as `<metric>_<data>`."""
    X_train, X_test, y_train, y_test = data
    steno.autolog()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X_train, y_train)
    run_id = _last_run().info.run_id

    accuracy = accuracy_score(y_test, model.predict(X_test))
    predicted = model.predict(X_test)
    f1 = f1_score(y_true=y_test, y_pred=predicted)
    proba = model.predict_proba(X_test)
    area = roc_auc_score(y_test, proba[:, 1])
    loss = log_loss(y_test, proba)
    again = sklearn.metrics.accuracy_score(y_test, predicted, normalize=False)
    score = model.score(X_test, y_test)

    assert _scores(run_id) == {
        "accuracy_score_X_test": accuracy,
        "f1_score_X_test": f1,
        "roc_auc_score_X_test": area,
        "log_loss_X_test": loss,
        "accuracy_score-2_X_test": again,
        "Pipeline_score_X_test": score,
    }


def test_scorers_land_too(data: Any) -> None:
    """Scorer objects, named or made, record the score that they compute."""
    X_train, X_test, y_train, y_test = data
    steno.autolog()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X_train, y_train)
    accuracy = get_scorer("accuracy")(model, X_test, y_test)
    f1 = make_scorer(f1_score, average="macro")(model, X_test, y_test)
    found = _scores(_last_run().info.run_id)
    assert found == {"accuracy_score_X_test": accuracy, "f1_score_X_test": f1}


def test_scores_of_two_models_stay_apart(data: Any) -> None:
    """Two models in one process keep their scores, in whatever order they are computed."""
    X_train, X_test, y_train, y_test = data
    steno.autolog()
    scale = StandardScaler().fit(X_train)
    X_train, X_test = scale.transform(X_train), scale.transform(X_test)
    weak = LogisticRegression(C=1e-5).fit(X_train, y_train)
    weak_id = _last_run().info.run_id
    strong = LogisticRegression(C=1.0).fit(X_train, y_train)
    strong_id = _last_run().info.run_id
    by_weak, by_strong = weak.predict(X_test), strong.predict(X_test)
    strong_score = accuracy_score(y_test, by_strong)
    weak_score = accuracy_score(y_test, by_weak)
    assert weak_score != strong_score
    assert _scores(weak_id) == {"accuracy_score_X_test": weak_score}
    assert _scores(strong_id) == {"accuracy_score_X_test": strong_score}


def test_a_search_answers_for_itself_and_its_best_estimator(data: Any) -> None:
    """Predictions of a search and of its best estimator both belong to the search's run."""
    X_train, X_test, y_train, y_test = data
    steno.autolog()
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    search = GridSearchCV(pipeline, {"logisticregression__C": [0.1, 1.0]}, cv=2).fit(X_train, y_train)
    first = accuracy_score(y_test, search.predict(X_test))
    second = f1_score(y_test, search.best_estimator_.predict(X_test))
    assert _scores(_last_run().info.run_id) == {"accuracy_score_X_test": first, "f1_score_X_test": second}


def test_what_cannot_be_traced_is_not_guessed(data: Any) -> None:
    """A score of numbers that no recorded model made is nobody's, and predicting alone records nothing."""
    X_train, X_test, y_train, y_test = data
    steno.autolog()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X_train, y_train)
    before = steno.get_run(_last_run().info.run_id)
    accuracy_score(y_test, np.round(model.predict_proba(X_test)[:, 1]))
    for row in X_test[:20]:
        model.predict(row[None])
    after = steno.get_run(before.info.run_id)
    assert after.data.metrics == before.data.metrics
    assert after.inputs == before.inputs


def test_scores_that_are_no_single_number_are_left_alone(data: Any) -> None:
    """Reports, matrices and curves pass through untouched."""
    X_train, X_test, y_train, y_test = data
    steno.autolog()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X_train, y_train)
    predicted = model.predict(X_test)
    assert sklearn.metrics.confusion_matrix(y_test, predicted).sum() == len(y_test)
    assert "precision" in sklearn.metrics.classification_report(y_test, predicted)
    assert _scores(_last_run().info.run_id) == {}
