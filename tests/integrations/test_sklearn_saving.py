"""Models on disk."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import steno
from steno.models import infer_signature
from steno_integrations.sklearn.saving import load, save

MLFLOW_PYTHON = os.environ.get("STENO_TEST_MLFLOW_PYTHON", "")


@pytest.mark.parametrize("serialization_format", ["cloudpickle", "pickle", "skops"])
def test_a_model_comes_back_as_it_was(tmp_path: Path, serialization_format: str) -> None:
    """Each format reads back to a model that predicts the same and pickles to the same bytes."""
    if serialization_format == "skops":
        pytest.importorskip("skops")
    X, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=500).fit(X, y)
    saved = save(model, tmp_path, serialization_format)
    loaded = load(tmp_path, saved.conf)
    assert type(loaded) is LogisticRegression
    assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert saved.runs_code is (serialization_format != "skops")  # a linear model holds nothing that skops distrusts
    assert saved.conf["serialization_format"] == serialization_format
    assert saved.python_function["loader_module"] == "mlflow.sklearn"


def test_a_block_without_a_format_is_an_old_pickle(tmp_path: Path) -> None:
    """Models that early MLflow wrote, without a format in their MLmodel, load as pickles."""
    (tmp_path / "model.pkl").write_bytes(pickle.dumps({"an": "estimator"}))
    assert load(tmp_path, {"pickled_model": "model.pkl"}) == {"an": "estimator"}


def test_an_unknown_format_says_what_there_is(tmp_path: Path) -> None:
    """A wrong format is refused with the formats that exist."""
    with pytest.raises(ValueError, match="cloudpickle, pickle, skops"):
        save(object(), tmp_path, "joblib")


def test_a_class_of_a_script_goes_with_its_model(tmp_path: Path, run_python: Any) -> None:
    """A model of a class defined in a notebook or script loads where that class does not exist."""
    written = run_python(
        """
import json, sys
from pathlib import Path
from sklearn.base import BaseEstimator
from steno_integrations.sklearn.saving import save

class Mine(BaseEstimator):
    def predict(self, X):
        return [42 for _ in X]

print(json.dumps(dict(save(Mine(), Path(sys.argv[1])).conf)))
""",
        str(tmp_path),
    )
    assert written.returncode == 0, written.stderr
    loaded = load(tmp_path, json.loads(written.stdout))
    assert loaded.predict([1, 2]) == [42, 42]


TEXTS = ["a good film", "bad", "good", "a bad film"] * 5
FILMS = [{"year": 1960 + row, "genre": "noir"} if row % 2 else {"year": 2000 + row} for row in range(20)]


@pytest.mark.parametrize("container", [pd.Series, pl.Series], ids=["pandas", "polars"])
def test_a_model_of_texts_predicts_from_any_form_of_them(container: Any) -> None:
    """A model trained on a column by itself predicts the same from it, from lists and arrays, and from a table."""
    steno.autolog()
    model = make_pipeline(TfidfVectorizer(), LogisticRegression())
    texts = container(name="review", **{"data" if container is pd.Series else "values": TEXTS})
    model.fit(texts, ["good" in text for text in TEXTS])
    loaded = steno.pyfunc.load_model(f"runs:/{_last_run_id()}/model")
    forms = (
        texts,
        TEXTS,
        np.array(TEXTS),
        np.array(TEXTS)[:, None],
        pd.Series(TEXTS, index=range(7, 27)),
        pd.DataFrame({"other": 1, "review": TEXTS}),
        pl.DataFrame({"review": TEXTS}),
        {"review": TEXTS},
        [{"review": text} for text in TEXTS],
    )
    for form in forms:
        assert loaded.predict(form).tolist() == model.predict(texts).tolist()
    assert loaded.predict(["good"]).tolist() == [True]


def test_a_model_of_records_predicts_from_any_form_of_them() -> None:
    """A model trained on dicts gets dicts, whether dicts, a table or columns come in; what is missing stays missing."""
    steno.autolog()
    model = make_pipeline(DictVectorizer(), LogisticRegression()).fit(FILMS, [row % 2 for row in range(20)])
    loaded = steno.pyfunc.load_model(f"runs:/{_last_run_id()}/model")
    columns = {"year": [film["year"] for film in FILMS], "genre": [film.get("genre") for film in FILMS]}
    for form in (FILMS, pd.DataFrame(FILMS), pl.DataFrame(columns), columns):
        assert np.array_equal(loaded.predict(form), model.predict(FILMS))


def _last_run_id() -> str:
    run = steno.last_active_run()
    assert run is not None
    assert "steno.faults" not in run.data.tags
    return run.info.run_id


def test_the_method_that_predicts_can_be_chosen() -> None:
    """`pyfunc_predict_fn` names the method by which `steno.pyfunc` predicts, as in MLflow; a wrong name is refused."""
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=500).fit(X, y)
    steno.sklearn.save_model(model, "model", pyfunc_predict_fn="predict_proba", input_example=X[:3])
    loaded = steno.pyfunc.load_model("model", trust=True)
    assert np.array_equal(loaded.predict(X), model.predict_proba(X))
    assert loaded.metadata.signature == infer_signature(X, model.predict_proba(X))
    with pytest.raises(ValueError, match="pyfunc_predict_fn is 'predict_all', accepted is a method of Logistic"):
        steno.sklearn.save_model(model, "other", pyfunc_predict_fn="predict_all")


@pytest.mark.skipif(not MLFLOW_PYTHON, reason="STENO_TEST_MLFLOW_PYTHON names no interpreter that has MLflow")
def test_mlflow_reads_the_flavor(tmp_path: Path) -> None:
    """MLflow itself loads the folder by the block that we write, and we load the one that MLflow writes."""
    X, y = load_iris(return_X_y=True)
    model = RandomForestClassifier(3, random_state=0).fit(X, y)
    saved = save(model, tmp_path)
    block = {"flavors": {"sklearn": dict(saved.conf), "python_function": dict(saved.python_function)}}
    (tmp_path / "MLmodel").write_text(json.dumps(block))
    theirs = tmp_path / "theirs"
    source = (
        "import sys, json, mlflow.sklearn, mlflow.pyfunc\n"
        "model = mlflow.sklearn.load_model(sys.argv[1])\n"
        "print(json.dumps(mlflow.pyfunc.load_model(sys.argv[1]).predict([[5.1, 3.5, 1.4, 0.2]]).tolist()))\n"
        "mlflow.sklearn.save_model(model, sys.argv[2], serialization_format='cloudpickle', pip_requirements=[])\n"
    )
    ran = subprocess.run(
        [MLFLOW_PYTHON, "-c", source, str(tmp_path), str(theirs)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout.splitlines()[-1]) == model.predict([[5.1, 3.5, 1.4, 0.2]]).tolist()
    back = load(theirs, {"pickled_model": "model.pkl", "serialization_format": "cloudpickle"})
    assert np.array_equal(back.predict(X), model.predict(X))
