"""What an estimator knows about its own training: iterations, inertia, and the curves that iterative ones keep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from steno_integrations.sklearn.kinds import behind, kind_of

__all__ = ["curves", "figures"]

_FIGURES = (
    "inertia_",
    "n_iter_",
    "lower_bound_",
    "reconstruction_err_",
    "kl_divergence_",
    "stress_",
    "oob_score_",
    "best_validation_score_",
)
_CURVES = (
    ("loss_curve_", "loss"),
    ("validation_score_", "validation_score"),
    ("validation_scores_", "validation_score"),
    ("oob_scores_", "oob_score"),
)
_NOISE = -1
_LOSSES = "sklearn.ensemble._gb"  # there `train_score_` is the loss, elsewhere a score


def figures(estimator: Any) -> dict[str, float]:
    """Single numbers that training left behind, by scikit-learn's names without the underscore at the end."""
    learned = getattr(behind(estimator), "__dict__", {})
    found: dict[str, float] = {}
    for attribute in _FIGURES:
        value = learned.get(attribute)
        if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
            found[attribute.rstrip("_")] = float(value)
        elif isinstance(value, np.ndarray) and value.size and value.dtype.kind in "iuf":
            found[attribute.rstrip("_")] = float(value.max())  # iterations per class or output: the longest
    ratio = learned.get("explained_variance_ratio_")
    if isinstance(ratio, np.ndarray):
        found["explained_variance_ratio"] = float(ratio.sum())
    labels = learned.get("labels_")
    if isinstance(labels, np.ndarray) and labels.ndim == 1 and kind_of(behind(estimator)) == "clusterer":
        found["n_clusters"] = float(np.count_nonzero(np.unique(labels) != _NOISE))
    return found


def curves(estimator: Any) -> dict[str, Sequence[float]]:
    """Values per iteration, by name."""
    learned = getattr(behind(estimator), "__dict__", {})
    found: dict[str, Sequence[float]] = {}
    for attribute, name in (*_CURVES, ("train_score_", _name_of_train_score(behind(estimator)))):
        values = learned.get(attribute)
        if isinstance(values, (list, np.ndarray)) and len(values) and np.ndim(values) == 1:
            found[name] = [float(value) for value in values]
    return found


def _name_of_train_score(estimator: Any) -> str:
    """What `train_score_` holds: gradient boosting keeps its loss under that name, histogram boosting a score."""
    return "train_loss" if any(base.__module__ == _LOSSES for base in type(estimator).__mro__) else "train_score"
