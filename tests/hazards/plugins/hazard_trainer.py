"""The trainer around the loops of the hazard tests: what it is given to run is one training."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def fit(loop: Callable[[], T]) -> T:
    """Run a loop."""
    return loop()
