"""A measurement in a fresh process: an interpreter, an empty folder, an environment without settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Tracker", "measure", "steno_and_peer"]

ROOT = Path(__file__).resolve().parent.parent
MARK = "::measured "


@dataclass(frozen=True, slots=True)
class Tracker:
    """A library under measurement: its import name, which is also its column's, and the interpreter that has it."""

    name: str
    python: str
    version: str


def measure(python: str, module: str, case: Mapping[str, Any], timeout_s: float = 900) -> dict[str, Any]:
    """Run `python -m benchmarks.<module>` on one case and return what it reports.

    One thread for numeric libraries, so that CPU time counts work and not waiting in a spin loop.

    Raises:
        RuntimeError: if the process fails, with the end of what it said.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        (Path(folder) / "pyproject.toml").write_text("")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("STENO_", "MLFLOW_", "GIT_"))}
        environment = kept | {
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PYTHONWARNINGS": "ignore",
        }
        done = subprocess.run(
            [python, "-m", f"benchmarks.{module}", json.dumps(case)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    for line in done.stdout.splitlines():
        if line.startswith(MARK):
            report: dict[str, Any] = json.loads(line.removeprefix(MARK))
            return report
    raise RuntimeError(
        f"benchmarks.{module} {json.dumps(case)} by {python} failed:\n{done.stdout[-500:]}{done.stderr[-3000:]}"
    )


def report(values: Mapping[str, Any]) -> None:
    """Hand the figures to the process that asked for them."""
    print(MARK + json.dumps(values), flush=True)


def asked() -> dict[str, Any]:
    """The case that this process was asked to measure."""
    case: dict[str, Any] = json.loads(sys.argv[1])
    return case


def steno_and_peer(peer_python: str | None) -> list[Tracker]:
    """Steno in this interpreter, and MLflow in the peer's, or in this one if it is importable here."""
    found = [Tracker("steno", sys.executable, _version(sys.executable, "steno"))]
    python = peer_python or sys.executable
    version = _version(python, "mlflow")
    if version:
        found.append(Tracker("mlflow", python, version))
    elif peer_python:
        raise SystemExit(
            f"{peer_python} has no mlflow: give --peer-python an interpreter in which `import mlflow` works"
        )
    return found


def _version(python: str, name: str) -> str:
    code = f"import importlib.metadata as m; print(m.version({name!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False, cwd=tempfile.gettempdir())
    return done.stdout.strip()
