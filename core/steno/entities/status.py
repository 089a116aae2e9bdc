"""How a run or a logged model stands."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, cast

from steno.errors import InvalidInputError, shown

__all__ = ["LoggedModelStatus", "RunStatus", "StatusName"]

StatusName = Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]
"""A status as `run.info.status` holds it: MLflow's name of it."""


class RunStatus:
    """The numbers of MLflow's statuses, for code that speaks of them; `run.info.status` is the name.

    >>> RunStatus.to_string(RunStatus.FINISHED)
    'FINISHED'
    """

    RUNNING = 1
    SCHEDULED = 2
    FINISHED = 3
    FAILED = 4
    KILLED = 5

    @staticmethod
    def from_string(status_str: str) -> int:
        """The number of a name.

        Raises:
            InvalidInputError: no such status.
        """
        if status_str not in _NUMBERS:
            raise InvalidInputError(f"run status is {shown(status_str)}, accepted are {', '.join(_NUMBERS)}")
        return _NUMBERS[status_str]

    @staticmethod
    def to_string(status: int) -> StatusName:
        """The name of a number.

        Raises:
            InvalidInputError: no such status.
        """
        for name, number in _NUMBERS.items():
            if number == status:
                return name
        raise InvalidInputError(
            f"run status is {shown(status)}, accepted are {', '.join(map(str, _NUMBERS.values()))}, "
            "such as RunStatus.FINISHED"
        )

    @staticmethod
    def is_terminated(status: int | str) -> bool:
        """Whether a run of this status has ended; takes the name, too."""
        number = _NUMBERS.get(cast("StatusName", status), status)
        return number in (RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED)

    @staticmethod
    def all_status() -> list[int]:
        """All numbers."""
        return list(_NUMBERS.values())


_NUMBERS: dict[StatusName, int] = {
    "RUNNING": RunStatus.RUNNING,
    "SCHEDULED": RunStatus.SCHEDULED,
    "FINISHED": RunStatus.FINISHED,
    "FAILED": RunStatus.FAILED,
    "KILLED": RunStatus.KILLED,
}


class LoggedModelStatus(StrEnum):
    """How a logged model stands; equal to the text that `LoggedModel.status` holds."""

    UNSPECIFIED = "UNSPECIFIED"
    PENDING = "PENDING"
    READY = "READY"
    FAILED = "FAILED"

    @staticmethod
    def is_finalized(status: str) -> bool:
        """Whether the status will not change any more."""
        return status in (LoggedModelStatus.READY, LoggedModelStatus.FAILED)
