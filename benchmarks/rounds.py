"""What tracking adds to one boosting round: the slope from a short to a long `xgboost.train`, on and off in turns."""

from __future__ import annotations

import importlib
import statistics
from collections.abc import Callable
from typing import Any

from benchmarks.clock import Span, Stopwatch
from benchmarks.fresh import asked, report
from benchmarks.recorded import wait_until_recorded

__all__ = ["CASES"]

CASES = {"one": "1 eval x 1 metric", "four": "2 evals x 2 metrics"}
SHORT, LONG = 50, 1050


def main() -> None:
    """Measure one case."""
    case = asked()
    train = _training(four=case["case"] == "four")
    tracker = importlib.import_module(case["tracker"])
    tracker.autolog(log_models=False, silent=True)
    spans: dict[tuple[bool, int], list[Span]] = {(on, size): [] for on in (False, True) for size in (SHORT, LONG)}
    for turn in range(case["repeats"] + 1):
        for on in (False, True):
            tracker.xgboost.autolog(disable=not on, log_models=False, silent=True)
            for size in (SHORT, LONG):
                span = _timed(train, size, tracker if on else None)
                if turn:  # the first one warms up
                    spans[on, size].append(span)
    plain, tracked = _slopes(spans, on=False), _slopes(spans, on=True)
    report({name: tracked[name] - plain[name] for name in plain} | {f"plain_{name}": plain[name] for name in plain})


def _training(*, four: bool) -> Callable[[int], Any]:
    import numpy as np
    import xgboost

    random = np.random.default_rng(0)
    X = random.random((200, 4))
    matrix = xgboost.DMatrix(X, (X[:, 0] > 0.5).astype(float))
    metrics = ["logloss", "error"] if four else ["logloss"]
    params = {"objective": "binary:logistic", "max_depth": 1, "nthread": 1, "eval_metric": metrics}
    evals = [(matrix, "a"), (matrix, "b")] if four else [(matrix, "a")]
    return lambda rounds: xgboost.train(params, matrix, rounds, evals=evals, verbose_eval=False)


def _timed(train: Callable[[int], Any], rounds: int, tracker: Any) -> Span:
    """What the caller waits, and the CPU time of all threads until it is recorded."""
    watch = Stopwatch()
    train(rounds)
    waited = watch.stop().wall_ms
    if tracker is not None:
        wait_until_recorded(tracker)
    return Span(watch.stop().cpu_ms, waited)


def _slopes(spans: dict[tuple[bool, int], list[Span]], *, on: bool) -> dict[str, float]:
    """Microseconds a round; the slope leaves out what a training costs whatever its length."""
    pairs = list(zip(spans[on, SHORT], spans[on, LONG], strict=True))
    wall = statistics.median(long.wall_ms - short.wall_ms for short, long in pairs)
    cpu = statistics.median(long.cpu_ms - short.cpu_ms for short, long in pairs)
    return {"wall_us": wall * 1000 / (LONG - SHORT), "cpu_us": cpu * 1000 / (LONG - SHORT)}


if __name__ == "__main__":
    main()
