"""Scores on the training data, under MLflow's names, equal to the user's own `sklearn.metrics` call.

scikit-learn's functions spend most of their time validating and relabelling the same arrays again: eight of them take
16 ms on 150 rows. Here labels are encoded once and each score is read from the counts. What the fast path does
not cover (multilabel targets, negative weights, labels that cannot be sorted) goes to scikit-learn's own functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Scores", "classification", "regression"]

Array = npt.NDArray[Any]

_WEIGHTED = ("precision_score", "recall_score", "f1_score")


@dataclass(slots=True)
class Scores:
    """Scores and how each came about.

    Attributes:
        values: score by name, such as `training_f1_score`.
        info: for each name the function, its averaging and what else decides the number.
        skipped: for each score that does not exist here, why.
    """

    values: dict[str, float] = field(default_factory=dict)
    info: dict[str, dict[str, Any]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def add(self, function: str, value: Any, **how: Any) -> None:
        """Take down one score computed as `sklearn.metrics.<function>(..., **how)`."""
        name = f"training_{function.removesuffix('_score') if function == 'roc_auc_score' else function}"
        self.values[name] = float(value)
        self.info[name] = {"function": f"sklearn.metrics.{function}", **how}

    def skip(self, name: str, why: str) -> None:
        """Take down why a score is not here."""
        self.skipped[f"training_{name}"] = why


@dataclass(frozen=True, slots=True)
class _Encoded:
    """Labels as positions in `classes`, shape (rows,); `weight` is None where all rows count the same."""

    classes: Array
    truth: npt.NDArray[np.intp]
    prediction: npt.NDArray[np.intp]
    weight: Array | None


def classification(truth: Any, prediction: Any, proba: Any, classes: Any, weight: Any) -> Scores:
    """Scores of a classifier.

    Args:
        truth: labels, shape (rows,), (rows, 1) or a multilabel indicator.
        prediction: predicted labels, same shape.
        proba: probabilities, shape (rows, classes); None where the model has none.
        classes: the model's sorted `classes_`.
        weight: sample weights, shape (rows,), or None.
    """
    scores = Scores()
    weight = _floats(weight)
    encoded = _encode(truth, prediction, classes, weight)
    if encoded is None:
        _by_sklearn(scores, truth, prediction, weight)
        for name in ("log_loss", "roc_auc"):
            scores.skip(name, "the target is not one column of labels with weights that are zero or more")
        return scores
    _counted(scores, encoded)
    if proba is None:
        for name in ("log_loss", "roc_auc"):
            scores.skip(name, "the model has no predict_proba")
        return scores
    proba = np.asarray(proba)
    if proba.ndim != 2 or proba.shape[1] != len(encoded.classes) or len(encoded.classes) < 2:
        for name in ("log_loss", "roc_auc"):
            scores.skip(name, f"probabilities have shape {proba.shape} for {len(encoded.classes)} classes")
        return scores
    _log_loss(scores, encoded, proba)
    _roc_auc(scores, encoded, proba)
    return scores


def regression(truth: Any, prediction: Any, weight: Any) -> Scores:
    """Scores of a regressor.

    Args:
        truth: targets, shape (rows,) or (rows, outputs).
        prediction: predictions, same shape.
        weight: sample weights, shape (rows,), or None.
    """
    scores = Scores()
    weight = _floats(weight)
    y, p = _column(truth), _column(prediction)
    dtype = _float_type(y, p, weight)
    y, p = y.astype(dtype, copy=False), p.astype(dtype, copy=False)
    if weight is not None:
        weight = weight.astype(dtype, copy=False)
    squared = (y - p) ** 2
    squares = np.average(squared, weights=weight, axis=0)
    outputs = {"multioutput": "uniform_average"} if y.shape[1] > 1 else {}
    scores.add("mean_squared_error", np.average(squares), **outputs)
    scores.add("mean_absolute_error", np.average(np.average(np.abs(y - p), weights=weight, axis=0)), **outputs)
    scores.add("r2_score", _r2(y, squared, weight), **outputs)
    scores.add("root_mean_squared_error", np.average(np.sqrt(squares)), **outputs)
    return scores


def _r2(y: Array, squared: Array, weight: Array | None) -> float:
    if len(y) < 2:
        return float("nan")
    spread = (y - np.average(y, weights=weight, axis=0)) ** 2
    if weight is not None:
        squared, spread = weight[:, None] * squared, weight[:, None] * spread
    numerator, denominator = squared.sum(axis=0), spread.sum(axis=0)
    each = np.ones_like(numerator)  # of the data's own type, and so is their mean: scikit-learn rounds there too
    found = (numerator != 0) & (denominator != 0)
    each[found] = 1 - numerator[found] / denominator[found]
    each[(numerator != 0) & (denominator == 0)] = 0
    return float(np.average(each))


def _float_type(*arrays: Array | None) -> Any:
    """The type in which scikit-learn would compute: that of the floats among the arrays, else double."""
    floats = [array.dtype for array in arrays if array is not None and array.dtype.kind == "f"]
    return np.result_type(*floats) if floats else np.dtype(np.float64)


def _column(values: Any) -> Array:
    array = np.asarray(values)
    return array.reshape(-1, 1) if array.ndim == 1 else array


def _floats(weight: Any) -> Array | None:
    if weight is None:
        return None
    array = np.asarray(weight)
    return (array if array.dtype.kind == "f" else array.astype(np.float64)).ravel()


def _encode(truth: Any, prediction: Any, classes: Any, weight: Array | None) -> _Encoded | None:
    if hasattr(truth, "toarray") or hasattr(prediction, "toarray"):  # a sparse multilabel indicator stays sparse
        return None
    y, p = _labels(truth), _labels(prediction)
    if y is None or p is None or len(y) != len(p) or len(y) == 0:
        return None
    if weight is not None and (len(weight) != len(y) or weight.min() < 0 or weight.sum() <= 0):
        return None
    known = np.asarray(classes) if isinstance(classes, np.ndarray) and classes.ndim == 1 else None
    try:
        if known is None or (found := _positions(known, y, p)) is None:
            known = np.unique(np.concatenate([y, p]))
            found = _positions(known, y, p)
    except TypeError:  # labels that cannot be compared with one another
        return None
    return None if found is None else _Encoded(known, found[0], found[1], weight)


def _labels(values: Any) -> Array | None:
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array.ravel()
    return array if array.ndim == 1 else None


def _positions(classes: Array, *labels: Array) -> tuple[npt.NDArray[np.intp], ...] | None:
    found = []
    for values in labels:
        if (values.dtype.kind in "biuf") != (classes.dtype.kind in "biuf"):
            return None
        at = np.searchsorted(classes, values)
        at[at == len(classes)] = 0
        if not bool(np.all(classes[at] == values)):
            return None
        found.append(at)
    return tuple(found)


def _counted(scores: Scores, encoded: _Encoded) -> None:
    """Accuracy, and precision, recall and F1 averaged over the classes by their weight in the truth."""
    size, truth, prediction, weight = len(encoded.classes), encoded.truth, encoded.prediction, encoded.weight
    right = truth == prediction
    true = np.bincount(truth, weight, minlength=size).astype(np.float64)
    predicted = np.bincount(prediction, weight, minlength=size).astype(np.float64)
    hits = np.bincount(truth[right], None if weight is None else weight[right], minlength=size).astype(np.float64)
    for function, value in zip(
        _WEIGHTED,
        (_ratio(hits, predicted), _ratio(hits, true), _ratio(2 * hits, true + predicted)),
        strict=True,
    ):
        scores.add(function, np.average(value, weights=true), average="weighted", zero_division=0)
    scores.add("accuracy_score", np.average(right, weights=weight))


def _ratio(numerator: Array, denominator: Array) -> Array:
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator != 0)


def _log_loss(scores: Scores, encoded: _Encoded, proba: Array) -> None:
    if proba.dtype.kind != "f":
        proba = proba.astype(np.float64)
    at_truth = proba[np.arange(len(proba)), encoded.truth]
    eps = np.finfo(proba.dtype).eps
    loss = -np.log(np.clip(at_truth, eps, 1 - eps))
    scores.add("log_loss", np.average(loss, weights=encoded.weight), labels="classes_ of the model")


def _roc_auc(scores: Scores, encoded: _Encoded, proba: Array) -> None:
    size, truth = len(encoded.classes), encoded.truth
    rows = np.bincount(truth, encoded.weight, minlength=size)
    if not bool(np.all(rows > 0)):
        scores.skip("roc_auc", "not every class of the model is among the rows")
    elif not bool(np.all(np.isfinite(proba))):
        scores.skip("roc_auc", "probabilities are not finite")
    elif size == 2:
        positive = truth == 1
        area = _area(proba[:, 1], positive, encoded.weight)
        scores.add("roc_auc_score", area, pos_label=_plain(encoded.classes[1]))
    else:
        how: dict[str, Any] = {"multi_class": "ovo", "average": "weighted"}
        if encoded.weight is not None:
            how["sample_weight"] = "not used: scikit-learn defines none for one-vs-one"
        scores.add("roc_auc_score", _one_vs_one(truth, proba, size), **how)


def _area(score: Array, positive: Array, weight: Array | None) -> float:
    """The share of (positive, negative) pairs in the right order, ties counting half; weights multiply."""
    order = np.argsort(score[positive], kind="stable")
    high = score[positive][order]
    low = score[~positive]
    below = np.searchsorted(high, low, side="left")
    upto = np.searchsorted(high, low, side="right")
    if weight is None:
        won = float((2 * len(high) - below - upto).sum()) / 2
        return won / (len(high) * len(low))
    gained = np.concatenate([[0.0], np.cumsum(weight[positive][order], dtype=np.float64)])
    lost = weight[~positive].astype(np.float64)
    won = float(np.dot(gained[-1] - (gained[below] + gained[upto]) / 2, lost))
    return won / (float(gained[-1]) * float(lost.sum()))


def _one_vs_one(truth: npt.NDArray[np.intp], proba: Array, size: int) -> float:
    """Hand and Till's mean over pairs of classes, each weighted by the rows of the pair."""
    rows = np.bincount(truth, minlength=size).astype(np.float64)
    area = np.empty((size, size))  # area[a, b]: how well column a tells class a from class b
    for a in range(size):
        column = proba[:, a]
        high = np.sort(column[truth == a])
        below = np.searchsorted(high, column, side="left")
        upto = np.searchsorted(high, column, side="right")
        won = np.bincount(truth, 2 * len(high) - below - upto, minlength=size)
        area[a] = won / (2 * rows[a] * rows)
    upper = np.triu_indices(size, 1)
    pairs = ((area + area.T) / 2)[upper]
    return float(np.average(pairs, weights=(rows[:, None] + rows)[upper]))


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def _by_sklearn(scores: Scores, truth: Any, prediction: Any, weight: Array | None) -> None:
    """The same scores by scikit-learn's own functions, for targets that are not one column of labels."""
    from sklearn import config_context, metrics  # noqa: PLC0415  the framework

    with config_context(assume_finite=True, skip_parameter_validation=True):
        how: Mapping[str, Any] = {"average": "weighted", "zero_division": 0}
        try:
            found = metrics.precision_recall_fscore_support(truth, prediction, sample_weight=weight, **how)
            accuracy = metrics.accuracy_score(truth, prediction, sample_weight=weight)
        except ValueError as fault:  # several targets of several classes each: scikit-learn defines none of them
            for function in (*_WEIGHTED, "accuracy_score"):
                scores.skip(function, str(fault))
            return
    for function, value in zip(_WEIGHTED, found[:3], strict=True):
        scores.add(function, value, **how)
    scores.add("accuracy_score", accuracy)
