"""A series as arrays: put in order, and drawn with fewer points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["buckets", "in_order"]


def in_order(
    steps: NDArray[np.int64], timestamps: NDArray[np.int64], values: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The points by (step, timestamp), equals in the order in which they came. All three are (n,)."""
    ahead, equal = steps[1:] > steps[:-1], steps[1:] == steps[:-1]
    if bool((ahead | (equal & (timestamps[1:] >= timestamps[:-1]))).all()):
        return steps, timestamps, values
    order = np.lexsort((timestamps, steps))
    return steps[order], timestamps[order], values[order]


def buckets(
    steps: NDArray[np.int64], values: NDArray[np.float64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """First step, least and greatest value of at most `count` stretches of equal length.

    Args:
        steps: ascending, (n,).
        values: (n,); NaN counts only where a stretch has nothing else.
        count: how many stretches; at least 1.
    """
    edges = np.arange(0, len(values), max(1, -(-len(values) // count)))
    if not len(edges):
        return steps, values, values
    return steps[edges], np.fmin.reduceat(values, edges), np.fmax.reduceat(values, edges)
