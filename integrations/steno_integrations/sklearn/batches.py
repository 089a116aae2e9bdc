"""Estimators trained batch by batch: which of them have a run, held weakly and by identity."""

from __future__ import annotations

import weakref
from typing import Any

from steno.plugin import RunHandle

__all__ = ["Batches"]

CALLS = "steno.partial_fit_calls"


class Batches:
    """Runs of estimators whose `partial_fit` has been called."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[weakref.ref[Any], RunHandle, int]] = {}

    def begin(self, estimator: Any, run: RunHandle | None) -> None:
        """The first batch was recorded in `run`; None after a `fit`, which starts from nothing."""
        key = id(estimator)
        if run is None:
            self._open.pop(key, None)
            return

        def forget(reference: weakref.ref[Any]) -> None:
            if key in self._open and self._open[key][0] is reference:
                del self._open[key]

        try:
            self._open[key] = (weakref.ref(estimator, forget), run, 1)
        except TypeError:  # a class with __slots__ and without __weakref__: each of its batches is a run
            return

    def seen(self, estimator: Any) -> bool:
        """Whether this estimator has a run that a further batch belongs to; the batch is counted there."""
        found = self._open.get(id(estimator))
        if found is None or found[0]() is not estimator:
            return False
        reference, run, calls = found
        self._open[id(estimator)] = (reference, run, calls + 1)
        run.tags({CALLS: str(calls + 1)})
        return True
