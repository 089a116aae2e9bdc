"""Time that stands still and ids in a fixed order, so that a test can compare whole records."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator

__all__ = ["SteadyIds", "StillClock"]

_START_NS = 1_767_225_600 * 10**9  # 2026-01-01T00:00:00Z


class StillClock:
    """The time that steno records; it moves when it is told to.

    Attributes:
        ns: the time now, in nanoseconds since 1970.
    """

    def __init__(self) -> None:
        self.ns = _START_NS

    @property
    def ms(self) -> int:
        """The time now, in milliseconds since 1970, as runs and metrics have it."""
        return self.ns // 1_000_000

    def advance(self, seconds: float) -> None:
        """Let so much time pass."""
        self.ns += round(seconds * 1e9)

    def read(self) -> int:
        """The time now, in nanoseconds since 1970."""
        return self.ns


class SteadyIds:
    """What ids and names are drawn from: 1, 2, 3, ..., counted apart for each length."""

    def __init__(self) -> None:
        self._counts: defaultdict[int, Iterator[int]] = defaultdict(lambda: itertools.count(1))

    def draw(self, size: int) -> bytes:
        """The next number, in so many bytes."""
        return next(self._counts[size]).to_bytes(size, "big")
