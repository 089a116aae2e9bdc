"""What a stretch of somebody else's code raises, kept for the row to judge."""

from __future__ import annotations

from types import TracebackType

from steno.testing.conformance.failure import Failure, Skipped

__all__ = ["kept"]


class kept:  # noqa: N801  reads as a `with` statement
    """Whatever is raised inside is put into a list, and goes no further; what the row itself says does.

    Args:
        errors: the list; a new one unless given. Threads may share it.
    """

    def __init__(self, errors: list[BaseException] | None = None) -> None:
        self._errors: list[BaseException] = [] if errors is None else errors

    def __enter__(self) -> list[BaseException]:
        return self._errors

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> bool:
        if error is None or isinstance(error, (Failure, Skipped)):
            return False
        self._errors.append(error)
        return True
