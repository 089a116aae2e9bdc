"""What the user is told while the program goes on: each cause once."""

from __future__ import annotations

import sys
import threading
import warnings

from steno.errors import StenoWarning

__all__ = ["Notices", "notices"]


class Notices:
    """The causes that were already said in this process."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._lock = threading.RLock()

    def once(self, cause: str, message: str) -> None:
        """Warn with a `StenoWarning`, unless this cause was said before.

        Never raises: where the user's filters turn warnings into errors, the message goes to standard error, because
        recording must not end a training.

        Args:
            cause: what makes two messages the same, such as "journal".
            message: what happened, what it means, what to do.
        """
        with self._lock:
            if cause in self._said:
                return
            self._said.add(cause)
        try:
            warnings.warn_explicit(message, StenoWarning, "steno", 1)  # no line of ours would help the user
        except StenoWarning:
            if sys.stderr is not None:
                sys.stderr.write(f"StenoWarning: {message}\n")

    def said(self, cause: str) -> bool:
        """Whether this cause was said."""
        return cause in self._said

    def over(self, cause: str) -> None:
        """The cause is gone: say it again if it comes back."""
        with self._lock:
            self._said.discard(cause)

    def renew_lock(self) -> None:
        """In a forked child the lock may be held by a thread that is not there."""
        self._lock = threading.RLock()

    def reset(self) -> None:
        """Forget what was said."""
        self._said = set()


notices = Notices()
