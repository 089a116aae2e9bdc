"""One interface to every model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import __version__ as sklearn_here
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.preprocessing import StandardScaler
from xgboost import DMatrix, XGBClassifier, train

import steno
from steno.errors import ModelError, SchemaError
from steno.models import Model, infer_signature, pyfunc
from steno.models.flavors import save_model
from steno.plugin import Integration

X, y = load_iris(return_X_y=True, as_frame=True)


def test_a_logged_model_predicts_for_any_form_of_the_data() -> None:
    """Frames in any column order, with more columns, polars, arrays, records and lists give the same prediction."""
    model = RandomForestClassifier(10, random_state=0).fit(X, y)
    expected = model.predict(X)
    sklearn: Any = steno.sklearn
    with steno.start_run() as run:
        info = sklearn.log_model(model, name="model", signature=infer_signature(X, expected))
    loaded = pyfunc.load_model(f"runs:/{run.info.run_id}/model")
    forms: list[Any] = [
        X,
        X[list(X.columns)[::-1]],
        X.assign(extra=1),
        pl.from_pandas(X),
        X.to_numpy(),
        X.to_numpy(np.float32),
        X.to_dict(orient="records"),
        X.to_dict(orient="list"),
        X.to_numpy().tolist(),
    ]
    for form in forms:
        assert (np.asarray(loaded.predict(form)) == expected).mean() > 0.99
    with pytest.raises(SchemaError, match="column 'petal width \\(cm\\)' is missing"):
        loaded.predict(X.drop(columns="petal width (cm)"))
    assert loaded.metadata == Model.load(run.info.artifact_uri.removeprefix("file://") + "/model")
    assert (loaded.model_id, type(loaded.get_raw_model())) == (info.model_id, RandomForestClassifier)
    assert repr(loaded) == f"PyFuncModel(sklearn, model_id={info.model_id!r}, run_id={run.info.run_id!r})"


def test_boosters_and_their_classes_predict() -> None:
    """Both kinds of xgboost model come back as what they were and predict from a frame; they need no trust."""
    classifier = XGBClassifier(n_estimators=3).fit(X, y)
    booster = train({"max_depth": 2}, DMatrix(X, y), 3)
    xgboost: Any = steno.xgboost
    for name, model, expected in (
        ("classifier", classifier, classifier.predict(X)),
        ("booster", booster, booster.predict(DMatrix(X))),
    ):
        xgboost.save_model(model, name, signature=infer_signature(X, expected))
        loaded = pyfunc.load_model(name)
        np.testing.assert_array_equal(loaded.predict(X), expected)
        np.testing.assert_array_equal(loaded.predict(X.to_numpy()), expected)
        assert type(loaded.get_raw_model()) is type(model)


def test_a_transformer_loads_and_does_not_predict() -> None:
    """What has no `predict` loads as what it is, and says so when asked to predict."""
    sklearn: Any = steno.sklearn
    sklearn.save_model(StandardScaler().fit(X), "scaler")
    loaded = pyfunc.load_model("scaler", trust=True)
    assert loaded.get_raw_model().mean_.shape == (4,)
    with pytest.raises(ModelError, match="StandardScaler does not predict"):
        loaded.predict(X)


def test_a_flavor_that_nobody_serves_is_named(toy: Integration) -> None:
    """The error says which flavors the folder has and which are installed."""
    save_model(toy, {"number": 1}, "model")
    with pytest.raises(ModelError, match=r"has the flavors toy, which no installed integration loads.*sklearn"):
        pyfunc.load_model("model")


def test_without_a_signature_data_is_passed_on() -> None:
    """A model that was saved without a signature takes whatever it takes."""
    sklearn: Any = steno.sklearn
    model = RandomForestClassifier(3, random_state=0).fit(X.to_numpy(), y)
    sklearn.save_model(model, "model")
    loaded = pyfunc.load_model("model", trust=True)
    assert (loaded.predict(X.to_numpy()) == model.predict(X.to_numpy())).all()


def test_predict_proba_can_be_the_function_that_predicts() -> None:
    """A folder whose `predict_fn` names another method predicts by it; what it lacks or hides is refused."""
    sklearn: Any = steno.sklearn
    model = RandomForestClassifier(3, random_state=0).fit(X, y)
    sklearn.save_model(model, "model")
    described = Model.load("model")
    for name, works in (("predict_proba", True), ("nothing", False), ("__class__", False)):
        described.flavors["python_function"]["predict_fn"] = name
        described.extra.pop("steno_version", None)
        described.save("model")
        Path("model/manifest.json").unlink(missing_ok=True)
        if works:
            assert pd.DataFrame(pyfunc.load_model("model", trust=True).predict(X)).shape == (150, 3)
        else:
            with pytest.raises(SchemaError, match="function that predicts"):
                pyfunc.load_model("model", trust=True)


def test_a_model_that_cannot_be_read_says_what_differs() -> None:
    """Where a version differs from that of the save, the error says so; a healthy load says nothing."""
    steno.sklearn.save_model(
        RandomForestClassifier(3).fit(X, y), "model", pip_requirements=["scikit-learn==0.1", "no-such"]
    )
    Path("model/model.pkl").write_bytes(b"\x80\x05cnowhere.to_be\nFound\n.")
    Path("model/manifest.json").unlink()
    described = Model.load("model")
    del described.extra["steno_version"]
    described.save("model")
    with pytest.raises(
        ModelError, match=rf"No module named 'nowhere'; it was saved with scikit-learn==0.1 \(here {sklearn_here}"
    ):
        pyfunc.load_model("model", trust=True)
