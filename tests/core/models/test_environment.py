"""What a model needs to run elsewhere."""

from __future__ import annotations

import importlib.metadata
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from xgboost import XGBClassifier

from steno.models.environment import conda_env, modules_named_in, python_env, required

Run = Callable[..., subprocess.CompletedProcess[str]]


def _pin(name: str) -> str:
    return f"{name}=={importlib.metadata.version(name)}"


def test_requirements_have_exact_versions() -> None:
    """Distributions are found by their own name and by the names of their modules, with the version that is loaded."""
    found = required(["scikit-learn", "cloudpickle"], ["yaml", "numpy._core.multiarray", "sklearn.tree", "json"])
    assert found.requirements == (_pin("cloudpickle"), _pin("numpy"), _pin("pyyaml"), _pin("scikit-learn"))
    assert found.local_modules == ()


def test_what_the_caller_pins_stays() -> None:
    """A requirement with a version, an extra or an URL is kept as it was written."""
    found = required(["numpy>=1", "polars[all]", "private-thing", "x @ https://e.org/x.whl"], ["numpy"])
    assert found.requirements == (
        "numpy>=1",
        f"polars[all]=={importlib.metadata.version('polars')}",
        "private-thing",
        "x @ https://e.org/x.whl",
    )


def test_a_pickle_tells_which_modules_it_needs(tmp_path: Path) -> None:
    """Every package inside a pipeline is found, with no look at the objects themselves."""
    model = make_pipeline(StandardScaler(), FunctionTransformer(np.log1p), XGBClassifier(n_estimators=1))
    file = tmp_path / "model.pkl"
    file.write_bytes(cloudpickle.dumps(model))
    assert {name.partition(".")[0] for name in modules_named_in(file)} >= {"sklearn", "numpy", "xgboost"}
    file.write_bytes(pickle.dumps(RandomForestClassifier(3).fit([[0], [1]], [0, 1]), protocol=5))
    assert {name.partition(".")[0] for name in modules_named_in(file)} == {"sklearn", "numpy"}
    file.write_bytes(b"no pickle, but sklearn.linear_model")
    assert modules_named_in(file) == set()


def test_text_inside_a_model_is_no_requirement(tmp_path: Path) -> None:
    """A value that happens to be the name of a module is not taken for one."""
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps({"solver": "yaml", "backend": "pandas"}, protocol=5))
    assert modules_named_in(file) == set()


def test_modules_of_functions_pickled_by_value_are_found(run_python: Run) -> None:
    """A lambda of a script that uses a library needs that library."""
    done = run_python(
        "import pathlib, cloudpickle, yaml\n"
        "from steno.models.environment import modules_named_in\n"
        "path = pathlib.Path('model.pkl')\n"
        "path.write_bytes(cloudpickle.dumps(lambda x: yaml.dump(x)))\n"
        "print('yaml' in modules_named_in(path))\n"
    )
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_a_large_pickle_is_read_at_both_ends(tmp_path: Path) -> None:
    """What is named after a hundred megabytes of data is found too, in a moment."""
    file = tmp_path / "model.pkl"
    model = [LogisticRegression(), bytes(50_000_000), XGBClassifier]
    file.write_bytes(pickle.dumps(model, protocol=5))
    start = time.perf_counter()
    found = {name.partition(".")[0] for name in modules_named_in(file)}
    assert found == {"sklearn", "xgboost"}
    assert time.perf_counter() - start < 2


def test_modules_of_the_project_are_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A module beside the script cannot be required, and is reported by name."""
    (tmp_path / "my_features.py").write_text("def scale(x):\n    return x\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__("my_features")
    try:
        found = required([], ["my_features", "numpy"])
    finally:
        del sys.modules["my_features"]
    assert found.requirements == (_pin("numpy"),)
    assert found.local_modules == ("my_features",)


def test_nothing_is_started_and_it_is_quick(run_python: Run) -> None:
    """The first answer takes at most 50 ms of CPU time, later ones a millisecond, and no process is started."""
    done = run_python(
        "import sys, time\n"
        "sys.addaudithook(lambda event, args: event in ('subprocess.Popen', 'os.fork', 'os.exec') and 1 / 0)\n"
        "import sklearn.linear_model, yaml, pandas\n"
        "from steno.models.environment import required\n"
        "def once():\n"
        "    start = time.process_time()\n"
        "    required(['scikit-learn', 'cloudpickle'], ['sklearn.linear_model', 'yaml', 'pandas', 'numpy'])\n"
        "    return time.process_time() - start\n"
        "first, later = once(), min(once() for _ in range(20))\n"
        "print(first < 0.05, later < 0.001)\n"
    )
    assert (done.stdout, done.stderr) == ("True True\n", "")


def test_environment_files_have_mlflow_s_keys() -> None:
    """python_env.yaml and conda.yaml name this Python, pip and the requirements."""
    version = ".".join(map(str, sys.version_info[:3]))
    env = python_env()
    assert (env["python"], env["dependencies"]) == (version, ["-r requirements.txt"])
    conda = conda_env(["numpy==2.0"])
    assert conda["channels"] == ["conda-forge"]
    assert conda["dependencies"][0] == f"python={version}"
    assert conda["dependencies"][-1] == {"pip": ["numpy==2.0"]}
