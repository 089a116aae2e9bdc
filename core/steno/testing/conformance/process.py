"""The other side of the laboratory: an interpreter that runs rows, one after the other, and writes down what it found.

Run as `python -m steno.testing.conformance.process job.json`.
"""

from __future__ import annotations

import faulthandler
import importlib.util
import json
import sys
import traceback
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from steno.testing.conformance.bench import Bench
from steno.testing.conformance.failure import Failure, Skipped
from steno.testing.conformance.row import SHARED, Row, rows_of
from steno.testing.isolation import IsolatedStore

__all__ = ["load", "main"]

_HUNG_S = 240.0


class _Attempt:
    """Whatever a row raises ends the row and not the interpreter.

    Args:
        bench: of the row.
    """

    def __init__(self, bench: Bench) -> None:
        self.outcome = ("passed", "")
        self._bench = bench

    def __enter__(self) -> _Attempt:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> bool:
        if error is None:
            return False
        if isinstance(error, Skipped):
            self.outcome = ("skipped", str(error))
        elif isinstance(error, Failure):
            self.outcome = ("failed", str(error))
        else:
            text = "".join(traceback.format_exception(error))
            self.outcome = (
                "failed",
                f"{type(error).__name__} came out of it, and would have ended the program. "
                f"Look at: {_place(error, self._bench)}\n{text}",
            )
        return True


def _place(error: BaseException, bench: Bench) -> str:
    """Where an error comes from: the author's own line nearest to it, else the line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == bench.job["file"] or bench.owns(frame.filename)]
    found = (own or frames)[-1]
    return f"{found.name} in {found.filename}, line {found.lineno}"


def load(file: str, module: str, name: str) -> Any:
    """The class of a test file, as pytest names its module."""
    spec = importlib.util.spec_from_file_location(module, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} cannot be imported")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[module] = loaded
    spec.loader.exec_module(loaded)
    found: Any = loaded
    for part in name.split("."):
        found = getattr(found, part)
    return found


def main(job_file: str) -> None:
    """Run the rows that a job names."""
    faulthandler.enable()
    faulthandler.dump_traceback_later(_HUNG_S, exit=True)
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    sys.path[:] = job["path"]
    subject = load(job["file"], job["module"], job["class"])
    rows = [each for each in rows_of(subject) if each.method in job["methods"]]
    bench = Bench(subject(), job)
    with Path(job["report"]).open("w", encoding="utf-8") as report:
        write = partial(_write, report)
        write(method=rows[0].method)
        with _Attempt(bench) as preparation:
            bench.expect_installed()
            if rows[0].process == SHARED:
                bench.prepare()
        for each in rows:
            write(method=each.method)
            outcome, text = _run(bench, each) if preparation.outcome[0] == "passed" else preparation.outcome
            write(method=each.method, outcome=outcome, text=text)
            if outcome == "failed" and preparation.outcome[0] == "passed":
                return  # what it has left behind is not for the others: the rest gets a fresh interpreter


def _write(report: TextIO, **entry: str) -> None:
    report.write(json.dumps(entry) + "\n")
    report.flush()


def _run(bench: Bench, row: Row) -> tuple[str, str]:
    with _Attempt(bench) as attempt, IsolatedStore.made_in(bench.folder / row.method, keep=("STENO_PATCH",)) as store:
        bench.store = store
        row.body(bench.subject, bench)
    return attempt.outcome


if __name__ == "__main__":
    main(sys.argv[1])
