"""What tracking adds to one fit.

Plain fits first, then `autolog()`, one first fit, then steady ones, in blocks. Steady is the median over blocks of the
CPU time of the whole process, background threads and children included, until everything of the block is recorded,
divided by its fits; from it the plain fit's is taken. `wall` is what the caller of `fit` waits.
"""

from __future__ import annotations

import importlib
import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.clock import Stopwatch
from benchmarks.fresh import asked, report
from benchmarks.recorded import wait_until_recorded

__all__ = ["CASES"]

CASES = {
    "logistic": "LogisticRegression, iris",
    "forest": "RandomForest(50), breast cancer",
    "pipeline": "Pipeline(scaler, LogisticRegression), breast cancer",
    "search": "GridSearchCV, 24 candidates x 3 folds, iris",
    "xgboost": "`xgboost.train`, 100 rounds, 2 evals x 2 metrics",
    "xgb_classifier": "XGBClassifier(100), breast cancer",
}
FITS_IN_BLOCK = 4
ENOUGH_S = 10.0


def main() -> None:
    """Measure one case."""
    case = asked()
    fit = FITS[case["case"]]()
    fit()
    plain = _blocks(fit, case["blocks"], lambda: None)
    tracker = importlib.import_module(case["tracker"])
    tracker.autolog(log_models=case["models"], silent=True)
    watch = Stopwatch()
    fit()
    first = watch.stop()
    wait_until_recorded(tracker)
    tracked = _blocks(fit, case["blocks"], lambda: wait_until_recorded(tracker))
    runs = len(tracker.search_runs(max_results=1000, output_format="list"))
    expected = 1 + FITS_IN_BLOCK * len(tracked[0])
    report(
        {
            "plain_cpu_ms": statistics.median(plain[0]),
            "plain_wall_ms": statistics.median(plain[1]),
            "cpu_ms": statistics.median(tracked[0]) - statistics.median(plain[0]),
            "wall_ms": statistics.median(tracked[1]) - statistics.median(plain[1]),
            "first_cpu_ms": first.cpu_ms - statistics.median(plain[0]),
            "first_wall_ms": first.wall_ms - statistics.median(plain[1]),
            "blocks": len(tracked[0]),
            "runs_missing": expected - runs,
        }
    )


def _blocks(fit: Callable[[], Any], blocks: int, settle: Callable[[], None]) -> tuple[list[float], list[float]]:
    """CPU milliseconds per fit of each block, and wall milliseconds of each fit."""
    cpu: list[float] = []
    wall: list[float] = []
    started = time.perf_counter()
    while len(cpu) < blocks and (len(cpu) < 2 or time.perf_counter() - started < ENOUGH_S):
        block = Stopwatch()
        for _ in range(FITS_IN_BLOCK):
            call = Stopwatch()
            fit()
            wall.append(call.stop().wall_ms)
        settle()
        cpu.append(block.stop().cpu_ms / FITS_IN_BLOCK)
    return cpu, wall


def _logistic() -> Callable[[], Any]:
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    X, y = load_iris(return_X_y=True)
    return lambda: LogisticRegression(max_iter=200).fit(X, y)


def _forest() -> Callable[[], Any]:
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import RandomForestClassifier

    X, y = load_breast_cancer(return_X_y=True)
    return lambda: RandomForestClassifier(n_estimators=50, random_state=0).fit(X, y)


def _pipeline() -> Callable[[], Any]:
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = load_breast_cancer(return_X_y=True)
    return lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)).fit(X, y)


def _search() -> Callable[[], Any]:
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    X, y = load_iris(return_X_y=True)
    grid = {"C": [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0], "max_iter": [200, 300, 400]}
    return lambda: GridSearchCV(LogisticRegression(), grid, cv=3).fit(X, y)


def _xgboost() -> Callable[[], Any]:
    import xgboost
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    train, test = xgboost.DMatrix(X[:400], y[:400]), xgboost.DMatrix(X[400:], y[400:])
    params = {"objective": "binary:logistic", "max_depth": 3, "eval_metric": ["logloss", "auc"], "nthread": 1}
    evals = [(train, "train"), (test, "test")]
    return lambda: xgboost.train(params, train, 100, evals=evals, verbose_eval=False)


def _xgb_classifier() -> Callable[[], Any]:
    import xgboost
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    return lambda: xgboost.XGBClassifier(n_estimators=100, max_depth=3, n_jobs=1).fit(X, y)


FITS: dict[str, Callable[[], Callable[[], Any]]] = {
    "logistic": _logistic,
    "forest": _forest,
    "pipeline": _pipeline,
    "search": _search,
    "xgboost": _xgboost,
    "xgb_classifier": _xgb_classifier,
}


if __name__ == "__main__":
    main()
