"""What a booster is trained on, and a few rows of it for the model's signature. Nothing large is read or copied."""

from __future__ import annotations

from typing import Any

import numpy as np

from steno.plugin import Call

__all__ = ["head", "prediction_like", "record", "row_count", "sample_row"]

SAMPLE_ROWS = 5
# xgboost's types of features, by the value whose type is MLflow's; a category's own values are not in a DMatrix.
_EXAMPLES = {"float": 0.0, "q": 0.0, "int": 0, "i": False}


def record(call: Call, data: Any, targets: Any, context: str, called: str | None = None) -> None:
    """Record one dataset under its variable's name, else as it is called.

    The rows of a `DMatrix` are not read back out: its labels and its shape stand for them.
    """
    if targets is None and hasattr(data, "get_label"):
        labels = data.get_label()
        targets = labels if labels.size else None
    call.run.dataset(data, targets=targets, name=call.variable(data) or called, context=context)


def row_count(data: Any) -> int | None:
    """How many rows an array, a frame or a sparse matrix has; None if that cannot be told without running it."""
    shape = getattr(data, "shape", None)
    if isinstance(shape, tuple) and shape and isinstance(shape[0], int):
        return shape[0]
    return len(data) if isinstance(data, (list, tuple)) else None


def head(data: Any) -> Any:
    """The first rows, in the container that the data came in; None if it has no rows to take without running it."""
    if row_count(data) is None:
        return None
    rows = getattr(data, "iloc", data)
    return rows[:SAMPLE_ROWS]


def sample_row(matrix: Any) -> dict[str, list[Any]] | None:
    """A row of a `DMatrix` as its names and types tell it; None where they do not.

    Without names it was made from an array whose type is not known any more, and a guess would refuse good data.
    """
    names, types = matrix.feature_names, matrix.feature_types
    if not names or not types or any(kind not in _EXAMPLES for kind in types):
        return None
    return {name: [_EXAMPLES[kind]] for name, kind in zip(names, types, strict=True)}


def prediction_like(booster: Any, matrix: Any) -> Any:
    """What the booster predicts for a row of zeros; its type and shape are those of every prediction."""
    import xgboost  # noqa: PLC0415  the framework

    names, types = matrix.feature_names, matrix.feature_types
    row = xgboost.DMatrix(np.zeros((1, matrix.num_col())), feature_names=names, feature_types=types)
    # not a subclass's own `predict`, which may do more
    return xgboost.Booster.predict(booster, row)
