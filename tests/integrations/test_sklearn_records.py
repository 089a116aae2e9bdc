"""Whole records of real trainings: what one run of each kind holds, and nothing else."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics
from sklearn.cluster import KMeans
from sklearn.datasets import load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    validation_curve,
)
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import steno
from steno.entities import Run


def _only_run() -> Run:
    runs: list[Run] = steno.search_runs(output_format="list")
    assert [run.info.status for run in runs] == ["FINISHED"]
    assert "steno.faults" not in runs[0].data.tags, runs[0].data.tags["steno.faults"]
    return runs[0]


def _last_run() -> Run:
    run = steno.last_active_run()
    assert run is not None
    return run


def _params(run: Run) -> dict[str, Any]:
    return {name: value.value for name, value in run.data.params.items()}


def _tags(run: Run) -> dict[str, str]:
    return {name: run.data.tags[name] for name in ("estimator_name", "estimator_class", "mlflow.autologging")}


def _artifacts(run: Run) -> list[str]:
    return sorted(file.path for file in steno.Client().list_artifacts(run.info.run_id))


def _text(run: Run, name: str) -> str:
    return Path(steno.Client().download_artifacts(run.info.run_id, name)).read_text(encoding="utf-8")


def _inputs(run: Run) -> list[tuple[str, str, dict[str, str]]]:
    return [(item.dataset.name, item.dataset.source_type, dict(item.tags)) for item in run.inputs.dataset_inputs]


def test_a_classifier() -> None:
    """A classifier's run holds its params, its training scores and how each came about, and what the data was."""
    steno.autolog()
    X, y = load_iris(return_X_y=True)
    model = LogisticRegression(C=0.5, max_iter=500).fit(X, y)

    run = _only_run()

    p, proba = model.predict(X), model.predict_proba(X)
    assert _params(run) == model.get_params()
    assert run.data.metrics == pytest.approx(
        {
            "training_precision_score": metrics.precision_score(y, p, average="weighted"),
            "training_recall_score": metrics.recall_score(y, p, average="weighted"),
            "training_f1_score": metrics.f1_score(y, p, average="weighted"),
            "training_accuracy_score": metrics.accuracy_score(y, p),
            "training_log_loss": metrics.log_loss(y, proba),
            "training_roc_auc": metrics.roc_auc_score(y, proba, multi_class="ovo", average="weighted"),
            "training_score": model.score(X, y),
            "n_iter": model.n_iter_.max(),
        },
        rel=1e-12,
    )
    assert _tags(run) == {
        "estimator_name": "LogisticRegression",
        "estimator_class": "sklearn.linear_model._logistic.LogisticRegression",
        "mlflow.autologging": "sklearn",
    }
    assert [name for name, _, _ in _inputs(run)] == ["X"]
    assert [tags["mlflow.data.context"] for _, _, tags in _inputs(run)] == ["train"]
    info = json.loads(_text(run, "metric_info.json"))
    assert info["training_f1_score"] == {
        "function": "sklearn.metrics.f1_score",
        "average": "weighted",
        "zero_division": 0,
        "rows": 150,
    }
    assert info["training_score"]["same_as"] == "training_accuracy_score"
    assert {"metric_info.json", "model"} <= set(_artifacts(run))


def test_a_regressor_with_weights() -> None:
    """A regressor's scores honour the sample weights that fit was given."""
    steno.autolog()
    X, y = load_diabetes(return_X_y=True)
    weights = np.linspace(0.1, 2, len(y))
    model = Ridge(alpha=2.0).fit(X, y, sample_weight=weights)

    run = _only_run()

    p = model.predict(X)
    names = ("mean_squared_error", "mean_absolute_error", "r2_score", "root_mean_squared_error")
    expected = {f"training_{name}": getattr(metrics, name)(y, p, sample_weight=weights) for name in names}
    expected["training_score"] = model.score(X, y, sample_weight=weights)
    assert run.data.metrics == pytest.approx(expected, rel=1e-12)
    assert _params(run)["alpha"] == 2.0
    assert json.loads(_text(run, "metric_info.json"))["training_r2_score"]["sample_weight"] == "as given to fit"


def test_a_clusterer() -> None:
    """A clusterer gets the figures that it has: inertia, iterations, clusters."""
    steno.autolog()
    X, _ = load_iris(return_X_y=True)
    model = KMeans(3, random_state=0, n_init=1).fit(X)

    run = _only_run()

    assert run.data.metrics == {"inertia": model.inertia_, "n_iter": model.n_iter_, "n_clusters": 3}
    assert run.data.tags["estimator_name"] == "KMeans"
    loaded = steno.sklearn.load_model(f"runs:/{run.info.run_id}/model")
    assert np.array_equal(loaded.predict(X), model.predict(X))


def test_a_decomposition() -> None:
    """A decomposition is a run with the share of the variance that it explains."""
    steno.autolog()
    X, _ = load_iris(return_X_y=True)
    model = PCA(2).fit(X)
    assert _only_run().data.metrics == {
        "explained_variance_ratio": pytest.approx(model.explained_variance_ratio_.sum())
    }


def test_a_pipeline() -> None:
    """A pipeline is one run whose params are named by their path, and whose model is the whole pipeline."""
    steno.autolog()
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3)).fit(X, y)

    run = _only_run()

    params = _params(run)
    assert params["logisticregression__C"] == 0.3
    assert params["standardscaler__with_mean"] is True
    assert params["logisticregression"] == "LogisticRegression(C=0.3)"
    assert run.data.tags["estimator_name"] == "Pipeline"
    assert run.data.metrics["training_score"] == model.score(X, y)
    loaded = steno.sklearn.load_model(f"runs:/{run.info.run_id}/model")
    assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_grid_search(jobs: int) -> None:
    """A search is one run: the best candidate's params and score, a table of all candidates, the best model."""
    steno.autolog()
    X, y = load_iris(return_X_y=True)
    search = GridSearchCV(
        LogisticRegression(max_iter=500), {"C": [0.1, 1.0, 10.0]}, scoring="accuracy", cv=3, n_jobs=jobs
    ).fit(X, y)

    run = _only_run()

    params = _params(run)
    assert params["best_C"] == search.best_params_["C"]
    assert params["estimator__max_iter"] == 500
    assert params["param_grid"] == "{'C': [0.1, 1.0, 10.0]}"
    assert run.data.metrics["best_cv_score"] == search.best_score_
    assert run.data.metrics["training_score"] == pytest.approx(search.score(X, y), rel=1e-12)
    rows = list(csv.DictReader(_text(run, "cv_results.csv").splitlines()))
    assert [float(row["param_C"]) for row in rows] == [0.1, 1.0, 10.0]
    assert [float(row["mean_test_score"]) for row in rows] == search.cv_results_["mean_test_score"].tolist()
    trials = json.loads(_text(run, "trials.json"))
    assert trials["columns"] == list(search.cv_results_)
    assert len(trials["data"]) == 3
    loaded = steno.sklearn.load_model(f"runs:/{run.info.run_id}/model")
    assert type(loaded) is LogisticRegression
    assert np.array_equal(loaded.predict(X), search.predict(X))


def test_a_search_by_several_metrics_without_refit() -> None:
    """Where a search chooses no best, the table is recorded, and no best score and no model is made up."""
    steno.autolog()
    X, y = load_iris(return_X_y=True)
    RandomizedSearchCV(
        LogisticRegression(max_iter=500),
        {"C": [0.1, 1.0]},
        n_iter=2,
        scoring=["accuracy", "f1_macro"],
        refit=False,
        cv=2,
        random_state=0,
    ).fit(X, y)

    run = _only_run()

    assert run.data.metrics == {}
    assert not [name for name in run.data.params if name.startswith("best_")]
    assert "mean_test_f1_macro" in json.loads(_text(run, "trials.json"))["columns"]
    assert "model" not in _artifacts(run)


def test_a_search_by_several_metrics_with_refit() -> None:
    """Each metric's value at the chosen candidate is recorded beside the best score."""
    steno.autolog()
    X, y = load_iris(return_X_y=True)
    search = GridSearchCV(
        LogisticRegression(max_iter=500), {"C": [0.1, 1.0]}, scoring=["accuracy", "f1_macro"], refit="f1_macro", cv=2
    ).fit(X, y)
    found = _only_run().data.metrics
    assert found["best_cv_score"] == search.best_score_
    assert found["best_cv_accuracy"] == search.cv_results_["mean_test_accuracy"][search.best_index_]
    assert found["best_cv_f1_macro"] == search.best_score_


@pytest.mark.parametrize(
    ("train", "why"),
    [
        (
            lambda X, y: GridSearchCV(
                LogisticRegression(max_iter=500), {"C": [1.0]}, scoring=["accuracy"], refit=lambda _: 0, cv=2
            ).fit(X, y),
            "GridSearchCV.score raises KeyError",
        ),
        (
            lambda X, y: RandomForestClassifier(3).fit(X, np.stack([y, y], axis=1)),
            "RandomForestClassifier.score raises ValueError: multiclass-multioutput is not supported",
        ),
    ],
    ids=["several scorers", "several targets"],
)
def test_a_score_that_scikit_learn_does_not_have_is_no_fault(train: Any, why: str) -> None:
    """Where the user's own `score` would raise, the record says why there is none, and lists no fault."""
    steno.autolog(log_models=False)
    train(*load_iris(return_X_y=True))
    run = _only_run()
    assert "training_score" not in run.data.metrics
    assert why in json.loads(_text(run, "metric_info.json"))["skipped"]["training_score"]


def test_cross_validation_is_one_run_with_a_row_a_fold() -> None:
    """cross_validate and cross_val_score leave one run: fold rows, means and deviations, the estimator's params."""
    steno.autolog()
    X, y = load_iris(return_X_y=True)
    result = cross_validate(LogisticRegression(C=0.2, max_iter=500), X, y, cv=4, scoring=["accuracy", "f1_macro"])

    run = _only_run()

    assert _params(run)["C"] == 0.2
    assert run.data.tags["estimator_name"] == "LogisticRegression"
    assert run.data.metrics == pytest.approx(
        {f"mean_{name}": values.mean() for name, values in result.items()}
        | {f"std_{name}": values.std() for name, values in result.items()}
    )
    rows = list(csv.DictReader(_text(run, "folds.csv").splitlines()))
    assert [row["fold"] for row in rows] == ["0", "1", "2", "3"]
    assert [float(row["test_accuracy"]) for row in rows] == result["test_accuracy"].tolist()
    assert [tags["mlflow.data.context"] for _, _, tags in _inputs(run)] == ["train"]


def test_cross_val_score_has_the_mean_and_the_deviation() -> None:
    """cross_val_score leaves one run with the mean and the deviation of its scores."""
    steno.autolog()
    X, y = load_iris(return_X_y=True)
    scores = cross_val_score(LogisticRegression(max_iter=500), X, y, cv=3)
    run = _only_run()
    assert run.data.metrics["mean_test_score"] == pytest.approx(scores.mean())
    assert run.data.metrics["std_test_score"] == pytest.approx(scores.std())
    rows = list(csv.DictReader(_text(run, "folds.csv").splitlines()))
    assert [float(row["test_score"]) for row in rows] == scores.tolist()


def test_curves_over_sizes_and_values_and_permutations() -> None:
    """learning_curve, validation_curve and permutation_test_score leave one run each, with all their folds."""
    steno.autolog()
    X, y = load_iris(return_X_y=True)
    model = LinearSVC(random_state=0)
    sizes, _, by_size = learning_curve(model, X, y, cv=2, train_sizes=[0.5, 1.0], shuffle=True, random_state=0)
    _, by_value = validation_curve(model, X, y, param_name="C", param_range=[0.01, 1.0], cv=2)
    score, _, pvalue = permutation_test_score(model, X, y, cv=2, n_permutations=5, random_state=0)

    runs: list[Run] = steno.search_runs(output_format="list", order_by=["start_time ASC"])

    assert [run.info.status for run in runs] == ["FINISHED"] * 3
    first, second, third = runs
    points = steno.Client().get_metric_history(first.info.run_id, "mean_test_score")
    assert [point.step for point in points] == sizes.tolist()
    assert [point.value for point in points] == pytest.approx(by_size.mean(axis=1).tolist())
    assert second.data.metrics["best_mean_test_score"] == pytest.approx(by_value.mean(axis=1).max())
    assert third.data.metrics == {"score": score, "pvalue": pvalue}


def test_learning_curves_that_the_model_keeps_are_recorded() -> None:
    """Boosting and neural networks leave their loss for each iteration, also as the last step of a pipeline."""
    steno.autolog()
    X, y = load_iris(return_X_y=True)
    boosted = GradientBoostingClassifier(n_estimators=6, random_state=0).fit(X, y)
    run = _last_run()
    points = steno.Client().get_metric_history(run.info.run_id, "train_loss")  # scikit-learn's train_score_ is the loss
    assert [point.value for point in points] == boosted.train_score_.tolist()
    assert [point.step for point in points] == list(range(6))

    network = make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(4,), max_iter=8, tol=0, random_state=0))
    with pytest.warns(UserWarning, match="Maximum iterations"):
        network.fit(X, y)
    run = _last_run()
    points = steno.Client().get_metric_history(run.info.run_id, "loss")
    assert [point.value for point in points] == network[-1].loss_curve_


def test_a_big_training_is_scored_on_a_sample_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit of rows the scores are those of a fixed sample, and the record says how many rows it had."""
    steno.autolog(log_models=False)
    random = np.random.default_rng(0)
    X = random.normal(size=(120_000, 2))
    y = (X[:, 0] + random.normal(size=len(X)) > 0).astype(int)
    model = LogisticRegression().fit(X, y)
    run = _only_run()
    info = json.loads(_text(run, "metric_info.json"))["training_accuracy_score"]
    assert (info["rows"], info["sampled_from"]) == (100_000, 120_000)
    assert run.data.metrics["training_accuracy_score"] == pytest.approx(model.score(X, y), abs=2e-3)


def test_switches_take_away_only_their_own_part() -> None:
    """Each option removes what it names, and everything else is there."""
    X, y = load_iris(return_X_y=True)

    def train_with(**options: Any) -> Run:
        steno.autolog(**options)
        LogisticRegression(max_iter=500).fit(X, y)
        return _last_run()

    without_models = train_with(log_models=False)
    assert _artifacts(without_models) == ["metric_info.json"]
    assert "training_score" in without_models.data.metrics
    without_scores = train_with(log_models=True, log_training_metrics=False)
    assert without_scores.data.metrics.keys() == {"n_iter"}
    assert "model" in _artifacts(without_scores)
    without_data = train_with(log_training_metrics=True, log_datasets=False)
    assert _inputs(without_data) == []
    assert "training_score" in without_data.data.metrics


def test_a_forest_among_the_first_things_a_user_tries() -> None:
    """The model loads by its run, predicts the same, and its params and scores can be searched."""
    steno.autolog()
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = RandomForestClassifier(10, max_depth=4, random_state=0).fit(X, y)
    run = _last_run()
    loaded = steno.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
    assert (loaded.predict(X) == model.predict(X)).all()
    found = steno.search_runs(
        filter_string="params.max_depth = '4' and metrics.training_score > 0.9", output_format="list"
    )
    assert [each.info.run_id for each in found] == [run.info.run_id]
