"""What tracking adds to one boosting round: the slope between a short and a long `xgboost.train`."""

from __future__ import annotations

import importlib
import statistics
from typing import Any

from benchmarks.clock import Stopwatch
from benchmarks.fresh import asked, report
from benchmarks.recorded import wait_until_recorded

__all__ = ["CASES"]

CASES = {"one": "1 eval x 1 metric", "four": "2 evals x 2 metrics"}
SHORT, LONG = 50, 1050


def main() -> None:
    """Measure one case."""
    case = asked()
    plain = _per_round_us(case, lambda: None)
    tracker = importlib.import_module(case["tracker"])
    tracker.autolog(log_models=False, silent=True)
    tracked = _per_round_us(case, lambda: wait_until_recorded(tracker))
    report({name: tracked[name] - plain[name] for name in plain} | {f"plain_{name}": plain[name] for name in plain})


def _per_round_us(case: dict[str, Any], settle: Any) -> dict[str, float]:
    import numpy as np
    import xgboost

    random = np.random.default_rng(0)
    X = random.random((200, 4))
    matrix = xgboost.DMatrix(X, (X[:, 0] > 0.5).astype(float))
    four = case["case"] == "four"
    params = {
        "objective": "binary:logistic",
        "max_depth": 1,
        "nthread": 1,
        "eval_metric": ["logloss", "error"][: 1 + four],
    }
    evals = [(matrix, "a"), (matrix, "b")][: 1 + four]
    wall: dict[int, list[float]] = {SHORT: [], LONG: []}
    cpu: dict[int, list[float]] = {SHORT: [], LONG: []}
    for turn in range(case["repeats"] + 1):
        for rounds in (SHORT, LONG):
            watch = Stopwatch()
            xgboost.train(params, matrix, rounds, evals=evals, verbose_eval=False)
            waited = watch.stop().wall_ms
            settle()
            if turn:
                wall[rounds].append(waited)
                cpu[rounds].append(watch.stop().cpu_ms)
    return {"wall_us": _slope(wall), "cpu_us": _slope(cpu)}


def _slope(values: dict[int, list[float]]) -> float:
    return (statistics.median(values[LONG]) - statistics.median(values[SHORT])) * 1000 / (LONG - SHORT)


if __name__ == "__main__":
    main()
