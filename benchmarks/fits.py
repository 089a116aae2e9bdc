"""What tracking adds to one fit.

One plain fit, `autolog()`, one first fit, then steady ones in pairs of blocks: tracking off, tracking on. The figure is
the median difference between the blocks of a pair. CPU time is that of the whole process, background threads and
children included, until everything of the block is recorded, divided by its fits; `wall` is what the caller of `fit`
waits. A pair lies within seconds, so that a busy machine meets both of its blocks.
"""

from __future__ import annotations

import importlib
import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.clock import Span, Stopwatch
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
ENOUGH_S = 20.0


def main() -> None:
    """Measure one case."""
    case = asked()
    fit = FITS[case["case"]]()
    fit()
    tracker = importlib.import_module(case["tracker"])
    tracker.autolog(log_models=case["models"], silent=True)
    watch = Stopwatch()
    fit()
    first = watch.stop()
    wait_until_recorded(tracker)
    off, on = _pairs(fit, tracker, case)
    runs = len(tracker.search_runs(max_results=1000, output_format="list"))
    base = Span(statistics.median(span.cpu_ms for span in off), statistics.median(span.wall_ms for span in off))
    both = list(zip(off, on, strict=True))
    report(
        {
            "plain_cpu_ms": base.cpu_ms,
            "plain_wall_ms": base.wall_ms,
            "cpu_ms": statistics.median(after.cpu_ms - before.cpu_ms for before, after in both),
            "wall_ms": statistics.median(after.wall_ms - before.wall_ms for before, after in both),
            "first_cpu_ms": first.cpu_ms - base.cpu_ms,
            "first_wall_ms": first.wall_ms - base.wall_ms,
            "pairs": len(both),
            "runs_missing": max(0, 1 + case["fits"] * len(on) - runs),
        }
    )


def _pairs(fit: Callable[[], Any], tracker: Any, case: dict[str, Any]) -> tuple[list[Span], list[Span]]:
    """A fit's time in each block without and with tracking: two pairs of blocks, more where they are quick."""
    off: list[Span] = []
    on: list[Span] = []
    started = time.perf_counter()
    while len(on) < case["blocks"] and (len(on) < 2 or time.perf_counter() - started < ENOUGH_S):
        tracker.autolog(disable=True, silent=True)
        off.append(_block(fit, case["fits"], lambda: None))
        tracker.autolog(log_models=case["models"], silent=True)
        on.append(_block(fit, case["fits"], lambda: wait_until_recorded(tracker)))
    return off, on


def _block(fit: Callable[[], Any], fits: int, settle: Callable[[], None]) -> Span:
    """CPU time of one fit of a block, and the median that a caller waits."""
    waits = []
    block = Stopwatch()
    for _ in range(fits):
        call = Stopwatch()
        fit()
        waits.append(call.stop().wall_ms)
    settle()
    return Span(block.stop().cpu_ms / fits, statistics.median(waits))


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
    X = (X - X.mean(axis=0)) / X.std(axis=0)  # the search takes a fifth of the time, so that what is added shows
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
