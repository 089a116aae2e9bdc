"""Models on disk."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

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
