"""A model of xgboost on disk and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steno.errors import InvalidInputError, ModelError

xgboost = pytest.importorskip("xgboost")

from steno_integrations.xgboost import XGBoost  # noqa: E402  after the framework is known to be there

X = np.random.default_rng(0).random((120, 4))
Y = (X[:, 0] + X[:, 1] > 1).astype(int)
KINDS = (X[:, 0] * 3).astype(int)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for the model."""
    path = tmp_path / "model"
    path.mkdir()
    return path


MODELS: dict[str, Callable[[], Any]] = {
    "booster": lambda: xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(X, Y), 4),
    "dart": lambda: xgboost.train({"booster": "dart", "rate_drop": 0.5}, xgboost.DMatrix(X, Y), 4),
    "classifier": lambda: xgboost.XGBClassifier(n_estimators=4).fit(X, Y),
    "three classes": lambda: xgboost.XGBClassifier(n_estimators=4).fit(X, KINDS),
    "regressor": lambda: xgboost.XGBRegressor(n_estimators=4, missing=0.25).fit(np.round(X * 4) / 4, Y),
    "stopped early": lambda: xgboost.XGBRegressor(n_estimators=40, early_stopping_rounds=2, eta=1.0).fit(
        X[:60], Y[:60], eval_set=[(X[60:], Y[60:])], verbose=False
    ),
    "forest": lambda: xgboost.XGBRFClassifier(n_estimators=4).fit(X, Y),
    "ranker": lambda: xgboost.XGBRanker(n_estimators=4).fit(X, Y, qid=np.repeat(np.arange(12), 10)),
    "linear": lambda: xgboost.XGBRegressor(booster="gblinear", updater="coord_descent", n_estimators=4).fit(X, Y),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back_as_it_was(name: str, folder: Path) -> None:
    """Any of xgboost's models comes back as the same class with the same predictions, and loading runs no code."""
    model, integration = MODELS[name](), XGBoost()
    saved = integration.saver(model, folder)
    loaded = integration.loader(folder, saved.conf)
    data = np.round(X * 4) / 4
    expected = model.predict(xgboost.DMatrix(data)) if isinstance(model, xgboost.Booster) else model.predict(data)

    assert type(loaded) is type(model)
    assert integration.predictor(loaded)(data).tolist() == expected.tolist()
    assert integration.predictor(loaded)(data).dtype == expected.dtype
    assert saved.runs_code is False
    assert [path.name for path in folder.iterdir()] == ["model.ubj"]


def test_the_layout_is_mlflows(folder: Path) -> None:
    """The flavor's block has MLflow's keys, so that MLflow loads the folder."""
    model = xgboost.XGBClassifier(n_estimators=2, max_depth=2, missing=-1.0).fit(X, Y)
    saved = XGBoost().saver(model, folder)

    assert saved.conf == {
        "xgb_version": xgboost.__version__,
        "data": "model.ubj",
        "model_class": "xgboost.sklearn.XGBClassifier",
        "model_format": "ubj",
        "code": None,
        "model_params": {
            "n_estimators": 2,
            "objective": "binary:logistic",
            "max_depth": 2,
            "missing": -1.0,
            "enable_categorical": False,
        },
    }
    assert saved.python_function == {"loader_module": "mlflow.xgboost", "data": "model.ubj"}
    assert saved.model_class == "xgboost.sklearn.XGBClassifier"


def test_what_mlflow_wrote_is_read(folder: Path) -> None:
    """A folder of MLflow's, JSON and without our own keys, loads."""
    model = xgboost.XGBClassifier(n_estimators=2).fit(X, Y)
    model.save_model(folder / "model.json")
    conf = {"data": "model.json", "model_class": "xgboost.sklearn.XGBClassifier", "model_format": "json"}
    loaded = XGBoost().loader(folder, conf)

    assert (loaded.predict(X) == model.predict(X)).all()
    assert loaded.classes_.tolist() == [0, 1]


def test_named_features_are_matched_when_an_array_comes(folder: Path) -> None:
    """A booster that was trained on named columns predicts from a bare array, and from the columns themselves."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    model = xgboost.train({}, xgboost.DMatrix(frame, Y), 3)
    saved = XGBoost().saver(model, folder)
    predict = XGBoost().predictor(XGBoost().loader(folder, saved.conf))

    assert predict(X).tolist() == predict(frame).tolist() == model.predict(xgboost.DMatrix(frame)).tolist()


def test_an_own_subclass_comes_back_as_xgboosts_class(folder: Path) -> None:
    """A class of a notebook is saved as the class that it extends: nothing of it needs to be there for loading."""

    class Mine(xgboost.XGBRegressor):  # type: ignore[misc, name-defined]  # no types
        pass

    model = Mine(n_estimators=2, max_depth=2).fit(X, Y)
    saved = XGBoost().saver(model, folder)
    loaded = XGBoost().loader(folder, saved.conf)

    assert type(loaded) is xgboost.XGBRegressor
    assert (loaded.predict(X) == model.predict(X)).all()
    assert loaded.max_depth == 2


@pytest.mark.parametrize("name", ["os.system", "nowhere.Model", "xgboost.core.DMatrix", "pathlib.Path"])
def test_a_class_that_is_no_model_is_refused(name: str, folder: Path) -> None:
    """A folder cannot have any class or function of Python's called."""
    with pytest.raises(ModelError, match="accepted are xgboost's own classes"):
        XGBoost().loader(folder, {"data": "model.ubj", "model_class": name})


def test_data_outside_the_folder_is_refused(folder: Path) -> None:
    """A folder cannot name a file elsewhere as its model."""
    with pytest.raises(ModelError, match="outside"):
        XGBoost().loader(folder, {"data": "../elsewhere.ubj", "model_class": "xgboost.core.Booster"})


@pytest.mark.parametrize("model", [object(), xgboost.XGBClassifier()], ids=["foreign", "unfitted"])
def test_what_cannot_be_saved_says_why(model: Any, folder: Path) -> None:
    """An object that is no model, or one that was never fitted, gives an error with what to do."""
    with pytest.raises(ModelError, match=r"accepted are|call its fit"):
        XGBoost().saver(model, folder)


def test_a_file_that_is_no_model_says_so(folder: Path) -> None:
    """Data that xgboost cannot read is an error of ours, with xgboost's own behind it."""
    (folder / "model.ubj").write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"xgboost cannot read .*model\.ubj"):
        XGBoost().loader(folder, {"data": "model.ubj"})


def test_the_format_is_xgboosts_binary_json_unless_asked(folder: Path) -> None:
    """`model_format="json"` writes text; any other word is refused."""
    model, integration = xgboost.XGBRegressor(n_estimators=2).fit(X, Y), XGBoost()
    saved = integration.saver(model, folder, model_format="json")

    assert (saved.conf["data"], saved.conf["model_format"]) == ("model.json", "json")
    assert (integration.loader(folder, saved.conf).predict(X) == model.predict(X)).all()
    with pytest.raises(InvalidInputError, match="accepted are ubj and json"):
        integration.saver(model, folder, model_format="pickle")


def test_loading_runs_no_code(folder: Path) -> None:
    """A model of xgboost's needs no trust, whatever its folder says."""
    assert XGBoost().runs_code(folder, {"data": "model.pkl"}) is False
