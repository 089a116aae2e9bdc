"""What of a training's arguments is written down."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

xgboost = pytest.importorskip("xgboost")

from steno_integrations.xgboost.params import of_estimator, plain  # noqa: E402  after the framework is known to be there


def test_only_what_was_set_is_a_param() -> None:
    """An estimator's thirty unset arguments are not params; the rounds that it will train are."""
    model = xgboost.XGBClassifier(n_estimators=20, max_depth=3, learning_rate=0.3)

    assert of_estimator(model) == {
        "objective": "binary:logistic",
        "enable_categorical": False,
        "n_estimators": 20,
        "max_depth": 3,
        "learning_rate": 0.3,
        "num_boost_round": 20,
    }


@pytest.mark.parametrize("cls", ["XGBClassifier", "XGBRegressor", "XGBRanker", "XGBRFClassifier", "XGBRFRegressor"])
def test_params_are_those_of_get_params(cls: str) -> None:
    """Every class's params are what its own `get_params` says, less what was left open."""
    model = getattr(xgboost, cls)(max_depth=2, min_child_weight=3.0, eval_metric=["auc"], monotone_constraints=(1, 0))
    found = of_estimator(model)
    del found["num_boost_round"]
    said = {key: value for key, value in model.get_params().items() if value is not None and key != "missing"}
    said["monotone_constraints"] = [1, 0]

    assert found == said


def test_a_forest_is_one_round_of_many_trees() -> None:
    """A random forest's `n_estimators` are trees; it boosts once."""
    found = of_estimator(xgboost.XGBRFClassifier(n_estimators=7))

    assert (found["n_estimators"], found["num_boost_round"]) == (7, 1)


def test_reading_params_draws_no_random_numbers() -> None:
    """A `random_state` that is a generator gives the training the same numbers as without us."""
    model = xgboost.XGBClassifier(random_state=np.random.RandomState(0))
    before: Any = model.random_state.get_state()
    found = of_estimator(model)
    after: Any = model.random_state.get_state()

    assert (before[1] == after[1]).all()
    assert before[2:] == after[2:]
    assert found["random_state"] == "RandomState"


def test_missing_is_recorded_where_it_is_not_nan() -> None:
    """A value that stands for missing is a param unless it is NaN, which is what nobody set."""
    assert of_estimator(xgboost.XGBRegressor(missing=-1.0))["missing"] == -1.0
    assert "missing" not in of_estimator(xgboost.XGBRegressor())


def test_early_stopping_by_callback_reads_like_the_argument() -> None:
    """The patience of an `EarlyStopping` callback is the param `early_stopping_rounds`."""
    by_callback = of_estimator(xgboost.XGBRegressor(callbacks=[xgboost.callback.EarlyStopping(rounds=4)]))
    by_argument = of_estimator(xgboost.XGBRegressor(early_stopping_rounds=4))

    assert by_callback.pop("callbacks") == ["EarlyStopping"]
    assert by_callback == by_argument


def test_arguments_that_the_class_does_not_name_are_params() -> None:
    """Booster params handed through `**kwargs` are params."""
    assert of_estimator(xgboost.XGBRegressor(updater="coord_descent", booster="gblinear"))["updater"] == "coord_descent"


def test_params_of_an_own_subclass_include_its_own() -> None:
    """An estimator class of the user's has its own arguments among the params."""

    class Mine(xgboost.XGBRegressor):  # type: ignore[misc, name-defined]  # no types
        def __init__(self, flavour: str = "plain", **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.flavour = flavour

    found = of_estimator(Mine(flavour="sour", max_depth=2))

    assert (found["flavour"], found["max_depth"]) == ("sour", 2)


def test_a_snapshot_does_not_change_with_the_users_objects() -> None:
    """What was written down stays when the user changes the dict or list it was read from."""
    metrics = ["auc"]
    params = {"eval_metric": metrics, "eta": np.float32(0.5), "objective": max}
    found = plain(params)
    metrics.append("error")

    assert found == {"eval_metric": ["auc"], "eta": 0.5, "objective": "max"}
