"""Hazards in the middle of a training: Ctrl-C in our code, and data and params that change meanwhile."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

import steno
from tests.hazards.records import runs, the_run

X, y = load_iris(return_X_y=True)


class _Interrupts(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """An estimator at whose prediction or pickling the user presses Ctrl-C."""

    def __init__(self, where: str = "") -> None:
        self.where = where

    def fit(self, X: Any, y: Any) -> _Interrupts:
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        if self.where == "scoring":
            signal.raise_signal(signal.SIGINT)
        return np.full(len(X), self.classes_[0])

    def __getstate__(self) -> Any:
        if self.where == "saving" and getattr(self, "classes_", None) is not None:
            signal.raise_signal(signal.SIGINT)
        return vars(self)


@pytest.mark.parametrize("where", ["scoring", "saving"])
def test_hazard_45_ctrl_c_in_our_code_leaves_nothing_half_done(installer: str, where: str) -> None:
    """Ctrl-C while we score or save: the result or the interrupt arrives, the run is closed, no model is half there."""
    steno.autolog()
    model = _Interrupts(where)
    interrupted = False
    try:
        assert model.fit(X, y) is model
    except KeyboardInterrupt:
        interrupted = True
    (run,) = runs()
    assert run.info.status in (("KILLED",) if interrupted else ("FINISHED", "KILLED"))
    assert run.data.params["where"] == where
    written = [file.parent for file in Path().rglob("MLmodel")]
    assert len(written) == len(run.outputs.model_outputs)
    for folder in written:
        steno.pyfunc.load_model(str(folder))
    model.where = ""
    model.fit(X, y)  # and all goes on
    assert runs()[-1].info.status == "FINISHED"
    assert len(runs()) == 2


def test_hazard_38_data_that_changes_during_fit_is_recorded_as_it_was(installer: str) -> None:
    """The digest of the training data is that of the call, though the estimator writes into its X."""

    class Scrambles(DecisionTreeClassifier):  # type: ignore[misc]  # scikit-learn ships no types
        def fit(self, X: Any, y: Any) -> Any:
            super().fit(X, y)
            X[:] = 0.0
            self.max_depth = 99
            return self

    steno.autolog(log_models=False)
    DecisionTreeClassifier(max_depth=2).fit(X.copy(), y)
    mine = X.copy()
    Scrambles(max_depth=2).fit(mine, y)
    assert not mine.any()
    plain, scrambled = runs()
    digests = [run.inputs.dataset_inputs[0].dataset.digest for run in (plain, scrambled)]
    assert digests[0] == digests[1]
    assert scrambled.data.params["max_depth"] == "2"


def test_hazard_38_params_and_callbacks_that_change_during_train(installer: str) -> None:
    """A callback that empties the params and appends to the callbacks changes nothing in the record or the training."""
    params: dict[str, Any] = {"max_depth": 2, "eta": 0.5, "nthread": 1}

    class Meddles(xgboost.callback.TrainingCallback):  # type: ignore[misc]  # xgboost ships no types
        def before_training(self, model: Any) -> Any:
            params.clear()
            params["max_depth"] = 7
            return model

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            callbacks.append(Meddles())
            return False

    callbacks: list[Any] = [Meddles()]
    steno.autolog(log_models=False)
    data = xgboost.DMatrix(X, y, nthread=1)
    xgboost.train(params, data, 3, evals=[(data, "train")], callbacks=callbacks, verbose_eval=False)
    run = the_run()
    assert (run.data.params["max_depth"], run.data.params["eta"]) == ("2", "0.5")
    assert params == {"max_depth": 7}
    assert len(callbacks) == 4
    assert all(type(each) is Meddles for each in callbacks)
