"""Searches and cross-validation: tables of candidates and folds, and the figures that sum them up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from steno_integrations.sklearn.parameters import readable

__all__ = ["best", "by_fold", "cv_results", "fold_metrics", "folds"]

Columns = dict[str, list[Any]]


def cv_results(search: Any) -> Columns:
    """`cv_results_` column by column: params readable, numbers as numbers, params left out of a candidate None."""
    return {name: _column(values) for name, values in search.cv_results_.items()}


def best(search: Any) -> tuple[dict[str, Any], dict[str, float]]:
    """The best candidate as params `best_<param>` and metrics `best_cv_score`, `best_cv_<metric>`.

    Both are empty where the search chose none: several metrics without `refit`.
    """
    params = {f"best_{name}": readable(value) for name, value in getattr(search, "best_params_", {}).items()}
    metrics: dict[str, float] = {}
    score = getattr(search, "best_score_", None)
    if score is not None:
        metrics["best_cv_score"] = float(score)
    index = getattr(search, "best_index_", None)
    if index is not None:
        for name, values in search.cv_results_.items():
            if name.startswith("mean_test_") and name != "mean_test_score":
                metrics[f"best_cv_{name.removeprefix('mean_test_')}"] = float(values[index])
    return params, metrics


def folds(result: Mapping[str, Any]) -> Columns:
    """One row a fold out of what `cross_validate` returned: scores and times."""
    numbers = {
        name: [float(value) for value in values]
        for name, values in result.items()
        if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "biuf"
    }
    rows = len(next(iter(numbers.values()), ()))
    return {"fold": list(range(rows)), **{name: values for name, values in numbers.items() if len(values) == rows}}


def fold_metrics(columns: Mapping[str, list[Any]]) -> dict[str, float]:
    """Mean and deviation over the folds: `mean_test_score`, `std_test_score`, and so on for each column."""
    metrics = {}
    for name, values in columns.items():
        if name != "fold" and values:
            metrics[f"mean_{name}"] = float(np.mean(values))
            metrics[f"std_{name}"] = float(np.std(values))
    return metrics


def _column(values: Any) -> list[Any]:
    if isinstance(values, np.ma.MaskedArray):
        return [None if hidden else readable(value) for value, hidden in zip(values.data, _mask(values), strict=True)]
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
        listed: list[Any] = values.tolist()
        return listed
    return [readable(value) for value in values]


def _mask(values: Any) -> Any:
    return np.ma.getmaskarray(values)


def by_fold(name: str, values: Any, train_scores: Any, test_scores: Any) -> Columns:
    """One row for each value and fold, out of two arrays of scores, shape (values, folds)."""
    rows = [(value, fold) for value in values for fold in range(train_scores.shape[1])]
    return {
        name: [readable(value) for value, _ in rows],
        "fold": [fold for _, fold in rows],
        "train_score": train_scores.ravel().tolist(),
        "test_score": test_scores.ravel().tolist(),
    }
