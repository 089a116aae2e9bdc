"""What autologging knows of one run beside what is written into it."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steno.tracking.open_run import OpenRun

__all__ = ["RunRecord"]

_MOST_FAULTS = 20
_LONGEST_FAULT = 500


class RunRecord:
    """What autologging knows of one run beside what is written: names given out, faults, who opened it.

    Attributes:
        open_run: the writing handle.
        own: whether a training opened it, so that the training ends it and may name it.
        faults: what could not be recorded.
    """

    __slots__ = ("__weakref__", "_lock", "_models", "_scores", "faults", "open_run", "own")

    def __init__(self, open_run: OpenRun, *, own: bool) -> None:
        self.open_run = open_run
        self.own = own
        self.faults: list[dict[str, str]] = []
        self._lock = threading.RLock()  # a signal handler may train something
        self._models: Counter[str] = Counter()
        self._scores: Counter[tuple[str, str]] = Counter()

    def model_name(self, name: str) -> str:
        """The name under which the run keeps its next model: `model`, `model_2`, ..."""
        with self._lock:
            self._models[name] += 1
            count = self._models[name]
        return name if count == 1 else f"{name}_{count}"

    def score_name(self, name: str, source: str) -> str:
        """The key of the next score of this name and data, as MLflow names it: `r2_score_X`, `r2_score-2_X`, ..."""
        with self._lock:
            self._scores[name, source] += 1
            count = self._scores[name, source]
        return f"{name}_{source}" if count == 1 else f"{name}-{count}_{source}"

    def fault(self, step: str, error: BaseException) -> list[dict[str, str]]:
        """List one thing that could not be recorded; returns all of them, the first twenty at most."""
        with self._lock:
            if len(self.faults) < _MOST_FAULTS:
                message = str(error)[:_LONGEST_FAULT]
                self.faults.append({"step": step, "type": type(error).__name__, "message": message})
            return list(self.faults)
