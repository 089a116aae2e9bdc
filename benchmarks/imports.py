"""What `import` and `autolog()` cost: CPU and wall time in a fresh interpreter whose files are in the disk cache."""

from __future__ import annotations

import importlib
import sys

from benchmarks.clock import Stopwatch
from benchmarks.fresh import asked, report

__all__ = ["CASES"]

CASES = {
    "import": "`import {tracker}`",
    "autolog": "`autolog()`, no framework imported",
    "autolog after sklearn": "`autolog()`, scikit-learn imported before",
}


def main() -> None:
    """Measure one case."""
    case = asked()
    if case["case"] == "autolog after sklearn":
        importlib.import_module("sklearn.linear_model")
        importlib.import_module("sklearn.ensemble")
    before = len(sys.modules)
    watch = Stopwatch()
    tracker = importlib.import_module(case["tracker"])
    span = watch.stop()
    if case["case"] != "import":
        watch = Stopwatch()
        tracker.autolog(silent=True)
        span = watch.stop()
    report({"cpu_ms": span.cpu_ms, "wall_ms": span.wall_ms, "modules": len(sys.modules) - before})


if __name__ == "__main__":
    main()
