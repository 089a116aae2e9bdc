"""MLflow's getting-started script: its only change is the import."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import RunPython

# Written against MLflow's public API; `import mlflow` is the line that changes.
BY_HAND = """
import mlflow
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

X, y = load_iris(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
params = {"solver": "lbfgs", "max_iter": 1000, "random_state": 8888}
model = LogisticRegression(**params).fit(X_train, y_train)
accuracy = accuracy_score(y_test, model.predict(X_test))

mlflow.set_experiment("getting started")
with mlflow.start_run() as run:
    mlflow.log_params(params)
    mlflow.log_metric("accuracy", accuracy)
    mlflow.set_tag("purpose", "first steps")
    signature = mlflow.models.infer_signature(X_train, model.predict(X_train))
    info = mlflow.sklearn.log_model(model, name="iris_model", signature=signature, input_example=X_train[:3])

loaded = mlflow.pyfunc.load_model(info.model_uri)
assert (loaded.predict(X_test) == model.predict(X_test)).all()
again = mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/iris_model")
assert (again.predict_proba(X_test) == model.predict_proba(X_test)).all()

found = mlflow.get_run(run.info.run_id)
(listed,) = mlflow.search_runs(experiment_names=["getting started"], output_format="list")
assert listed.info.run_id == run.info.run_id
import json
print(json.dumps({
    "status": found.info.status,
    "params": dict(found.data.params),
    "metrics": dict(found.data.metrics),
    "purpose": found.data.tags["purpose"],
    "experiment": mlflow.get_experiment(found.info.experiment_id).name,
}))
"""

AUTOMATIC = """
import mlflow
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import train_test_split

mlflow.autolog()

X_train, X_test, y_train, y_test = train_test_split(*load_diabetes(return_X_y=True), random_state=0)
forest = RandomForestRegressor(n_estimators=10, max_depth=6, max_features=3, random_state=0)
forest.fit(X_train, y_train)
predictions = forest.predict(X_test)

run = mlflow.last_active_run()
import json
print(json.dumps({
    "status": run.info.status,
    "depth": run.data.params["max_depth"],
    "metrics": sorted(key for key in run.data.metrics if key.startswith("training_")),
}))
"""


def with_steno(script: str) -> str:
    """The script with its one line changed."""
    assert script.count("import mlflow\n") == 1
    return script.replace("import mlflow\n", "import steno as mlflow\n")


def test_a_script_that_logs_by_hand_runs_unchanged(run_python: RunPython) -> None:
    """Experiment, run, params, metric, tag, model, loading and search work under MLflow's names and arguments."""
    done = run_python(with_steno(BY_HAND))

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found == {
        "status": "FINISHED",
        "params": {"solver": "lbfgs", "max_iter": "1000", "random_state": "8888"},
        "metrics": {"accuracy": 1.0},
        "purpose": "first steps",
        "experiment": "getting started",
    }


def test_a_script_that_autologs_runs_unchanged(run_python: RunPython) -> None:
    """`autolog()` records the params and the metrics that MLflow records, under its names."""
    done = run_python(with_steno(AUTOMATIC))

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "status": "FINISHED",
        "depth": "6",
        "metrics": [
            "training_mean_absolute_error",
            "training_mean_squared_error",
            "training_r2_score",
            "training_root_mean_squared_error",
            "training_score",
        ],
    }


@pytest.mark.parametrize("script", [BY_HAND, AUTOMATIC], ids=["by hand", "autolog"])
def test_nothing_is_written_outside_the_store(run_python: RunPython, script: str) -> None:
    """A script leaves one new folder in the project, `.steno`, and nothing else."""
    done = run_python(with_steno(script))

    assert done.returncode == 0, done.stderr
    assert {path.name for path in Path.cwd().iterdir()} == {"pyproject.toml", ".steno"}
