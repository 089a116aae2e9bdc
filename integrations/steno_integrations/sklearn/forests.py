"""Predictions of a forest on small data, tree after tree: joblib's bookkeeping costs ten times what the trees do."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["predict_forest"]

_FOREST = "sklearn.ensemble._forest"
_TREE = "sklearn.tree._classes"
_SMALL = 10_000


def predict_forest(estimator: Any, X: Any) -> npt.NDArray[np.float64] | None:
    """What `predict_proba` of a forest of classifiers, or `predict` of one of regressors, returns, to the bit.

    Args:
        estimator: any estimator.
        X: the data, any that the estimator takes.

    Returns:
        Probabilities, shape (rows, classes), or predictions, shape (rows,); None where the estimator is no forest of
        scikit-learn's own trees with one output, or is better left to its own parallel prediction.
    """
    columns = _columns(estimator)
    if columns is None or not hasattr(estimator, "_validate_X_predict"):
        return None
    checked = estimator._validate_X_predict(X)
    if estimator.n_jobs not in (None, 1) and checked.shape[0] > _SMALL:
        return None
    trees = estimator.estimators_
    total = np.zeros((checked.shape[0], columns), dtype=np.float64)
    for tree in trees:  # the order of scikit-learn's own sum
        total += tree.tree_.predict(checked)[:, :columns]
    total /= len(trees)
    return total if _is_classifier(estimator) else total[:, 0]


def _columns(estimator: Any) -> int | None:
    cls = type(estimator)
    if _is_classifier(estimator):
        written, expected = cls.predict_proba, "ForestClassifier.predict_proba"
    elif hasattr(cls, "predict") and cls.predict.__qualname__ == "ForestRegressor.predict":
        written, expected = cls.predict, "ForestRegressor.predict"
    else:
        return None
    tree = getattr(estimator, "estimators_", [None])[0]
    if (
        written.__module__ != _FOREST
        or written.__qualname__ != expected
        or type(tree).__module__ != _TREE
        or getattr(estimator, "n_outputs_", 0) != 1
    ):
        return None
    return int(estimator.n_classes_) if _is_classifier(estimator) else 1


def _is_classifier(estimator: Any) -> bool:
    written = getattr(type(estimator), "predict_proba", None)
    return getattr(written, "__qualname__", "") == "ForestClassifier.predict_proba"
