"""Where rows are run: interpreters that several rows share, each started once and asked for what it found."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from steno.testing.conformance.row import Row, rows_of
from steno.testing.interpreter import search_path

__all__ = ["Laboratory"]

_LONGEST_S = 280.0
_TAIL = 4000
_DROPPED = ("STENO_", "MLFLOW_")
# Tiny trainings on many threads spend their time in waiting for each other. Who wants more says so outside.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Outcome = tuple[str, str]


class Laboratory:
    """Runs the rows of the classes of one pytest session.

    Args:
        folder: where the stores of the rows are made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[tuple[type, str, str], Outcome] = {}
        self._processes = 0

    def outcome(self, subject: type, row: Row, installer: str) -> Outcome:
        """What became of a row: "passed", "failed" or "skipped", and the text to show."""
        key = (subject, row.method, installer)
        if key not in self._known:
            self._run_process(subject, row.process, installer)
        return self._known[key]

    def _run_process(self, subject: type, process: str, installer: str) -> None:
        """Run all rows of one process; those that a dying interpreter leaves over get another."""
        left = [each.method for each in rows_of(subject) if each.process == process]
        while left:
            found = self.run(subject, left, installer)
            for method, outcome in found.items():
                self._known[subject, method, installer] = outcome
            left = [method for method in left if method not in found]

    def run(self, subject: type, methods: list[str], installer: str) -> dict[str, Outcome]:
        """Run rows of one process in one interpreter; what it got through, by method."""
        self._processes += 1
        folder = self._folder / f"{subject.__name__}-{self._processes}"
        folder.mkdir()
        job, report = folder / "job.json", folder / "report"
        job.write_text(
            json.dumps(
                {
                    "file": inspect.getfile(subject),
                    "module": subject.__module__,
                    "class": subject.__qualname__,
                    "methods": methods,
                    "installer": installer,
                    "folder": str(folder),
                    "report": str(report),
                    "path": sys.path,
                }
            )
        )
        ending = _ending(job, folder, installer)
        lines = report.read_text(encoding="utf-8").splitlines() if report.exists() else []
        if not lines:
            return dict.fromkeys(methods, ("failed", f"the test file could not be loaded by itself: {ending}"))
        found: dict[str, Outcome] = {}
        begun = methods[0]
        for entry in map(json.loads, lines):
            begun = entry["method"]
            if "outcome" in entry:
                found[begun] = (entry["outcome"], entry["text"])
        if begun not in found:
            found[begun] = ("failed", f"the interpreter did not get through this row: {ending}")
        return found


def _ending(job: Path, folder: Path, installer: str) -> str:
    """Run an interpreter to its end, and say how it ended."""
    environment: dict[str, Any] = {key: value for key, value in os.environ.items() if not key.startswith(_DROPPED)}
    environment = {**dict.fromkeys(_THREADS, "1"), **environment}
    environment |= {"STENO_PATCH": installer, "PYTHONPATH": search_path(), "XDG_DATA_HOME": str(folder / "data")}
    output = folder / "output"
    with output.open("wb") as file:
        try:
            code: object = subprocess.run(
                [sys.executable, "-m", "steno.testing.conformance.process", str(job)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                timeout=_LONGEST_S,
                check=False,
                cwd=folder,
                env=environment,
            ).returncode
        except subprocess.TimeoutExpired:
            code = f"none, as it hung for {_LONGEST_S:.0f} s"
    said = output.read_text(encoding="utf-8", errors="replace")[-_TAIL:]
    return f"exit code {code}. Look at: the last line of yours in what it said\n{said}"
