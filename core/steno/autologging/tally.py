"""How many training calls an integration has seen, and what became of each."""

from __future__ import annotations

import threading

__all__ = ["Tally"]


class Tally:
    """Counts of one integration. Whatever thread trains, when all is over `calls == runs + skips`.

    Attributes:
        runs: how many calls were recorded.
        turned_away: how many began where nothing is recorded. Counted without a lock: it is done where a call must cost
            next to nothing, and every count here that holds it holds it as often.
        last_skip: why the last call that was not recorded was not.
        inner: training calls inside of another, which belong to that one, and `last_inner` to which.
    """

    __slots__ = ("_began", "_lock", "_skipped", "inner", "last_inner", "last_skip", "runs", "turned_away")

    def __init__(self) -> None:
        self._began = self._skipped = self.runs = self.turned_away = self.inner = 0
        self.last_skip = self.last_inner = ""
        self.renew_lock()

    def renew_lock(self) -> None:
        """In a forked child: the thread that held the lock does not exist there."""
        self._lock = threading.RLock()  # a signal handler may train something

    @property
    def calls(self) -> int:
        """Training calls that are nobody else's part."""
        return self._began + self.turned_away

    @property
    def skips(self) -> int:
        """How many of them were not recorded."""
        return self._skipped + self.turned_away

    def began(self) -> None:
        """A training call is seen that is nobody else's part."""
        with self._lock:
            self._began += 1

    def recorded(self) -> None:
        """It is recorded."""
        with self._lock:
            self.runs += 1

    def skipped(self, reason: str) -> None:
        """It is not recorded."""
        with self._lock:
            self._skipped += 1
            self.last_skip = reason
