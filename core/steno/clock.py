"""The time as steno records it, and the chance that its ids and names are drawn from. Tests hold both still."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

__all__ = ["CLOCK", "Clock", "now"]


class Clock:
    """Where recorded times and drawn ids come from.

    Plain attributes, read at each use: the time of a metric is told a hundred thousand times a second.

    Attributes:
        ns: nanoseconds since 1970.
        noise: so many random bytes. The program's own random state is neither read nor moved.
    """

    __slots__ = ("noise", "ns")

    def __init__(self) -> None:
        self.ns: Callable[[], int] = time.time_ns
        self.noise: Callable[[int], bytes] = os.urandom


CLOCK = Clock()


def now() -> int:
    """Milliseconds since 1970."""
    return CLOCK.ns() // 1_000_000
