"""What a training of xgboost leaves behind: whole records."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import numpy as np
import pytest

import steno

xgboost = pytest.importorskip("xgboost")

from xgboost import train as imported_early  # noqa: E402  before autolog(), as users have it

X = np.random.default_rng(0).random((200, 4))
Y = (X[:, 0] + 0.3 * X[:, 1] > 0.6).astype(int)
IMPORTANCES = ["weight", "gain", "cover", "total_gain", "total_cover"]
FILES = ["booster_config.json", "charts/feature_importance.json", "feature_importance_weight.json"]


def matrix(rows: slice = slice(None), **options: Any) -> Any:
    """Some rows of the data, as xgboost has them."""
    return xgboost.DMatrix(X[rows], Y[rows], **options)


def runs() -> list[Any]:
    """All runs, newest first."""
    found: list[Any] = steno.search_runs(output_format="list")
    return found


def only_run() -> Any:
    """The run, if there is just one."""
    (run,) = runs()
    return run


def curve(run: Any, key: str) -> list[tuple[int, float]]:
    """Steps and values of one metric."""
    history = steno.Client().get_metric_history(run.info.run_id, key)
    return [(point.step, point.value) for point in history]


def curves(run: Any) -> dict[str, list[tuple[int, float]]]:
    """Steps and values of every metric."""
    return {key: curve(run, key) for key in run.data.metrics}


def params(run: Any) -> dict[str, Any]:
    """Params with their types."""
    return {key: value.value for key, value in run.data.params.items()}


def files(run: Any) -> list[str]:
    """The run's files beside its models."""
    folder = artifacts(run)
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not path.startswith(("model/", "models/")))


def artifacts(run: Any) -> Path:
    """The run's folder."""
    return Path(urlparse(run.info.artifact_uri).path)


def datasets(run: Any) -> list[tuple[str, str | None]]:
    """Names and contexts of what went in."""
    return [(used.dataset.name, used.context) for used in run.inputs.dataset_inputs]


@pytest.fixture(autouse=True)
def watched() -> None:
    """Every test of this file trains under autologging."""
    steno.autolog(silent=True)


def steps(values: list[float], first: int = 0) -> list[tuple[int, float]]:
    """Values with the steps that they belong to."""
    return list(enumerate(values, first))


UNSET = {"maximize": None, "early_stopping_rounds": None, "custom_metric": None}
"""MLflow's params of a training that nobody set."""


def test_train() -> None:
    """`xgboost.train` gives one run: params, a curve for each evaluation set and metric, importances, data, model."""
    dtrain, dtest = matrix(slice(0, 150)), matrix(slice(150, None))
    asked = {"objective": "binary:logistic", "max_depth": 2, "eta": 0.5, "eval_metric": ["logloss", "error@0.4"]}
    history: dict[str, Any] = {}
    booster = xgboost.train(
        asked, dtrain, 8, evals=[(dtrain, "train"), (dtest, "test")], evals_result=history, verbose_eval=False
    )
    run = only_run()

    assert run.info.status == "FINISHED"
    assert params(run) == {**asked, **UNSET, "num_boost_round": 8, "verbose_eval": False}
    assert curves(run) == {
        "train-logloss": steps(history["train"]["logloss"]),
        "train-error_at_0.4": steps(history["train"]["error@0.4"]),
        "test-logloss": steps(history["test"]["logloss"]),
        "test-error_at_0.4": steps(history["test"]["error@0.4"]),
    }
    assert datasets(run) == [("dtrain", "train"), ("dtest", "eval")]
    assert files(run) == FILES
    weights = json.loads((artifacts(run) / "feature_importance_weight.json").read_text())
    chart = json.loads((artifacts(run) / "charts" / "feature_importance.json").read_text())
    assert weights == booster.get_score(importance_type="weight")
    assert chart["series"] == {kind: booster.get_score(importance_type=kind) for kind in IMPORTANCES}
    assert json.loads((artifacts(run) / "booster_config.json").read_text()) == json.loads(booster.save_config())
    loaded = steno.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
    assert (loaded.predict(X) == booster.predict(matrix())).all()


def test_a_name_imported_before_autolog_is_recorded() -> None:
    """`from xgboost import train`, written before `autolog()`, is the same training."""
    imported_early({"max_depth": 2}, matrix(), 3)

    assert params(only_run()) == {"max_depth": 2, "num_boost_round": 3, "verbose_eval": True, **UNSET}


def test_without_an_evaluation_set_the_training_metric_is_there() -> None:
    """Nothing to watch was given, so xgboost's own metric on the training data is recorded at the last round."""
    dtrain = matrix()
    booster = xgboost.train({"objective": "binary:logistic"}, dtrain, 5)
    expected = float(booster.eval(dtrain).rsplit(":", 1)[1])

    assert curves(only_run()) == {"train-logloss": [(4, expected)]}


class Half(xgboost.callback.TrainingCallback):  # type: ignore[misc, name-defined]  # no types
    """A callback of the user's that gives back another model than the one that was trained."""

    def after_training(self, model: Any) -> Any:
        return model[:4]


def test_another_models_score_is_not_recorded_at_this_ones_round() -> None:
    """Where a callback gives back another model, no value is claimed for the last round."""
    xgboost.train({}, matrix(), 8, callbacks=[Half()])

    assert curves(only_run()) == {}


def test_training_metrics_are_optional() -> None:
    """`log_training_metrics=False` computes no metric of our own, and leaves xgboost's."""
    steno.autolog(silent=True, log_training_metrics=False)
    dtrain = matrix()
    xgboost.train({}, dtrain, 2)
    xgboost.train({}, dtrain, 2, evals=[(dtrain, "a")], verbose_eval=False)
    watched, bare = runs()

    assert (sorted(bare.data.metrics), sorted(watched.data.metrics)) == ([], ["a-rmse"])


@pytest.mark.parametrize("form", ["argument", "callback"])
def test_early_stopping_in_both_forms(form: str) -> None:
    """Where training stopped and what was best are values of their own; the curve ends where training did."""
    stopping: dict[str, Any] = {"early_stopping_rounds": 3}
    if form == "callback":
        stopping = {"callbacks": [xgboost.callback.EarlyStopping(rounds=3)]}
    history: dict[str, Any] = {}
    dtest = matrix(slice(150, None))
    noise = xgboost.DMatrix(X[:150], np.random.default_rng(1).integers(0, 2, 150))
    booster = xgboost.train(
        {"objective": "binary:logistic"},
        noise,
        200,
        evals=[(dtest, "test")],
        evals_result=history,
        verbose_eval=False,
        **stopping,
    )
    run = only_run()
    values = history["test"]["logloss"]

    assert len(values) < 200
    assert curves(run) == {
        "test-logloss": steps(values),
        "stopped_iteration": [(0, len(values) - 1)],
        "best_iteration": [(0, booster.best_iteration)],
        "best_score": [(0, booster.best_score)],
    }
    assert params(run)["early_stopping_rounds"] == 3


def test_a_continued_training_goes_on_where_the_model_ended() -> None:
    """With `xgb_model` the curve's steps count all rounds of the model, as its `best_iteration` does."""
    dtrain = matrix()
    first = xgboost.train({}, dtrain, 5)
    second = xgboost.train(
        {}, dtrain, 3, evals=[(dtrain, "train")], xgb_model=first, early_stopping_rounds=2, verbose_eval=False
    )
    run = runs()[0]

    assert [step for step, _ in curve(run, "train-rmse")] == [5, 6, 7]
    assert run.data.metrics["best_iteration"] == second.best_iteration == 7
    assert run.data.metrics["stopped_iteration"] == 7


def test_cross_validation() -> None:
    """`xgboost.cv` gives one run with the mean and the deviation over the folds at each round."""
    table = xgboost.cv({"objective": "binary:logistic"}, matrix(), 6, nfold=3, as_pandas=False)
    run = only_run()

    assert curves(run) == {name: steps(values) for name, values in table.items()}
    assert sorted(table) == ["test-logloss-mean", "test-logloss-std", "train-logloss-mean", "train-logloss-std"]
    assert params(run) == {
        "objective": "binary:logistic",
        "num_boost_round": 6,
        "nfold": 3,
        "stratified": False,
        "shuffle": True,
        "seed": 0,
    }


def test_classifier() -> None:
    """A fitted `XGBClassifier` gives one run under scikit-learn's words: params, score, curve, data, model."""
    X_test, y_test = X[150:], Y[150:]
    model = xgboost.XGBClassifier(n_estimators=6, max_depth=2)
    model.fit(X, Y, eval_set=[(X_test, y_test)], verbose=False)
    run = only_run()

    assert run.info.status == "FINISHED"
    assert params(run) == {
        "objective": "binary:logistic",
        "enable_categorical": False,
        "n_estimators": 6,
        "max_depth": 2,
        "num_boost_round": 6,
    }
    assert curves(run) == {
        "validation_0-logloss": steps(model.evals_result()["validation_0"]["logloss"]),
        "training_score": [(0, model.score(X, Y))],
    }
    assert datasets(run) == [("X", "train"), ("X_test", "eval")]
    assert {key: run.data.tags[key] for key in ("estimator_name", "estimator_class")} == {
        "estimator_name": "XGBClassifier",
        "estimator_class": "xgboost.sklearn.XGBClassifier",
    }
    assert files(run) == FILES
    loaded = steno.xgboost.load_model(f"runs:/{run.info.run_id}/model")
    assert type(loaded) is xgboost.XGBClassifier
    assert (loaded.predict_proba(X) == model.predict_proba(X)).all()


def test_evaluation_data_without_a_name_is_called_as_xgboost_calls_it() -> None:
    """Data written down in the call itself is `validation_0`, and never takes the place of the training data."""
    xgboost.XGBRegressor(n_estimators=2).fit(X[:100], Y[:100], eval_set=[(X[:100], Y[:100]), (X[100:], Y[100:])])

    assert datasets(only_run()) == [("dataset", "train"), ("validation_0", "eval"), ("validation_1", "eval")]


def test_a_booster_trained_on_named_columns_says_what_it_takes_and_gives() -> None:
    """The model's signature has the matrix's columns and the type and shape of the predictions, as MLflow's has."""
    data = xgboost.DMatrix(
        X[:, :2], (X[:, 0] * 3).astype(int), feature_names=["a", "b"], feature_types=["float", "int"]
    )
    xgboost.train({"objective": "multi:softprob", "num_class": 3}, data, 2)
    signature = steno.pyfunc.load_model(f"runs:/{only_run().info.run_id}/model").metadata.signature

    assert signature is not None
    assert signature.to_dict() == {
        "inputs": '[{"type": "double", "name": "a", "required": true}, '
        '{"type": "long", "name": "b", "required": true}]',
        "outputs": '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}}]',
        "params": None,
    }


def test_the_objective_is_the_one_that_the_classifier_chose() -> None:
    """With three classes xgboost trains another objective than the argument's default; that one is the param."""
    xgboost.XGBClassifier(n_estimators=2).fit(X, (X[:, 0] * 3).astype(int))

    assert params(only_run())["objective"] == "multi:softprob"


FITS: dict[str, Callable[[], Any]] = {
    "regressor": lambda: xgboost.XGBRegressor(n_estimators=2).fit(X, Y),
    "ranker": lambda: xgboost.XGBRanker(n_estimators=2).fit(X, Y, qid=np.repeat(np.arange(20), 10)),
    "forest": lambda: xgboost.XGBRFClassifier(n_estimators=2).fit(X, Y),
    "linear": lambda: xgboost.train({"booster": "gblinear", "updater": "coord_descent"}, matrix(), 2),
    "dart": lambda: xgboost.train({"booster": "dart", "rate_drop": 0.5}, matrix(), 2),
    "quantile matrix": lambda: xgboost.train({}, xgboost.QuantileDMatrix(X, Y), 2),
    "several targets": lambda: xgboost.XGBRegressor(n_estimators=2).fit(X, np.stack([Y, Y], axis=1)),
    "objective of one's own": lambda: xgboost.train({}, matrix(), 2, obj=squared_error),
    "metric of one's own": lambda: xgboost.train(
        {}, matrix(), 2, evals=[(matrix(), "a")], custom_metric=always_one, verbose_eval=False
    ),
    "lists": lambda: xgboost.XGBRegressor(n_estimators=2).fit(X.tolist(), Y.tolist()),
    "several quantiles": lambda: xgboost.XGBRegressor(
        n_estimators=2, objective="reg:quantileerror", quantile_alpha=[0.1, 0.9]
    ).fit(X, Y),
}


def squared_error(predictions: Any, data: Any) -> tuple[Any, Any]:
    """An objective: gradient and hessian."""
    return predictions - data.get_label(), np.ones_like(predictions)


def always_one(predictions: Any, data: Any) -> tuple[str, float]:
    """A metric."""
    return "one", 1.0


@pytest.mark.parametrize("name", FITS)
def test_every_kind_of_training_is_recorded_whole(name: str) -> None:
    """Each kind of booster, data and objective gives one finished run with a score, importances, a model, no fault."""
    FITS[name]()
    run = only_run()

    assert run.info.status == "FINISHED"
    assert run.data.metrics
    assert "feature_importance_weight.json" in files(run)
    assert [output.model_id for output in run.outputs.model_outputs]
    assert "steno.faults" not in run.data.tags


def test_a_pipeline_has_the_boosters_curve() -> None:
    """In a pipeline the curve belongs to the pipeline's run, and there is no other."""
    pytest.importorskip("sklearn")
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = make_pipeline(StandardScaler(), xgboost.XGBClassifier(n_estimators=4))
    pipeline.fit(X, Y, xgbclassifier__eval_set=[(X, Y)], xgbclassifier__verbose=False)
    run = only_run()

    assert curve(run, "validation_0-logloss") == steps(pipeline[-1].evals_result()["validation_0"]["logloss"])
    assert run.data.metrics["training_score"] == pipeline.score(X, Y)


def test_a_search_is_one_run() -> None:
    """A grid search over boosters is one run: no candidate has one of its own."""
    pytest.importorskip("sklearn")
    from sklearn.model_selection import GridSearchCV

    search = GridSearchCV(xgboost.XGBClassifier(n_estimators=3), {"max_depth": [2, 3]}, cv=2).fit(X, Y)

    assert only_run().data.params["best_max_depth"].value == search.best_params_["max_depth"]


def test_a_score_computed_later_lands_in_the_run() -> None:
    """Scoring predictions of a recorded model records the score, whichever of xgboost's predictions they are."""
    pytest.importorskip("sklearn")
    from sklearn.metrics import accuracy_score, average_precision_score, roc_auc_score

    X_test, y_test = X[150:], Y[150:]
    dtest = xgboost.DMatrix(X_test)
    model = xgboost.XGBClassifier(n_estimators=2).fit(X, Y)
    booster = xgboost.train({"objective": "binary:logistic"}, matrix(), 2)
    accuracy = accuracy_score(y_test, model.predict(X_test))
    of_model = roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])
    of_booster = roc_auc_score(y_test, booster.predict(dtest))
    of_its_booster = average_precision_score(y_test, model.get_booster().predict(dtest))
    trained, fitted = runs()

    assert fitted.data.metrics["accuracy_score_X_test"] == accuracy
    assert fitted.data.metrics["roc_auc_score_X_test"] == of_model
    assert fitted.data.metrics["average_precision_score_dtest"] == of_its_booster
    assert trained.data.metrics["roc_auc_score_dtest"] == of_booster


class Stop(xgboost.callback.TrainingCallback):  # type: ignore[misc, name-defined]  # no types
    """A callback of the user's that ends the training with an error, as pruning does."""

    def __init__(self) -> None:
        self.error = ValueError("enough")

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        if epoch == 3:
            raise self.error
        return False


@pytest.mark.parametrize("entry", ["train", "fit"])
def test_a_training_that_fails_keeps_all_it_had(entry: str) -> None:
    """The user's exception passes as it is; the run is FAILED and has the curve up to the round that raised."""
    stop = Stop()
    dtrain = matrix()
    model = xgboost.XGBRegressor(n_estimators=9, callbacks=[stop])
    entries: dict[str, Callable[[], Any]] = {
        "train": lambda: xgboost.train(
            {}, dtrain, 9, evals=[(dtrain, "validation_0")], callbacks=[stop], verbose_eval=False
        ),
        "fit": lambda: model.fit(X, Y, eval_set=[(X, Y)], verbose=False),
    }
    with pytest.raises(ValueError, match="enough") as caught:
        entries[entry]()
    run = only_run()

    assert caught.value is stop.error
    assert run.info.status == "FAILED"
    assert [step for step, _ in curve(run, "validation_0-rmse")] == [0, 1, 2, 3]
    assert params(run)["num_boost_round"] == 9


def test_a_curve_can_be_read_while_the_training_goes_on(run_python: Any, tmp_path: Path) -> None:
    """Another process sees points of a training that has not ended."""
    done = run_python(
        """
import subprocess, sys, time
import steno, xgboost, numpy as np
steno.autolog(silent=True)
READER = '''
import sys, time, steno
end = time.monotonic() + 60
while time.monotonic() < end:
    for run in steno.search_runs(output_format="list"):
        if len(steno.Client().get_metric_history(run.info.run_id, "a-rmse")) > 5:
            print(run.info.status)
            sys.exit()
    time.sleep(0.05)
sys.exit("nothing seen")
'''
class Wait(xgboost.callback.TrainingCallback):
    def after_iteration(self, model, epoch, log):
        time.sleep(0.03)
        if epoch == 12:
            print(subprocess.run([sys.executable, "-c", READER], capture_output=True, text=True, check=True).stdout)
        return False
d = xgboost.DMatrix(np.random.rand(50, 2), np.random.rand(50))
xgboost.train({}, d, 14, evals=[(d, "a")], callbacks=[Wait()], verbose_eval=False)
"""
    )

    assert (done.stdout.split(), done.returncode) == (["RUNNING"], 0), done.stderr
