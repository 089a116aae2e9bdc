"""`steno demo`, as a new user runs it."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import steno
from conftest import RunPython

STENO = [sys.executable, "-c", "from steno.cli.main import main; main()"]


def steno_command(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """`steno ...` in a process of its own, with its output piped."""
    return subprocess.run(
        [*STENO, *arguments], capture_output=True, text=True, check=False, timeout=240, env={**os.environ, **env}
    )


def on_a_terminal(*arguments: str) -> tuple[int, str]:
    """The exit code of `steno ...` and what a terminal of 100 columns receives."""
    primary, secondary = pty.openpty()
    env = {**os.environ, "COLUMNS": "100", "LINES": "50", "TERM": "xterm-256color"}
    process = subprocess.Popen([*STENO, *arguments], stdout=secondary, stderr=secondary, env=env)
    os.close(secondary)
    received, deadline = b"", time.monotonic() + 240
    while time.monotonic() < deadline:
        if not select.select([primary], [], [], 1)[0]:
            continue
        try:
            part = os.read(primary, 65536)
        except OSError:  # Linux's way to say that the other side is closed
            break
        if not part:
            break
        received += part
    os.close(primary)
    return process.wait(timeout=30), received.decode(errors="replace")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, float, Path]:
    """What the demo prints on a terminal, how long it takes in seconds, and the project it ran in."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "pyproject.toml").write_text("")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("STENO_", "MLFLOW_", "NO_COLOR"))]:
            patch.delenv(name)
        patch.chdir(folder)
        began = time.perf_counter()
        code, text = on_a_terminal("demo")
        took_s = time.perf_counter() - began
    assert code == 0, text
    return text, took_s, folder


def test_the_demo_shows_runs_one_run_and_a_comparison(shown: tuple[str, float, Path]) -> None:
    """The demo says where it records, lists its runs, draws one with its curve, compares two and says what to type."""
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown[0])

    assert str(shown[2]) in text
    for estimator in ("RandomForestClassifier", "Pipeline", "GridSearchCV", "XGBClassifier", "Ridge"):
        assert estimator in text
    assert "Learning curve  mlogloss" in text
    assert len(re.findall("[⠁-⣿]", text)) > 100
    assert "★" in text
    for command in ("steno runs ls", "steno runs show", "steno runs compare", "steno.autolog()"):
        assert command in text
    assert "Traceback" not in text
    assert "Warning" not in text


def test_the_demo_fits_a_terminal_of_100_columns(shown: tuple[str, float, Path]) -> None:
    """No line of the demo is longer than the terminal, so none is broken."""
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown[0])

    assert max(len(line.split("\r")[-1]) for line in text.replace("\r\n", "\n").split("\n")) <= 100


def test_the_demo_is_over_soon(shown: tuple[str, float, Path]) -> None:
    """The demo takes seconds, on a slow machine too."""
    assert shown[1] < 60


def test_what_the_demo_advises_works(shown: tuple[str, float, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command that the demo prints can be typed as it stands, and finds what it says."""
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown[0])
    monkeypatch.chdir(shown[2])
    advised = re.findall(r"\$ steno ([^\r\n]+)", text)

    assert len(advised) == 3
    for command in advised:
        done = subprocess.run(
            f"{STENO[0]} -c '{STENO[2]}' {command.strip()}", shell=True, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""


def test_the_runs_are_real(shown: tuple[str, float, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each training of the demo is one finished run with a model that loads and predicts."""
    monkeypatch.chdir(shown[2])
    runs = steno.search_runs(experiment_names=["steno demo"], output_format="list")

    assert len(runs) == 9
    assert {run.info.status for run in runs} == {"FINISHED"}
    forest = next(run for run in runs if run.data.params.get("max_depth") == "8")
    assert forest.data.metrics["accuracy_score_X_test"] > 0.9
    loaded: Any = steno.pyfunc.load_model(f"runs:/{forest.info.run_id}/model")
    assert len(loaded.predict([[0.5] * 30])) == 1


def test_the_demo_is_plain_where_nobody_looks() -> None:
    """Piped, the demo prints text without colours or control codes; with --json, the runs and nothing else."""
    piped = steno_command("demo")
    found = steno_command("demo", "--json")

    assert (piped.returncode, piped.stderr) == (0, "")
    assert "\x1b" not in piped.stdout
    assert "\r" not in piped.stdout
    assert "training a grid search on wine" in piped.stdout
    assert len(json.loads(found.stdout)) == 9


def test_a_missing_framework_is_named_with_the_command_that_installs_it(run_python: RunPython) -> None:
    """Without a framework the demo says which is missing and what to type, and makes nothing."""
    done = run_python(
        "import importlib.util, sys\n"
        "real = importlib.util.find_spec\n"
        "import steno.cli.demo\n"
        "sys.modules['steno.cli.demo'].find_spec = lambda name: None if name == 'xgboost' else real(name)\n"
        "from steno.cli.main import main\n"
        "main(['demo'])\n"
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "steno: the demo trains scikit-learn and xgboost models, and xgboost cannot be imported here: "
        'pip install "steno[demo]"\n'
    )
    assert [path.name for path in Path.cwd().iterdir()] == ["pyproject.toml"]
