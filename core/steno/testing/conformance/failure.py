"""What a row comes to where it does not pass."""

from __future__ import annotations

__all__ = ["Failure", "Skipped"]


class Failure(AssertionError):  # noqa: N818  it is what a row comes to, no fault of its own
    """What a row found.

    Args:
        found: what happened, in a sentence.
        user: what that would mean for the users of the plugin.
        look: where to look in the plugin.
    """

    def __init__(self, found: str, user: str, look: str) -> None:
        super().__init__(f"{found.rstrip('.')}. {user.rstrip('.')}. Look at: {look}")


class Skipped(Exception):  # noqa: N818  nothing went wrong
    """This row cannot be checked here; the text says why, and what to write."""
