"""Estimators that do nothing, so that what is left is the price of the patch on `fit`.

They are a module of their own because a class of `__main__` is patched by attribute and not in place.
"""

from __future__ import annotations

import time
from typing import Any

from sklearn.base import BaseEstimator

__all__ = ["Idle", "Repeating"]


class Idle(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Learns nothing."""

    def fit(self, X: Any = None, y: Any = None) -> Idle:
        """Learn nothing."""
        return self


class Repeating(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Trains another estimator many times and keeps how long one of these calls took.

    Attributes:
        inner: the estimator.
        calls: how often.
        ns_: CPU nanoseconds of one call, once fitted.
    """

    def __init__(self, inner: Any, calls: int) -> None:
        self.inner = inner
        self.calls = calls

    def fit(self, X: Any = None, y: Any = None) -> Repeating:
        """Train the inner one, again and again."""
        self.ns_ = ns_of_a_call(self.inner.fit, self.calls)
        return self


def ns_of_a_call(function: Any, calls: int) -> float:
    """CPU nanoseconds of one call, the loop around it included."""
    started = time.thread_time_ns()
    for _ in range(calls):
        function()
    return (time.thread_time_ns() - started) / calls
