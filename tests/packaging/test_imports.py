"""Importing steno costs next to nothing and brings nothing with it."""

from __future__ import annotations

import json
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import steno
from conftest import RunPython

ROOT = Path(steno.__file__).parents[2]
HEAVY = (
    "alembic",
    "click",
    "cloudpickle",
    "importlib.metadata",
    "lark",
    "matplotlib",
    "mlflow",
    "msgspec",
    "narwhals",
    "numpy",
    "packaging",
    "pandas",
    "pluggy",
    "psutil",
    "pyarrow",
    "rich",
    "sklearn",
    "sqlalchemy",
    "sqlite3",
    "torch",
    "wrapt",
    "xgboost",
    "yaml",
)


def _loaded(run_python: RunPython, source: str) -> list[str]:
    done = run_python(f"import sys, json\n{source}\nprint(json.dumps(sorted(sys.modules)))")

    assert done.returncode == 0, done.stderr
    modules: list[str] = json.loads(done.stdout.splitlines()[-1])
    return modules


def test_import_steno_loads_nothing_heavy(run_python: RunPython) -> None:
    """`import steno` loads none of its dependencies and no framework."""
    loaded = _loaded(run_python, "import steno")

    assert [name for name in HEAVY if name in loaded] == []


def test_autolog_imports_no_framework(run_python: RunPython) -> None:
    """`steno.autolog()` imports no framework, no database and no patching library before they are needed."""
    loaded = _loaded(run_python, "import steno; steno.autolog()")
    later = ("sklearn", "xgboost", "joblib", "torch", "pandas", "numpy", "sqlalchemy", "wrapt", "lark", "mlflow")

    assert [name for name in later if name in loaded] == []


def test_every_public_name_exists_and_is_listed_in_order() -> None:
    """`steno.__all__` is sorted, and each of its names is there."""
    assert steno.__all__ == sorted(steno.__all__)
    assert [name for name in steno.__all__ if not hasattr(steno, name)] == []


def test_the_folders_of_the_checkout_are_not_packages() -> None:
    """Nothing imports steno through the folder it lies in, which would make a second registry."""
    assert {"core", "core.steno", "integrations"}.isdisjoint(sys.modules)


def test_the_installed_entry_points_are_those_of_the_project_file() -> None:
    """An editable install that predates a new integration is noticed: run `pip install -e .` again."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {(group, name, value) for group, rows in project["entry-points"].items() for name, value in rows.items()}
    installed = {
        (point.group, point.name, point.value)
        for point in metadata.distribution("steno").entry_points
        if point.group != "console_scripts"
    }

    assert installed == declared, "run: pip install -e ."
    assert project["version"] == steno.__version__


def test_every_plugin_has_a_module_of_its_own(run_python: RunPython) -> None:
    """`import steno.sklearn` works as the first line of a program, as `from steno import sklearn` does."""
    done = run_python("import steno.sklearn\nfrom steno import sklearn\nprint(steno.sklearn is sklearn, sklearn)")

    assert done.stdout == "True <steno.sklearn: autolog, disable, enable, load_model, log_model, save_model>\n", (
        done.stderr
    )


def test_a_plugin_that_is_not_there_is_an_import_error(run_python: RunPython) -> None:
    """`import steno.nothing` fails as the import of any absent module does."""
    done = run_python("try:\n    import steno.nothing\nexcept ModuleNotFoundError as error:\n    print(error)")

    assert done.stdout == "No module named 'steno.nothing'\n", done.stderr
