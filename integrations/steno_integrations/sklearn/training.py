"""Scores on the data a model was trained on: which rows, which predictions, and nothing of the user's moved by it."""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from steno.plugin import RunHandle
from steno_integrations.sklearn.forests import predict_forest
from steno_integrations.sklearn.kinds import behind, inner, kind_of, search_in
from steno_integrations.sklearn.scores import Scores, classification, regression

__all__ = ["MOST_ROWS", "Trained", "count_rows", "first_rows", "measure", "predict_first", "sample_for_signature"]

MOST_ROWS = 100_000
SAMPLE_ROWS = 5

# predict() of these is classes_[argmax(predict_proba(X))] to the bit, so that one pass answers for both.
_PREDICT_IS_ARGMAX = frozenset({("sklearn.ensemble._forest", "ForestClassifier.predict")})
_SCORES = {
    ("sklearn.base", "ClassifierMixin.score"): "accuracy_score",
    ("sklearn.base", "RegressorMixin.score"): "r2_score",
}
# A search's score is its scorer's: these are among the training scores already, up to their sign.
_SCORERS = {
    "accuracy": ("accuracy_score", 1.0),
    "r2": ("r2_score", 1.0),
    "f1_weighted": ("f1_score", 1.0),
    "precision_weighted": ("precision_score", 1.0),
    "recall_weighted": ("recall_score", 1.0),
    "neg_mean_squared_error": ("mean_squared_error", -1.0),
    "neg_root_mean_squared_error": ("root_mean_squared_error", -1.0),
    "neg_mean_absolute_error": ("mean_absolute_error", -1.0),
}
_TREES = frozenset({"sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree"})
_DRAW_NOTHING_WHEN_PREDICTING = frozenset({"sklearn", "imblearn", "xgboost", "lightgbm", "catboost"})


@dataclass(frozen=True, slots=True)
class Trained:
    """What one training call was given: the estimator, data of any kind, and sample weights or None."""

    estimator: Any
    X: Any
    y: Any
    weight: Any


def count_rows(X: Any) -> int | None:
    """Rows of any data; None for an iterator, which can be read once and belongs to the user's fit."""
    shape = getattr(X, "shape", None)
    if isinstance(shape, tuple) and shape:
        return int(shape[0]) if isinstance(shape[0], int) else None
    return len(X) if hasattr(X, "__len__") and hasattr(X, "__getitem__") else None


def first_rows(data: Any, rows: int = SAMPLE_ROWS) -> Any:
    """The first rows, as a view where the container has views."""
    if hasattr(data, "iloc"):
        return data.iloc[:rows]
    if hasattr(data, "tocsr") and not hasattr(data, "indptr"):  # COO and DIA have no rows to slice
        return data.tocsr()[:rows]
    return data[:rows]


def sample_for_signature(X: Any) -> Any:
    """What the columns of a model's input are inferred from: all of a frame, since any row may hold the first gap."""
    return X if hasattr(X, "columns") else first_rows(X)


def measure(run: RunHandle, trained: Trained) -> tuple[Scores, Any] | None:
    """Score the training; the second item is the prediction for the first rows, None where none was made.

    Returns None where nothing can be scored: no target, no `predict`, or data that can be read only once.
    """
    estimator, rows = trained.estimator, count_rows(trained.X)
    if trained.y is None or rows is None or rows == 0 or not hasattr(estimator, "predict"):
        return None
    task = _task(trained)
    seen, how = _sampled(trained, rows)
    scores: Scores | None = None
    prediction = None
    with _undisturbed(estimator):
        if task in ("classifier", "regressor"):
            proba = _proba(run, estimator, seen.X) if task == "classifier" else None
            prediction = _prediction(estimator, seen.X, proba)
            if task == "classifier":
                classes = getattr(estimator, "classes_", None)
                scores = classification(seen.y, prediction, proba, classes, seen.weight)
            else:
                scores = regression(seen.y, prediction, seen.weight)
        scores = scores or Scores()
        with run.step("training_score"):
            _score(scores, seen)
    for info in scores.info.values():
        info.update(how)
        if trained.weight is not None:
            info.setdefault("sample_weight", "as given to fit")
    return scores, None if prediction is None or "sampled_from" in how else first_rows(prediction)


def predict_first(estimator: Any, X: Any) -> Any:
    """The prediction for the first rows only, for the model's signature; None where the model predicts nothing."""
    if not hasattr(estimator, "predict") or count_rows(X) is None:
        return None
    with _undisturbed(estimator):
        return estimator.predict(first_rows(X))


def _task(trained: Trained) -> str:
    estimator = behind(trained.estimator)
    kind = kind_of(estimator)
    if kind != "other":
        return kind
    # A class of one's own without scikit-learn's mixins: only what leaves no doubt is scored.
    if hasattr(estimator, "classes_") or hasattr(estimator, "predict_proba"):
        return "classifier"
    y = np.asarray(trained.y) if not hasattr(trained.y, "toarray") else None
    fractions = y is not None and y.dtype.kind == "f" and bool(np.any(y != np.floor(y)))
    return "regressor" if fractions else "other"


def _sampled(trained: Trained, rows: int) -> tuple[Trained, dict[str, Any]]:
    if rows <= MOST_ROWS:
        return trained, {"rows": rows}
    from sklearn.utils import _safe_indexing  # noqa: PLC0415  the framework

    chosen = np.sort(np.random.default_rng(0).choice(rows, MOST_ROWS, replace=False, shuffle=False))

    def pick(data: Any) -> Any:
        if data is None:
            return None
        if hasattr(data, "tocsr") and not hasattr(data, "indptr"):
            data = data.tocsr()
        return _safe_indexing(data, chosen)

    seen = Trained(trained.estimator, pick(trained.X), pick(trained.y), pick(trained.weight))
    return seen, {"rows": MOST_ROWS, "sampled_from": rows, "sample": "random rows, always the same ones"}


def _proba(run: RunHandle, estimator: Any, X: Any) -> Any:
    if not hasattr(estimator, "predict_proba"):
        return None
    proba = None
    with run.step("predict_proba"), np.errstate(all="ignore"):
        proba = predict_forest(estimator, X)
        if proba is None:
            proba = estimator.predict_proba(X)
    return None if isinstance(proba, list) else proba


def _prediction(estimator: Any, X: Any, proba: Any) -> Any:
    worker = behind(estimator)
    if proba is not None and _written_in(type(worker), "predict") in _PREDICT_IS_ARGMAX:
        return worker.classes_.take(np.argmax(proba, axis=1), axis=0)
    with np.errstate(all="ignore"):
        forest = predict_forest(estimator, X) if proba is None else None
        return estimator.predict(X) if forest is None else forest


def _written_in(cls: type, method: str) -> tuple[str, str]:
    function = getattr(cls, method, None)
    return getattr(function, "__module__", ""), getattr(function, "__qualname__", "")


def _score(scores: Scores, seen: Trained) -> None:
    """`training_score`: what its own `score` would say, by one more pass only if it has a way of its own."""
    estimator = seen.estimator
    if not hasattr(estimator, "score"):
        return
    known = _known_score(estimator)
    if known is not None and f"training_{known[0]}" in scores.values:
        function, sign = known
        value = sign * scores.values[f"training_{function}"]
        how = {name: item for name, item in scores.info[f"training_{function}"].items() if name != "function"}
        how["same_as"] = f"{'-' if sign < 0 else ''}training_{function}"
    else:
        accepted = inspect.signature(estimator.score).parameters
        weight = {} if seen.weight is None or "sample_weight" not in accepted else {"sample_weight": seen.weight}
        try:
            with np.errstate(all="ignore"):
                value, how = estimator.score(seen.X, seen.y, **weight), {}
        except (ValueError, TypeError, LookupError, NotImplementedError) as fault:
            # several targets of several classes, several scorers and none of them chosen: the user's call raises too
            scores.skip("score", f"{type(estimator).__name__}.score raises {type(fault).__name__}: {fault}")
            return
    if isinstance(value, (int, float, np.number)):
        scores.values["training_score"] = float(value)
        scores.info["training_score"] = {"function": f"{type(estimator).__name__}.score", **how}


def _known_score(estimator: Any) -> tuple[str, float] | None:
    if search_in(estimator) is estimator:
        scoring = estimator.scoring
        if isinstance(scoring, str):
            return _SCORERS.get(scoring)
        if scoring is not None:
            return None
    within = inner(estimator)
    if within is not None:
        return _known_score(within)
    function = _SCORES.get(_written_in(type(estimator), "score"))
    return None if function is None else (function, 1.0)


@contextmanager
def _undisturbed(estimator: Any) -> Iterator[None]:
    """Put back what a prediction of ours may have moved: the estimator's attributes, and generators it draws from.

    scikit-learn's own classes do neither, but for `DummyClassifier`, and the search trees of neighbours, which count
    their queries; a class of the user's may do both.
    """
    parts = list(_parts(estimator))
    attributes = [(part, dict(vars(part))) for part in parts if hasattr(part, "__dict__")]
    generators = _generators(parts)
    try:
        for part, before in attributes:
            vars(part).update({name: _twin(value) for name, value in before.items() if _is_tree(value)})
            if before.get("verbose"):
                vars(part)["verbose"] = 0  # what a prediction of ours prints is not the user's output
        yield
    finally:
        for part, before in attributes:
            _restore(part, before)
        for restore, state in generators:
            restore(state)


def _is_tree(value: Any) -> bool:
    return type(value).__module__ in _TREES


def _twin(tree: Any) -> Any:
    """A second tree over the same memory, with counters of its own."""
    cls: Any = type(tree)
    twin = cls.__new__(cls)
    twin.__setstate__(tree.__getstate__())
    return twin


def _parts(estimator: Any) -> Iterator[Any]:
    """The estimator and those it hands a prediction to: the best of a search, the steps of a pipeline."""
    yield estimator
    steps = getattr(estimator, "steps", None)
    if isinstance(steps, list):
        for step in steps[:-1]:
            if not isinstance(step[1], str) and step[1] is not None:
                yield from _parts(step[1])
    within = inner(estimator)
    if within is not None:
        yield from _parts(within)


def _restore(part: Any, before: Mapping[str, Any]) -> None:
    now = vars(part)
    if now.keys() != before.keys() or any(now[name] is not value for name, value in before.items()):
        now.clear()
        now.update(before)


def _generators(parts: list[Any]) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    for part in parts:
        own = getattr(part, "random_state", None)
        if isinstance(own, np.random.RandomState):
            found.append((own.set_state, own.get_state()))
    if any(_may_draw(part) for part in parts):
        found.append((np.random.set_state, np.random.get_state()))
        found.append((random.setstate, random.getstate()))
    return found


def _may_draw(part: Any) -> bool:
    cls = type(part)
    return cls.__name__ == "DummyClassifier" or cls.__module__.partition(".")[0] not in _DRAW_NOTHING_WHEN_PREDICTING
