"""One run with one metric, from `start_run` until it can be read back as ended."""

from __future__ import annotations

import importlib
from pathlib import Path

from benchmarks.clock import Stopwatch
from benchmarks.fresh import asked, report
from benchmarks.recorded import wait_until_recorded

__all__ = ["CASES"]

CASES = {
    "first": "the process's first, in a new store; lazy imports included",
    "new": "a later one, in a new store",
    "next": "a later one, in the same store",
}


def main() -> None:
    """Measure one case."""
    case = asked()
    tracker = importlib.import_module(case["tracker"])
    if case["case"] != "first":
        _one_run(tracker)
    if case["case"] == "new":
        tracker.set_tracking_uri(f"sqlite:///{Path.cwd() / 'another.db'}")
    watch = Stopwatch()
    _one_run(tracker)
    span = watch.stop()
    report({"cpu_ms": span.cpu_ms, "wall_ms": span.wall_ms})


def _one_run(tracker: object) -> None:
    with tracker.start_run():  # type: ignore[attr-defined]  # a module
        tracker.log_metric("loss", 0.5)  # type: ignore[attr-defined]  # a module
    wait_until_recorded(tracker)


if __name__ == "__main__":
    main()
