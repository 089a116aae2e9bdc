"""Hazards of boosting: the whole curve at the right steps, whatever stops, continues or redraws a training."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.datasets import load_breast_cancer

import steno
from tests.hazards.conftest import Site
from tests.hazards.records import curve, points, runs, the_run

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = X[:400, :8], X[400:, :8], y[:400], y[400:]
XGB = {"objective": "binary:logistic", "max_depth": 2, "seed": 0, "nthread": 1}
LGB = {"objective": "binary", "num_leaves": 4, "seed": 0, "num_threads": 1, "verbosity": -1, "metric": "binary_logloss"}


@pytest.fixture
def lightgbm_plugin(installer: str, site: Site) -> None:
    """A plugin for lightgbm is installed and autologging is on."""
    site.install_file("lightgbm", "lightgbm_boosters.py")
    steno.autolog(log_models=False)
    assert steno.status()["lightgbm"].state == "on"


def _matrices() -> tuple[xgboost.DMatrix, xgboost.DMatrix]:
    return xgboost.DMatrix(X_train, y_train), xgboost.DMatrix(X_test, y_test)


def _wrong_share(predictions: Any, data: xgboost.DMatrix) -> tuple[str, float]:
    return "wrong_share", float(np.mean((predictions > 0.0) != data.get_label()))


def _wrong_share_lgb(predictions: Any, data: lightgbm.Dataset) -> tuple[str, float, bool]:
    return "wrong_share", float(np.mean((predictions > 0.5) != data.get_label())), False


def _sets() -> tuple[lightgbm.Dataset, lightgbm.Dataset]:
    # lightgbm takes the raw data away unless told not to, and a second training needs it
    train = lightgbm.Dataset(X_train, y_train, free_raw_data=False)
    return train, lightgbm.Dataset(X_test, y_test, reference=train, free_raw_data=False)


def test_hazard_73_xgboost_early_stopping_keeps_every_round(installer: str) -> None:
    """A training that stops early has every round until it stopped, also of the user's own metric."""
    train, test = _matrices()
    kept: dict[str, dict[str, list[float]]] = {}
    steno.autolog(log_models=False)
    booster = xgboost.train(
        {**XGB, "eta": 1.0},
        train,
        num_boost_round=200,
        evals=[(train, "train"), (test, "test")],
        early_stopping_rounds=3,
        custom_metric=_wrong_share,
        evals_result=kept,
        verbose_eval=False,
    )
    run = the_run()
    rounds = booster.num_boosted_rounds()
    assert rounds < 200
    for data, metrics in kept.items():
        assert sorted(metrics) == ["logloss", "wrong_share"]
        for metric, values in metrics.items():
            assert len(values) == rounds
            assert points(run, f"{data}-{metric}") == curve(values), (data, metric)
    assert run.data.metrics["best_iteration"] == booster.best_iteration


def test_hazard_73_xgboost_continues_where_its_model_ended(installer: str) -> None:
    """Rounds added to a model that has some are numbered on from there."""
    train, test = _matrices()
    steno.autolog(log_models=False)
    first: dict[str, dict[str, list[float]]] = {}
    second: dict[str, dict[str, list[float]]] = {}
    given: dict[str, Any] = {"evals": [(test, "test")], "verbose_eval": False}
    booster = xgboost.train(XGB, train, 7, evals_result=first, **given)
    xgboost.train(XGB, train, 5, xgb_model=booster, evals_result=second, **given)
    before, after = runs()
    assert points(before, "test-logloss") == curve(first["test"]["logloss"])
    assert points(after, "test-logloss") == curve(second["test"]["logloss"], first=7)


def test_hazard_73_xgboost_cross_validation_is_one_run(installer: str) -> None:
    """`cv` is one run that has the mean and the deviation over the folds of each round."""
    steno.autolog(log_models=False)
    found = xgboost.cv(XGB, _matrices()[0], num_boost_round=6, nfold=3, seed=1, as_pandas=False)
    run = the_run()
    assert sorted(found) == sorted(name for name in run.data.metrics if name.endswith(("-mean", "-std")))
    for name, values in found.items():
        assert points(run, name) == curve(values)


def test_hazard_74_lightgbm_early_stopping_keeps_every_round(lightgbm_plugin: None) -> None:
    """A training that stops early has every round until it stopped, also of the user's own metric."""
    train, test = _sets()
    kept: dict[str, dict[str, list[float]]] = {}
    booster = lightgbm.train(
        {**LGB, "learning_rate": 0.8},
        train,
        num_boost_round=200,
        valid_sets=[train, test],
        valid_names=["training", "test"],
        feval=_wrong_share_lgb,
        callbacks=[lightgbm.early_stopping(3, verbose=False), lightgbm.record_evaluation(kept)],
    )
    run = the_run()
    rounds = len(kept["test"]["binary_logloss"])
    assert rounds < 200
    for data in ("training", "test"):
        for metric in ("binary_logloss", "wrong_share"):
            assert points(run, f"{data}-{metric}") == curve(kept[data][metric]), (data, metric)
    assert run.data.metrics["best_iteration"] == booster.best_iteration


@pytest.mark.parametrize("boosting", ["gbdt", "dart"])
def test_hazard_74_lightgbm_continues_where_its_model_ended(lightgbm_plugin: None, boosting: str) -> None:
    """Rounds added by `init_model` are numbered on from there; with DART each round has the value of its own time."""
    train, test = _sets()
    kept: list[dict[str, dict[str, list[float]]]] = [{}, {}]
    booster = None
    for rounds, values in zip((6, 4), kept, strict=True):
        booster = lightgbm.train(
            {**LGB, "boosting": boosting, "drop_rate": 0.9},
            train,
            num_boost_round=rounds,
            valid_sets=[test],
            valid_names=["test"],
            init_model=booster,
            callbacks=[lightgbm.record_evaluation(values)],
        )
    before, after = runs()
    assert points(before, "test-binary_logloss") == curve(kept[0]["test"]["binary_logloss"])
    assert points(after, "test-binary_logloss") == curve(kept[1]["test"]["binary_logloss"], first=6)


def test_hazard_74_lightgbm_cross_validation_has_every_fold(lightgbm_plugin: None) -> None:
    """`cv` is one run with the curve of each fold; their mean is what lightgbm returns."""
    found = lightgbm.cv(LGB, _sets()[0], num_boost_round=5, nfold=3, stratified=False, seed=1)
    run = the_run()
    folds = [points(run, f"valid-binary_logloss-fold_{number}") for number in range(3)]
    assert [[step for step, _ in fold] for fold in folds] == [list(range(5))] * 3
    means = np.mean([[value for _, value in fold] for fold in folds], axis=0)
    np.testing.assert_allclose(means, found["valid binary_logloss-mean"], rtol=1e-12)


def test_hazard_74_lightgbm_is_left_alone(lightgbm_plugin: None) -> None:
    """The model is the same to the byte, the user's callbacks stay the user's, and off means the original functions."""
    train, test = _sets()
    mine = [lightgbm.record_evaluation({})]

    def trained() -> str:
        booster = lightgbm.train(LGB, train, 5, valid_sets=[test], callbacks=mine)
        text: str = booster.model_to_string()
        return text

    recorded = trained()
    assert len(mine) == 1
    model = lightgbm.LGBMClassifier(n_estimators=3, verbosity=-1, n_jobs=1)
    before = model.get_params()
    model.fit(X_train, y_train)
    assert model.get_params() == before
    steno.disable()
    assert trained() == recorded
    assert [run.data.tags.get("estimator_name") for run in runs()] == [None, "LGBMClassifier"]
