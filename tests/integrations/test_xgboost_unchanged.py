"""xgboost does the same with and without us."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steno

xgboost = pytest.importorskip("xgboost")

X = np.random.default_rng(0).random((200, 4))
Y = (X[:, 0] + 0.3 * X[:, 1] > 0.6).astype(int)


def train(**options: Any) -> Any:
    """A seeded training that draws rows."""
    dtrain = xgboost.DMatrix(X, Y)
    own = options.pop("params", {"subsample": 0.5})
    params = {"objective": "binary:logistic", "seed": 3, "nthread": 1, **own}
    return xgboost.train(params, dtrain, 8, verbose_eval=False, **options)


class Half(xgboost.callback.TrainingCallback):  # type: ignore[misc, name-defined]  # no types
    """A callback of the user's that gives back another model than the one that was trained."""

    def after_training(self, model: Any) -> Any:
        return model[:4]


TRAININGS: dict[str, Callable[[], Any]] = {
    "train": train,
    "evals": lambda: train(evals=[(xgboost.DMatrix(X, Y), "a")]),
    "dart": lambda: train(params={"booster": "dart", "rate_drop": 0.5}),
    "linear": lambda: train(params={"booster": "gblinear", "updater": "coord_descent"}),
    "best only": lambda: train(
        evals=[(xgboost.DMatrix(X, Y), "a")], callbacks=[xgboost.callback.EarlyStopping(rounds=2, save_best=True)]
    ),
    "cut by a callback": lambda: train(callbacks=[Half()]),
    "no metric": lambda: train(params={"disable_default_eval_metric": 1}),
    "classifier": lambda: xgboost.XGBClassifier(n_estimators=8, subsample=0.5, n_jobs=1).fit(X, Y),
    "generator": lambda: xgboost.XGBClassifier(
        n_estimators=8, subsample=0.5, random_state=np.random.RandomState(1), n_jobs=1
    ).fit(X, Y),
    "forest": lambda: xgboost.XGBRFRegressor(n_estimators=8, n_jobs=1, random_state=0).fit(X, Y),
}


@pytest.mark.parametrize("name", TRAININGS)
def test_the_model_is_the_same_to_the_byte(name: str) -> None:
    """Trained with the same seed, a model has the same bytes, config and pickle with and without autologging."""

    def bytes_of(model: Any) -> tuple[bytes, str, bytes]:
        booster = model if isinstance(model, xgboost.Booster) else model.get_booster()
        return bytes(booster.save_raw("ubj")), booster.save_config(), pickle.dumps(model)

    plain = bytes_of(TRAININGS[name]())
    steno.autolog(silent=True)
    watched = bytes_of(TRAININGS[name]())

    assert len(steno.search_runs(output_format="list")) == 1
    assert watched == plain


def test_the_users_objects_are_left_alone() -> None:
    """Params, callbacks, evaluation sets and results that the user passes are theirs, before and after."""
    steno.autolog(silent=True)
    dtrain = xgboost.DMatrix(X, Y)
    stopping = xgboost.callback.EarlyStopping(rounds=3)
    params, callbacks, evals = {"max_depth": 2}, [stopping], [(dtrain, "a")]
    history: dict[str, Any] = {}
    xgboost.train(params, dtrain, 4, evals=evals, evals_result=history, callbacks=callbacks, verbose_eval=False)
    model = xgboost.XGBRegressor(n_estimators=2, callbacks=[xgboost.callback.EarlyStopping(rounds=3)])
    before = dict(vars(model))
    model.fit(X, Y, eval_set=[(X, Y)], verbose=False)

    assert (params, callbacks, evals) == ({"max_depth": 2}, [stopping], [(dtrain, "a")])
    assert list(history) == ["a"]
    assert {key: value for key, value in vars(model).items() if key in before} == before
    assert sorted(set(vars(model)) - set(before)) == ["_Booster", "evals_result_"]


def test_a_params_dict_changed_during_training_is_recorded_as_it_was() -> None:
    """The record has the params of the call, whatever a callback does to the dict."""
    params = {"max_depth": 2}

    class Change(xgboost.callback.TrainingCallback):  # type: ignore[misc, name-defined]  # no types
        def before_training(self, model: Any) -> Any:
            params["max_depth"] = 9
            return model

    steno.autolog(silent=True)
    xgboost.train(params, xgboost.DMatrix(X, Y), 2, callbacks=[Change()])
    run = steno.last_active_run()

    assert run is not None
    assert run.data.params["max_depth"] == "2"


def test_output_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """What xgboost prints while it trains is what it prints without us."""
    said = []
    for watch in (False, True):
        if watch:
            steno.autolog(silent=True)
        dtrain = xgboost.DMatrix(X, Y)
        xgboost.train({}, dtrain, 3, evals=[(dtrain, "a")])
        xgboost.train({"objective": "binary:logistic", "eval_metric": "auc"}, xgboost.DMatrix(X, np.ones(200)), 2)
        said.append(capsys.readouterr())

    assert said[0] == said[1]


def test_switched_off_means_untouched() -> None:
    """`steno.disable("xgboost")` gives no run, and xgboost's functions have their own code back."""
    codes = [xgboost.train.__code__, xgboost.XGBClassifier.fit.__code__]
    steno.autolog(silent=True)
    steno.disable("xgboost")
    train()

    assert [xgboost.train.__code__, xgboost.XGBClassifier.fit.__code__] == codes
    assert steno.search_runs(output_format="list") == []
