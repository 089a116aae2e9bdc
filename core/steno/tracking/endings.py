"""How a run ends: the status and the error that tell the truth about it."""

from __future__ import annotations

import contextlib
import json
import sys
import traceback
from typing import get_args

from steno.entities import StatusName
from steno.errors import InvalidInputError, shown

__all__ = ["ERROR_TAG", "end_by_ctrl_c", "error_tag", "left_open", "status_of", "terminal_status"]

ERROR_TAG = "steno.error"
_LONGEST_TRACE = 64_000


def status_of(error: BaseException | None) -> StatusName:
    """The status of a run whose block was left by `error`.

    Ctrl-C and its kin kill a run, `sys.exit(0)` ends it well, every other exception is a failure.
    """
    if error is None:
        return "FINISHED"
    if isinstance(error, SystemExit):
        return "FINISHED" if error.code in (None, 0) else "FAILED"
    return "FAILED" if isinstance(error, Exception) else "KILLED"


def left_open() -> tuple[StatusName, BaseException | None]:
    """Status and error of a run that nobody ended, when the program ends.

    An uncaught exception is remembered by the interpreter (`sys.last_exc`, before Python 3.12 `sys.last_value`). In
    an interactive session it says nothing: the last cell that failed may lie hours back.
    """
    under_way = sys.exc_info()[1]  # a child of multiprocessing ends inside the `finally` of what it ran
    if under_way is not None:
        return status_of(under_way), under_way
    uncaught = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    if isinstance(uncaught, BaseException) and not _interactive():
        return status_of(uncaught), uncaught
    return "FINISHED", None


def _interactive() -> bool:
    if hasattr(sys, "ps1") or sys.flags.interactive:
        return True
    shell = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return shell is not None and shell() is not None


def end_by_ctrl_c() -> None:
    """Let the interpreter end by SIGINT, as it does after an uncaught KeyboardInterrupt.

    It remembers that interrupt until the next text is executed, and importing the store's libraries at exit executes
    some: the exit code that the shell sees would be another one with us than without us.
    """
    with contextlib.suppress(KeyboardInterrupt):
        exec("raise KeyboardInterrupt")  # noqa: S102  a constant


def error_tag(error: BaseException) -> str:
    """What the tag `steno.error` holds: type, message and traceback as JSON."""
    try:
        message = str(error)
    except (TypeError, ValueError, AttributeError, RuntimeError, LookupError, ArithmeticError):
        message = shown(error)
    trace = "".join(traceback.TracebackException.from_exception(error).format())
    if len(trace) > _LONGEST_TRACE:
        half = _LONGEST_TRACE // 2
        trace = f"{trace[:half]}\n…\n{trace[-half:]}"
    return json.dumps({"type": type(error).__qualname__, "message": message, "traceback": trace})


def terminal_status(status: object) -> StatusName:
    """A status as text.

    Raises:
        InvalidInputError: none of MLflow's five.
    """
    found = str(status).upper() if isinstance(status, str) else None
    for known in get_args(StatusName):
        if found == known:
            return known  # type: ignore[no-any-return]  # one of the literals
    raise InvalidInputError(f"status is {shown(status)}, accepted are FINISHED, FAILED, KILLED, RUNNING and SCHEDULED")
