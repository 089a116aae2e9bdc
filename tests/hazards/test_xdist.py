"""Hazards of parallel test runs: the workers of pytest-xdist do not get in each other's way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import RunPython
from tests.hazards.records import runs

TESTS = """
import pytest
import steno
from sklearn.naive_bayes import GaussianNB

@pytest.mark.parametrize("number", range(12))
def test_training(number):
    steno.autolog(log_models=False)  # as a conftest.py may; `steno_store` below switches everything off behind it
    GaussianNB(var_smoothing=number + 1.0).fit([[0.0], [1.0]], [0, 1])
    steno.log_metric("number", number)

@pytest.mark.parametrize("number", range(6))
def test_isolated(steno_store, number):
    steno.autolog(log_models=False)
    GaussianNB(var_smoothing=100.0 + number).fit([[0.0], [1.0]], [0, 1])
    assert steno_store.run().data.params["var_smoothing"].value == 100.0 + number
"""


def test_hazard_56_workers_of_xdist_lose_nothing(installer: str, run_python: RunPython) -> None:
    """Two workers that train at once into the project's store lose no run; tests with `steno_store` have their own."""
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    Path("test_trainings.py").write_text(TESTS)
    arguments = ["-q", "-n", "2", "-p", "no:cacheprovider", "-W", "error", "test_trainings.py"]
    done = run_python(f"import sys, pytest\nsys.exit(pytest.main({json.dumps(arguments)}))")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "18 passed" in done.stdout
    numbers = sorted(run.data.metrics["number"] for run in runs())
    assert numbers == [float(number) for number in range(12)]
    assert sorted(float(run.data.params["var_smoothing"]) for run in runs()) == [number + 1.0 for number in numbers]
    assert {run.info.status for run in runs()} == {"FINISHED"}
