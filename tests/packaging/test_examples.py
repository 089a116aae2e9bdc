"""The examples are packages of third parties: built, installed beside a wheel of ours, and tested there."""

from __future__ import annotations

import ast
import os
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.packaging.environments import ROOT, Environment, wheel_of

EXAMPLES = ROOT / "examples"
MLFLOW = os.environ.get("STENO_TEST_MLFLOW_PYTHON", "")

needs_catboost = pytest.mark.skipif(find_spec("catboost") is None, reason="catboost is not installed here")


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """An environment with our wheel."""
    made = Environment(tmp_path / "environment")
    made.install(wheel_of(ROOT))
    return made


def assert_passes(environment: Environment, project: Path, folder: Path) -> None:
    """The project's own tests pass in the environment."""
    command = ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(project / "pyproject.toml"))
    done = environment.run(*command, str(project / "tests"), cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_third_partys_plugin_passes_its_tests_beside_our_wheel(environment: Environment, tmp_path: Path) -> None:
    """`steno-toy`, a wheel in an environment of its own, passes the whole kit with nothing of this tree."""
    project = EXAMPLES / "steno-toy"
    environment.install(wheel_of(project), wheel_of(project / "framework"))

    assert_passes(environment, project, tmp_path)
    script = "import steno, steno_toy, toy; print(*(each.__file__ for each in (steno, steno_toy, toy)), sep='\\n')"
    done = environment.run("python", "-c", script, cwd=tmp_path)
    assert [Path(line).is_relative_to(tmp_path) for line in done.stdout.splitlines()] == [True, True, True]


@needs_catboost
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_plugin_of_catboost_passes_its_tests_beside_our_wheel(environment: Environment, tmp_path: Path) -> None:
    """`steno-catboost` passes the whole kit with the real CatBoost."""
    project = EXAMPLES / "steno-catboost"
    environment.install(wheel_of(project))

    assert_passes(environment, project, tmp_path)


@needs_catboost
@pytest.mark.skipif(not MLFLOW, reason="STENO_TEST_MLFLOW_PYTHON names no interpreter with MLflow")
def test_models_of_catboost_go_to_mlflow_and_come_back(environment: Environment, tmp_path: Path) -> None:
    """Real MLflow loads what `steno-catboost` saves, natively and as a pyfunc, and `steno` loads what MLflow saves."""
    environment.install(wheel_of(EXAMPLES / "steno-catboost"))
    trained = environment.run("python", "-c", SAVE, cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    found = find_spec("catboost")
    assert found is not None
    assert found.submodule_search_locations is not None
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/catboost").symlink_to(found.submodule_search_locations[0])

    theirs = subprocess.run(
        [MLFLOW, "-c", THROUGH_MLFLOW],
        capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, "PYTHONPATH": "linked"},
    )  # fmt: skip
    assert (theirs.returncode, theirs.stdout.splitlines()[-1]) == (0, "same True True"), theirs.stderr
    back = environment.run("python", "-c", LOAD, cwd=tmp_path)
    assert (back.returncode, back.stdout.splitlines()[-1]) == (0, "CatBoostClassifier True True"), back.stderr


DATA = """
import numpy as np
X = np.random.default_rng(0).normal(size=(60, 3))
y = (X[:, 0] > 0).astype(int)
"""
SAVE = f"""{DATA}
import steno
from catboost import CatBoostClassifier
steno.autolog()
model = CatBoostClassifier(iterations=5, verbose=False, allow_writing_files=False).fit(X, y)
np.save("expected.npy", model.predict(X))
steno.catboost.save_model(model, "ours")
"""
THROUGH_MLFLOW = f"""{DATA}
import mlflow, mlflow.catboost
expected = np.load("expected.npy")
model = mlflow.catboost.load_model("ours")
same = (model.predict(X) == expected).all(), (mlflow.pyfunc.load_model("ours").predict(X) == expected).all()
mlflow.catboost.save_model(model, "theirs")
print("same", *same)
"""
LOAD = f"""{DATA}
import steno
expected = np.load("expected.npy")
model = steno.catboost.load_model("theirs", trust=True)
loaded = steno.pyfunc.load_model("theirs", trust=True)
print(type(model).__name__, (model.predict(X) == expected).all(), (loaded.predict(X) == expected).all())
"""


def test_the_plugin_of_catboost_is_short_and_the_core_does_not_know_it() -> None:
    """A real integration takes less than 60 lines, and no code of the core names the framework that it serves."""
    lines = (EXAMPLES / "steno-catboost/src/steno_catboost.py").read_text(encoding="utf-8").splitlines()
    core = list((ROOT / "core").rglob("*.py"))

    assert len(lines) < 60
    assert [path.name for path in core if "catboost" in without_docstrings(path).lower()] == []


def without_docstrings(path: Path) -> str:
    """The code of a module, without what is said about it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = [*node.body[1:], ast.Pass()]
    return ast.unparse(tree)
