"""The kit's checks of the plugin, and what is particular to it: what a run of CatBoost holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steno
from steno.testing import Conformance, IsolatedStore

X = np.random.default_rng(0).normal(size=(80, 3))
y = (X[:, 0] + X[:, 1] > 0).astype(int)
QUICK = {"iterations": 4, "depth": 2, "verbose": False, "allow_writing_files": False, "thread_count": 1}


class TestCatBoost(Conformance):
    """Every check of `steno.testing.Conformance`, with small trainings of CatBoost."""

    integration = "catboost"
    early_import = "from catboost import train"

    def fit(self) -> Any:
        """A training. The model's own date and id differ each time, so they are blanked."""
        from catboost import CatBoostClassifier

        return without_date(CatBoostClassifier(**QUICK).fit(X, y))

    def failing_fit(self) -> Any:
        """A training that CatBoost refuses: nothing to learn."""
        from catboost import CatBoostClassifier

        return CatBoostClassifier(**QUICK).fit(X, np.zeros(len(X)))

    def predict(self, model: Any) -> Any:
        """Predictions."""
        return model.predict(X, prediction_type="RawFormulaVal")

    def early_fit(self, train: Any) -> Any:
        """A training by a copy of the function that was imported before anything was patched."""
        from catboost import Pool

        return train(Pool(X, y), {**QUICK, "loss_function": "Logloss"})

    def call_styles(self) -> list[Any]:
        """The same training, its arguments passed in every way."""
        from catboost import CatBoostClassifier

        return [
            lambda: CatBoostClassifier(**QUICK).fit(X, y),
            lambda: CatBoostClassifier(**QUICK).fit(X, y=y),
            lambda: CatBoostClassifier(**QUICK).fit(y=y, X=X),
        ]


def without_date(model: Any) -> Any:
    """The model without what CatBoost makes anew for each."""
    for name in ("train_finish_time", "model_guid"):
        model.get_metadata()[name] = ""
    return model


@pytest.fixture
def recorded(steno_store: IsolatedStore) -> IsolatedStore:
    """An empty store; everything is recorded."""
    steno.autolog()
    return steno_store


def curve(run: Any, name: str) -> list[tuple[int, float]]:
    """A metric's points."""
    return [(point.step, point.value) for point in steno.Client().get_metric_history(run.info.run_id, name)]


def test_a_fit_records_params_curves_data_and_model(recorded: IsolatedStore) -> None:
    """A run has the params that were given and chosen, each round's scores on each data set, the data and the model."""
    from catboost import CatBoostClassifier

    model = CatBoostClassifier(**QUICK, custom_metric=["AUC"])
    model.fit(X, y, eval_set=[(X[:40], y[:40]), (X[40:], y[40:])], use_best_model=False)

    run = recorded.run()
    assert run.info.status == "FINISHED"
    assert {key: run.data.params[key] for key in ("iterations", "custom_metric", "learning_rate", "l2_leaf_reg")} == {
        "iterations": "4",
        "custom_metric": "['AUC']",
        "learning_rate": str(model.get_all_params()["learning_rate"]),
        "l2_leaf_reg": "3",
    }
    expected = {
        f"{data}-{name}": list(enumerate(values))
        for data, scores in model.get_evals_result().items()
        for name, values in scores.items()
    }
    assert len(expected) == 5
    assert {name: curve(run, name) for name in run.data.metrics} == expected
    assert [used.tags["mlflow.data.context"] for used in run.inputs.dataset_inputs] == ["train", "eval", "eval"]
    loaded = steno.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
    assert type(loaded.get_raw_model()) is CatBoostClassifier
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def test_rounds_that_are_not_scored_leave_gaps(recorded: IsolatedStore) -> None:
    """With `metric_period` the scores stand at the rounds that they were computed in, the last round included."""
    from catboost import CatBoostRegressor

    CatBoostRegressor(**{**QUICK, "iterations": 6}, metric_period=4).fit(X, y, eval_set=(X, y))

    assert [step for step, _ in curve(recorded.run(), "validation-RMSE")] == [0, 4, 5]


def test_a_model_that_goes_on_with_another_goes_on_counting(recorded: IsolatedStore) -> None:
    """The curve of a model that continues another one begins where that one's ended."""
    from catboost import CatBoostRegressor

    first = CatBoostRegressor(**QUICK).fit(X, y)
    CatBoostRegressor(**QUICK).fit(X, y, init_model=first)

    assert [step for step, _ in curve(recorded.runs()[1], "learn-RMSE")] == [4, 5, 6, 7]


@pytest.mark.parametrize("as_pandas", [True, False])
def test_cross_validation_is_one_run(
    recorded: IsolatedStore, capsys: pytest.CaptureFixture[str], *, as_pandas: bool
) -> None:
    """`catboost.cv` is one run with the mean and deviation of each round."""
    from catboost import Pool, cv

    table = cv(Pool(X, y), {**QUICK, "loss_function": "Logloss"}, nfold=2, as_pandas=as_pandas)

    run = recorded.run()
    assert (run.data.params["iterations"], run.data.params["fold_count"]) == ("4", "2")
    names = {f"{data}-Logloss-{kind}" for data in ("train", "test") for kind in ("mean", "std")}
    assert {name: [value for _, value in curve(run, name)] for name in names} == {
        name: list(table[name]) for name in names
    }
    assert set(run.data.metrics) == names


def test_a_pool_and_an_objective_of_ones_own(recorded: IsolatedStore) -> None:
    """Data in a `Pool` is recorded with its labels, and an object among the params by its class."""
    from catboost import Pool, train

    class Halved:
        """Half the squared error."""

        def calc_ders_range(self, approxes: Any, targets: Any, weights: Any) -> list[tuple[float, float]]:
            return [(target - approx, -1.0) for approx, target in zip(approxes, targets, strict=True)]

    pool = Pool(X, y)
    train(pool, {**QUICK, "loss_function": Halved(), "eval_metric": "RMSE"})

    run = recorded.run()
    assert run.data.params["loss_function"] == "Halved"
    assert [used.dataset.name for used in run.inputs.dataset_inputs] == ["pool"]
    assert len(curve(run, "learn-RMSE")) == 4


def test_a_score_of_another_library_finds_the_run(recorded: IsolatedStore) -> None:
    """A score of scikit-learn on CatBoost's predictions is recorded in the run of the model that made them."""
    metrics = pytest.importorskip("sklearn.metrics")
    from catboost import CatBoostClassifier

    model = CatBoostClassifier(**QUICK).fit(X, y)
    X_test = X[:20]
    score = metrics.accuracy_score(y[:20], model.predict(X_test))

    assert recorded.run().data.metrics["accuracy_score_X_test"] == score
