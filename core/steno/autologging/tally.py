"""How many training calls an integration has seen, and what became of each."""

from __future__ import annotations

import threading

__all__ = ["Tally"]


class Tally:
    """Counts of one integration. Whatever thread trains, when all is over `calls == runs + skips`.

    Attributes:
        calls: training calls that are nobody else's part.
        runs: how many of them were recorded.
        skips: how many were not, and `last_skip` why.
        inner: training calls inside of another, which belong to that one, and `last_inner` to which.
    """

    __slots__ = ("_lock", "calls", "inner", "last_inner", "last_skip", "runs", "skips")

    def __init__(self) -> None:
        self.calls = self.runs = self.skips = self.inner = 0
        self.last_skip = self.last_inner = ""
        self.renew_lock()

    def renew_lock(self) -> None:
        """In a forked child: the thread that held the lock does not exist there."""
        self._lock = threading.RLock()  # a signal handler may train something

    def began(self) -> None:
        """A training call is seen that is nobody else's part."""
        with self._lock:
            self.calls += 1

    def recorded(self) -> None:
        """It is recorded."""
        with self._lock:
            self.runs += 1

    def skipped(self, reason: str) -> None:
        """It is not recorded."""
        with self._lock:
            self.skips += 1
            self.last_skip = reason

    def declined(self, reason: str) -> None:
        """A training call is seen that is nobody else's part, and it is not recorded."""
        with self._lock:
            self.calls += 1
            self.skips += 1
            self.last_skip = reason

    def inside(self, account: str) -> None:
        """A training call is seen inside of another; a search may make a million of them."""
        self.inner += 1
        self.last_inner = account
