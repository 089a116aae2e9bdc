"""One run with one metric, from `start_run` to its end, in a store that is not there yet and in one that is."""

from __future__ import annotations

import importlib

from benchmarks.clock import Stopwatch
from benchmarks.fresh import asked, report
from benchmarks.recorded import wait_until_recorded

__all__ = ["CASES"]

CASES = {"new": "first run, new store", "next": "next run"}


def main() -> None:
    """Measure one case."""
    case = asked()
    tracker = importlib.import_module(case["tracker"])
    if case["case"] == "next":
        _one_run(tracker)
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
