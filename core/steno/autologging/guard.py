"""Our own faults: caught, counted, said once, and never felt by the training.

This is the only place that catches every `Exception`. Whatever ends a program on purpose (Ctrl-C, `sys.exit`, a
cancelled task, a closed generator) always passes.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any, TypeVar

from steno.errors import StenoWarning

__all__ = ["Fault", "Guard", "Step"]

_LOG = logging.getLogger("steno")
_OURS = frozenset({"steno", "steno_integrations", "wrapt", "contextlib"})
_LONGEST_TEXT = 20_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fault:
    """The last fault of one step of ours.

    Attributes:
        owner: the integration, or the part of us, that the step belongs to.
        step: the step's name, such as `"sklearn.fit before"`.
        kind: the exception's type name.
        message: the exception's text.
        traceback: the whole traceback as text; no frame and no object of the user's is kept alive.
        count: how often this step has failed so far.
        time: when it last failed, in seconds since the epoch.
    """

    owner: str
    step: str
    kind: str
    message: str
    traceback: str
    count: int
    time: float

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"


class Step:
    """One guarded stretch of our code; a context manager that lets no `Exception` out.

    Attributes:
        failed: whether the stretch was left by an exception.
        fault: that exception, as it is kept.
    """

    __slots__ = ("_guard", "failed", "fault", "name")

    def __init__(self, guard: Guard, name: str) -> None:
        self._guard = guard
        self.name = name
        self.failed = False
        self.fault: Fault | None = None

    def __enter__(self) -> Step:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> bool:
        if error is None:
            self._guard.passed(self.name)
            return False
        if not isinstance(error, Exception):
            return False
        self.failed = True
        self.fault = self._guard.record(self.name, error)
        return not self._guard.strict


class Guard:
    """Catches the faults of one owner, and stops a step that fails again and again.

    Args:
        owner: whose code runs under this guard: an integration's name, or a part of ours.
        limit: after so many faults in a row, a step is given up until `reset`.

    Attributes:
        strict: let faults out after recording them; for tests.
        silent: say nothing aloud; faults are kept and logged all the same.
    """

    def __init__(self, owner: str, *, limit: int = 3, strict: bool = False) -> None:
        self.owner = owner
        self.strict = strict
        self.silent = False
        self._limit = limit
        self._faults: dict[str, Fault] = {}
        self._in_a_row: dict[str, int] = {}
        self._said: set[tuple[str, str]] = set()

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The last fault of each step that ever failed, oldest step first."""
        return tuple(self._faults.values())

    def step(self, name: str) -> Step:
        """A context manager around one step; what fails inside goes no further."""
        return Step(self, name)

    def given_up(self, name: str) -> bool:
        """Whether this step has failed so often in a row that it should not be tried again."""
        return bool(self._in_a_row) and self._in_a_row.get(name, 0) >= self._limit

    def call(self, name: str, function: Callable[..., T], *args: Any, **kwargs: Any) -> T | None:
        """The function's result; None if it failed or had been given up."""
        if self.given_up(name):
            return None
        with Step(self, name):
            return function(*args, **kwargs)
        return None

    def passed(self, name: str) -> None:
        """Note that a step went well: faults before it no longer count towards giving up."""
        if self._in_a_row:
            self._in_a_row.pop(name, None)

    def record(self, name: str, error: Exception) -> Fault:
        """Keep a fault that was caught elsewhere, and say it if it is the first of its cause. Never raises."""
        before = self._faults.get(name)
        fault = Fault(
            owner=self.owner,
            step=name,
            kind=type(error).__name__,
            message=_text(str, error),
            traceback=_text(_whole_traceback, error),
            count=1 if before is None else before.count + 1,
            time=time.time(),
        )
        self._faults[name] = fault
        row = self._in_a_row[name] = self._in_a_row.get(name, 0) + 1
        first = (name, fault.kind) not in self._said
        self._said.add((name, fault.kind))
        _quietly(_LOG.debug, "%s", fault.traceback)
        if first:
            self.say(f"{self.owner}: {name} failed ({fault}); your program is not affected", error)
        elif row == self._limit:
            self.say(f"{self.owner}: {name} failed {row} times in a row and is given up", error)
        return fault

    def say(self, message: str, error: BaseException | None = None) -> None:
        """Warn the user, unless they want to hear nothing."""
        if not self.silent:
            say(message, error)

    def try_again(self) -> None:
        """Steps that were given up are tried again; what went wrong is still known."""
        self._in_a_row.clear()

    def reset(self) -> None:
        """Forget every fault; steps that were given up are tried again and causes are said again."""
        self._faults.clear()
        self._in_a_row.clear()
        self._said.clear()


def say(message: str, error: BaseException | None = None) -> None:
    """Show a `StenoWarning` at the user's line; where a filter or a hook makes that raise, log it instead."""
    frame = _callers_frame()
    place = ("<unknown>", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)
    module = None if frame is None else frame.f_globals.get("__name__")
    shown = _quietly(
        warnings.warn_explicit, StenoWarning(message), StenoWarning, *place, module=module if module else "<unknown>"
    )
    if not shown:
        _quietly(_LOG.warning, "%s", message, exc_info=error)


def _quietly(function: Callable[..., object], *args: Any, **kwargs: Any) -> bool:
    """Whether the call went well."""
    try:
        function(*args, **kwargs)
    except Exception:  # noqa: BLE001  a user's filter, showwarning or log handler may raise anything
        return False
    return True


def _text(describe: Callable[[Exception], str], error: Exception) -> str:
    try:
        text = describe(error)
    except Exception as fault:  # noqa: BLE001  an exception's own __str__ may raise anything
        return f"<{type(error).__name__} cannot be shown: {type(fault).__name__}>"
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


def _whole_traceback(error: Exception) -> str:
    return "".join(traceback.format_exception(error))


def _callers_frame() -> FrameType | None:
    """The innermost frame that is neither ours nor a trampoline."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package not in _OURS and "__tracebackhide__" not in frame.f_code.co_varnames:
            return frame
        frame = frame.f_back
    return None
