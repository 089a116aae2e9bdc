"""How far off a prediction is."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["largest_error", "mean_squared_error"]


def mean_squared_error(expected: Any, predicted: Any) -> float:
    """The mean of the squared differences."""
    return float(np.mean((np.asarray(expected) - np.asarray(predicted)) ** 2))


def largest_error(expected: Any, predicted: Any) -> float:
    """The difference that is farthest from zero."""
    return float(np.max(np.abs(np.asarray(expected) - np.asarray(predicted))))
