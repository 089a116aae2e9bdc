"""The guard: faults of ours are kept and said once, and the program goes on."""

from __future__ import annotations

import logging
import os
import time
import warnings
from pathlib import Path

import pytest

from steno.autologging.guard import Fault, Guard
from steno.errors import StenoWarning


class OddError(Exception):
    """An exception that cannot even be shown."""

    def __str__(self) -> str:
        raise ValueError("no text")


def fail(guard: Guard, step: str = "before", error: BaseException | None = None, times: int = 1) -> None:
    """One step that fails, so many times."""
    for _ in range(times):
        with guard.step(step):
            raise error or KeyError("gone")


def test_a_fault_is_kept_and_the_program_goes_on() -> None:
    """What fails under a guard is kept as a record with its whole traceback, and nothing is raised."""
    guard, began = Guard("sklearn"), time.time()
    with pytest.warns(
        StenoWarning, match=r"^sklearn: before failed \(KeyError: 'gone'\); your program is not affected$"
    ):
        fail(guard)
    fail(guard)
    (fault,) = guard.faults
    assert fault == Fault("sklearn", "before", "KeyError", "'gone'", fault.traceback, 2, fault.time)
    assert fault.traceback.startswith("Traceback (most recent call last)")
    assert 'raise error or KeyError("gone")' in fault.traceback
    assert began <= fault.time <= time.time()


def test_a_cause_is_said_once() -> None:
    """The same step failing the same way is one warning; another step, or another kind of error, is one more."""
    guard = Guard("sklearn", limit=99)
    with pytest.warns(StenoWarning) as said:
        fail(guard, times=10)
    with pytest.warns(StenoWarning, match="after failed"):
        fail(guard, "after")
    with pytest.warns(StenoWarning, match="before failed"):
        fail(guard, "before", OSError("full"))
    assert len(said) == 1


def test_a_warning_points_at_the_users_line() -> None:
    """The warning names the first line that is not ours."""
    with pytest.warns(StenoWarning) as said:
        fail(Guard("sklearn"))
    assert Path(said[0].filename).name == Path(__file__).name


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), GeneratorExit()])
def test_what_ends_a_program_passes(error: BaseException) -> None:
    """Ctrl-C, `sys.exit` and the closing of a generator are never swallowed, nor counted as faults."""
    guard = Guard("sklearn")
    with pytest.raises(type(error)):
        fail(guard, error=error)
    assert guard.faults == ()


@pytest.mark.parametrize("error", [MemoryError(), RecursionError(), OddError()])
def test_even_these_are_caught(error: BaseException) -> None:
    """Memory and recursion errors, and exceptions that cannot be shown, are faults like any other."""
    guard = Guard("sklearn")
    with pytest.warns(StenoWarning):
        fail(guard, error=error)
    assert [fault.kind for fault in guard.faults] == [type(error).__name__]


def test_a_users_strict_warning_filter_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """With warnings turned into errors, ours goes to the log instead, once, and the program goes on."""
    guard = Guard("sklearn")
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING, "steno"):
        warnings.simplefilter("error")
        fail(guard)
        fail(guard)
    assert [record.getMessage() for record in caplog.records] == [
        "sklearn: before failed (KeyError: 'gone'); your program is not affected"
    ]


def test_a_broken_showwarning_stops_nothing(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A `warnings.showwarning` that raises neither breaks the program nor hides the fault."""

    def broken(*args: object) -> None:
        raise OSError("closed")

    with warnings.catch_warnings(), caplog.at_level(logging.WARNING, "steno"):
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", broken)
        fail(Guard("sklearn"))
    assert len(caplog.records) == 1


def test_the_log_has_every_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """At level DEBUG the logger "steno" has the traceback of each single fault."""
    guard = Guard("sklearn")
    with caplog.at_level(logging.DEBUG, "steno"), pytest.warns(StenoWarning):
        fail(guard, times=2)
    assert [record.getMessage().splitlines()[0] for record in caplog.records] == [
        "Traceback (most recent call last):"
    ] * 2


def test_a_step_that_keeps_failing_is_given_up() -> None:
    """Three faults in a row stop a step, said once; one success in between starts the count anew."""
    guard = Guard("sklearn")
    with pytest.warns(StenoWarning, match="failed"):
        fail(guard, times=2)
    with guard.step("before"):
        pass
    fail(guard, times=2)
    assert not guard.given_up("before")
    with pytest.warns(StenoWarning, match=r"^sklearn: before failed 3 times in a row and is given up$"):
        fail(guard)
    assert guard.given_up("before")
    assert not guard.given_up("after")
    guard.reset()
    assert (guard.given_up("before"), guard.faults) == (False, ())


def test_calls_through_a_guard() -> None:
    """A guarded call gives its result, None after a fault, and is not made any more once given up."""
    guard, made = Guard("sklearn"), []  # type: tuple[Guard, list[int]]

    def divide(number: int) -> float:
        made.append(number)
        return 1 / number

    assert guard.call("divide", divide, 2) == 0.5
    with pytest.warns(StenoWarning):
        assert [guard.call("divide", divide, 0) for _ in range(5)] == [None] * 5
    assert made == [2, 0, 0, 0]


def test_a_step_tells_that_it_failed() -> None:
    """Code after a guarded step can ask whether it was left by a fault."""
    guard = Guard("sklearn")
    with guard.step("good") as good:
        pass
    with pytest.warns(StenoWarning), guard.step("bad") as bad:
        raise OSError
    assert (good.failed, bad.failed) == (False, True)


def test_a_strict_guard_raises() -> None:
    """With `strict`, a fault is kept and raised: for the tests of a plugin."""
    guard = Guard("sklearn", strict=True)
    with pytest.warns(StenoWarning), pytest.raises(KeyError):
        fail(guard)
    assert len(guard.faults) == 1


def test_nothing_of_the_user_is_kept_alive() -> None:
    """A kept fault holds text only: no frame, no local variable, no exception."""
    with pytest.warns(StenoWarning):
        fail(guard := Guard("sklearn"), error=OSError("x" * 100_000))
    (fault,) = guard.faults
    assert {type(getattr(fault, name)) for name in Fault.__slots__} == {str, int, float}
    assert len(fault.message) == 20_001
    assert os.linesep not in fault.kind
