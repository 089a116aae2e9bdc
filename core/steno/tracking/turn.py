"""A lock for work that may be interrupted by itself."""

from __future__ import annotations

import threading
from types import TracebackType

__all__ = ["Turn"]


class Turn:
    """Who holds it does the work; who waits too long, or holds it already, goes without.

    A signal handler runs in the middle of whatever its thread is at: were it to wait for what the frames below it
    hold, it would wait for ever.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._taken = False

    def within(self, timeout_s: float) -> _Attempt:
        """`with turn.within(5) as mine:` - whether the turn is ours; True is given back at the end of the block."""
        return _Attempt(self, timeout_s)

    def take(self, timeout_s: float) -> bool:
        """Take the turn; False if another thread holds it all that time, or this one does."""
        if not self._lock.acquire(timeout=max(0.0, timeout_s)):
            return False
        if self._taken:  # by this thread, else the lock would not have been free
            self._lock.release()
            return False
        self._taken = True
        return True

    def give(self) -> None:
        """Give it back."""
        self._taken = False
        self._lock.release()


class _Attempt:
    __slots__ = ("_mine", "_timeout_s", "_turn")

    def __init__(self, turn: Turn, timeout_s: float) -> None:
        self._turn = turn
        self._timeout_s = timeout_s
        self._mine = False

    def __enter__(self) -> bool:
        self._mine = self._turn.take(self._timeout_s)
        return self._mine

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._mine:
            self._turn.give()
