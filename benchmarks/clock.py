"""Clocks: CPU time of the whole process with all its threads and the children it has waited for, and wall time."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Span", "Stopwatch", "percentile"]


@dataclass(frozen=True, slots=True)
class Span:
    """Milliseconds of CPU and wall time."""

    cpu_ms: float
    wall_ms: float


class Stopwatch:
    """Runs from its creation."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = _cpu_seconds()

    def stop(self) -> Span:
        """Time since creation; may be asked again."""
        return Span((_cpu_seconds() - self._cpu) * 1000, (time.perf_counter() - self._wall) * 1000)


def _cpu_seconds() -> float:
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of all lie.

    >>> percentile([1, 2, 3, 4], 0.5)
    3
    """
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
