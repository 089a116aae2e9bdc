"""Our own flavors, held to the contract that third parties' are held to."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar

import numpy as np
import pytest

from steno.testing import FlavorContract, Interpreter, IsolatedStore
from tests.core.testing.conftest import Tiny

X = np.random.default_rng(0).normal(size=(60, 3))
y = X @ [1.0, -2.0, 0.5]


class TestScikitLearnModels(FlavorContract):
    integration = "sklearn"

    def fit(self) -> Any:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y > 0)

    def rows(self) -> Any:
        return X[:7]


class TestXGBoostBoosters(FlavorContract):
    integration = "xgboost"

    def fit(self) -> Any:
        import xgboost

        return xgboost.train({"max_depth": 2, "seed": 1}, xgboost.DMatrix(X, y), 3)

    def rows(self) -> Any:
        return X[:7]

    def predict(self, model: Any, rows: Any) -> Any:
        import xgboost

        return model.predict(xgboost.DMatrix(rows))


class TestXGBoostEstimatorsAsJson(FlavorContract):
    integration = "xgboost"
    save_options: ClassVar = {"model_format": "json"}

    def fit(self) -> Any:
        from xgboost import XGBRegressor

        return XGBRegressor(n_estimators=3, max_depth=2, random_state=1).fit(X, y)

    def rows(self) -> Any:
        return X[:7]


class TinyModels(FlavorContract):
    integration = "tinyfw"

    def fit(self) -> Any:
        return importlib.import_module("tinyfw").Model().fit(X)

    def rows(self) -> Any:
        return X[:7]


# What is changed in a saver or loader, the promise that is broken by it, and what is said.
BROKEN: dict[str, tuple[tuple[str, str], str, str]] = {
    "a loader that gives another class": (
        ("        return model\n", "        return vars(model)\n"),
        "a_loaded_model_is_the_model_that_was_saved",
        "a Model comes back as dict",
    ),
    "a loader that forgets": (
        ("        return model\n", "        model.mean_ = 0.0\n        return model\n"),
        "a_loaded_model_is_the_model_that_was_saved",
        "loaded, the model predicts something else",
    ),
    "a predictor of its own mind": (
        (
            "    def runs_code",
            "    def predictor(self, model):\n        return lambda rows: [0.0]\n\n    def runs_code",
        ),
        "pyfunc_predicts_what_the_model_predicts",
        "by steno.pyfunc the model predicts something else",
    ),
    "a saver that changes the model": (
        ("        (folder /", "        model.saved_ = True\n        (folder /"),
        "saving_leaves_the_model_as_it_is",
        "saving changed the model",
    ),
    "a saver that takes anything for a model": (
        ('!= "Model"', '== "no such"'),
        "another_object_is_saved_whole_or_refused",
        "an object of another class is saved, and comes back as <tinyfw.core.Model",
    ),
    "a refusal that names nothing": (
        ('f"{type(model).__name__} is no model of tinyfw"', '"no"'),
        "another_object_is_saved_whole_or_refused",
        "is refused without a word of its class: no",
    ),
    "a loader that needs the process of the training": (
        ("        from tinyfw import Model\n", "        import sys\n        Model = sys.modules['tinyfw'].Model\n"),
        "a_fresh_process_loads_it",
        "a fresh process cannot load the model",
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_flavor_is_seen(
    tiny: Tiny, broken: str, steno_store: IsolatedStore, steno_python: Interpreter
) -> None:
    """A saver or loader that is broken in one place fails the promise for it, and is told where to look."""
    change, promise, text = BROKEN[broken]
    tiny.plugin(change)
    check = getattr(TinyModels(), f"test_{promise}")
    with pytest.raises(pytest.fail.Exception) as failure:
        check(steno_store, steno_python) if "fresh" in promise else check(steno_store)
    said = str(failure.value)
    assert said.startswith("FLAVOR tinyfw: ")
    assert text in said
    assert "of Tiny in " in said


def test_a_whole_flavor_passes(tiny: Tiny, steno_store: IsolatedStore, steno_python: Interpreter) -> None:
    """A saver and loader with nothing wrong keep every promise."""
    subject = TinyModels()
    for name in sorted(name for name in dir(subject) if name.startswith("test_") and "mlflow" not in name):
        check = getattr(subject, name)
        with IsolatedStore.made_in(steno_store.path / name) as store:
            check(store, steno_python) if "fresh" in name else check(store)
