"""What steno saves, real MLflow loads; what MLflow saves, steno loads; each in a process of its own.

`STENO_TEST_MLFLOW_PYTHON` names a Python with MLflow 3, scikit-learn and xgboost, and without steno.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import DMatrix, XGBClassifier, train

import steno
from steno.errors import UntrustedModelError
from steno.models import Model, infer_signature, pyfunc

PYTHON = os.environ.get("STENO_TEST_MLFLOW_PYTHON")  # read before the tests unset it
needs_mlflow = pytest.mark.skipif(PYTHON is None, reason="STENO_TEST_MLFLOW_PYTHON names no Python with MLflow")

X, y = load_iris(return_X_y=True, as_frame=True)

MODELS: dict[str, tuple[str, Any]] = {
    "logistic": ("sklearn", LogisticRegression(max_iter=500).fit(X, y)),
    "forest": ("sklearn", RandomForestClassifier(5, random_state=0).fit(X, y)),
    "pipeline": ("sklearn", make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)),
    "mixed": ("sklearn", make_pipeline(StandardScaler(), XGBClassifier(n_estimators=3)).fit(X, y)),
    "classifier": ("xgboost", XGBClassifier(n_estimators=3).fit(X, y)),
    "booster": ("xgboost", train({"max_depth": 2}, DMatrix(X, y), 3)),
}

READ = """
import sys, warnings
import numpy as np
import mlflow
import mlflow.pyfunc, mlflow.sklearn, mlflow.xgboost
from mlflow.models import get_model_info
from sklearn.datasets import load_iris
assert not any(name.startswith("steno") for name in sys.modules)
X, y = load_iris(return_X_y=True, as_frame=True)
for path, flavor, name in zip(sys.argv[1::3], sys.argv[2::3], sys.argv[3::3]):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = mlflow.pyfunc.load_model(path)
        native = getattr(mlflow, flavor).load_model(path)
    assert loaded.metadata.signature.inputs.input_names() == list(X.columns)
    np.save(f"{name}.pyfunc.npy", loaded.predict(X))
    if name == "booster":
        import xgboost
        X_native = xgboost.DMatrix(X)
    else:
        X_native = X
    np.save(f"{name}.native.npy", native.predict(X_native))
    info = get_model_info(path)
    print(name, type(native).__name__, sorted(info.flavors), info.model_uuid)
"""

WRITE = """
import sys
import numpy as np
import mlflow
import xgboost
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
X, y = load_iris(return_X_y=True, as_frame=True)
def keep(flavor, name, model, predicted, **options):
    signature = mlflow.models.infer_signature(X, predicted)
    getattr(mlflow, flavor).save_model(model, name, signature=signature, pip_requirements=["numpy"], **options)
    np.save(f"{name}.npy", predicted)
for form in ("cloudpickle", "pickle", "skops"):
    model = LogisticRegression(max_iter=500).fit(X, y)
    keep("sklearn", f"logistic_{form}", model, model.predict(X), serialization_format=form)
for name, model in (
    ("forest", RandomForestClassifier(5, random_state=0)),
    ("pipeline", make_pipeline(StandardScaler(), LogisticRegression())),
):
    keep("sklearn", name, model.fit(X, y), model.predict(X), serialization_format="cloudpickle")
classifier = xgboost.XGBClassifier(n_estimators=3).fit(X, y)
keep("xgboost", "classifier", classifier, classifier.predict(X))
keep("xgboost", "classifier_json", classifier, classifier.predict(X), model_format="json")
booster = classifier.get_booster()
keep("xgboost", "booster", booster, booster.predict(xgboost.DMatrix(X)))
"""


def _mlflow(source: str, *args: str) -> str:
    assert PYTHON is not None
    Path("script.py").write_text(source)
    done = subprocess.run(
        [PYTHON, "script.py", *args],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db", "MLFLOW_DISABLE_TELEMETRY": "true"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _predicted(model: Any) -> Any:
    return model.predict(DMatrix(X) if type(model).__name__ == "Booster" else X)


@needs_mlflow
def test_mlflow_loads_what_we_log() -> None:
    """Real MLflow, in a process without steno, loads every model by flavor and by pyfunc and predicts the same."""
    args: list[str] = []
    with steno.start_run() as run:
        for name, (flavor, model) in MODELS.items():
            signature = infer_signature(X, _predicted(model))
            getattr(steno, flavor).log_model(model, name=name, signature=signature, input_example=X[:2])
            args += [f"{run.info.artifact_uri.removeprefix('file://')}/{name}", flavor, name]
    said = _mlflow(READ, *args).splitlines()
    assert [line.split()[:2] for line in said] == [[name, type(model).__name__] for name, (_, model) in MODELS.items()]
    for name, (_flavor, model) in MODELS.items():
        np.testing.assert_array_equal(np.load(f"{name}.pyfunc.npy"), _predicted(model))
        np.testing.assert_array_equal(np.load(f"{name}.native.npy"), _predicted(model))


@needs_mlflow
def test_we_load_what_mlflow_saves() -> None:
    """Every folder that MLflow saves loads by flavor and by pyfunc and predicts the same; pickles need trust."""
    _mlflow(WRITE)
    folders = sorted(file.parent for file in Path().glob("*/MLmodel"))
    assert len(folders) == 8
    for folder in folders:
        expected = np.load(f"{folder}.npy")
        flavor = "xgboost" if (folder / "MLmodel").read_text().count("mlflow.xgboost") else "sklearn"
        if flavor == "sklearn":
            with pytest.raises(UntrustedModelError):
                pyfunc.load_model(folder)
        trust = flavor == "sklearn"
        loaded = pyfunc.load_model(folder, trust=trust)
        np.testing.assert_array_equal(loaded.predict(X), expected)
        np.testing.assert_array_equal(loaded.predict(X.to_dict(orient="records")), expected)
        native = getattr(steno, flavor).load_model(folder, trust=trust)
        np.testing.assert_array_equal(_predicted(native), expected)
        signature = Model.load(folder).signature
        assert signature == infer_signature(X, expected)


@needs_mlflow
def test_our_signatures_are_mlflow_s() -> None:
    """For frames of many types, MLflow reads our signature and infers the same from the same data."""
    source = """
import json, sys, warnings
import numpy as np, pandas as pd
import mlflow
warnings.simplefilter("ignore")
frame = pd.DataFrame({
    "b": [True, False], "i8": np.array([1, 2], "i1"), "i": np.array([1, 2], "i4"), "l": [1, 2],
    "f": np.array([1, 2], "f4"), "d": [1.0, None], "s": ["a", None], "w": pd.to_datetime(["2024-01-01"] * 2),
    "a": [["x"], ["y", "z"]], "o": [{"k": 1}, {"k": 2, "m": "x"}], "r": [b"1", b"2"],
})
for data in (frame, np.zeros((2, 3, 4), "f4"), {"x": np.zeros(2), "y": np.zeros((2, 2), "i8")}, frame["d"]):
    print(json.dumps(mlflow.models.infer_signature(data).to_dict()["inputs"]))
"""
    theirs = _mlflow(source).splitlines()
    Path("ours.py").write_text(
        source.replace("import mlflow\n", "from steno.models import infer_signature\n").replace(
            "mlflow.models.infer_signature", "infer_signature"
        )
    )
    ours = subprocess.run(
        [sys.executable, "ours.py"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert ours == theirs
