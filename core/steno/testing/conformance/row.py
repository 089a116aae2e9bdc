"""A row of the list of hazards: a method whose body runs in another interpreter, and is judged in pytest's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from steno.testing.conformance.bench import Bench

__all__ = ["INSTALLERS", "SHARED", "Row", "is_expected", "row", "rows_of"]

INSTALLERS = ("in place", "attribute")

# The process of the rows that need no fresh interpreter: the framework is imported, and put back after each row.
SHARED = "shared"


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        number: in the list of hazards.
        method: the name of the method.
        process: rows of the same process run in one interpreter, in order.
        body: what runs there.
        turn: rows of a lower one run first.
    """

    number: int
    method: str
    process: str
    body: Callable[[Any, Bench], None]
    turn: int = 0

    def keys(self, installer: str) -> tuple[str, str]:
        """How `expected_failures` names this row: for both ways of patching, and for one."""
        return f"hazard_{self.number:02}", f"hazard_{self.number:02}[{installer}]"


class _Runs(Protocol):
    """What runs rows elsewhere: the laboratory."""

    def outcome(self, subject: type, row: Row, installer: str) -> tuple[str, str]:
        """What became of a row, "passed", "failed" or "skipped", and the text to show."""


def row(
    process: str = SHARED, *, installers: tuple[str, ...] = INSTALLERS, turn: int = 0
) -> Callable[[Callable[[Any, Bench], None]], Callable[..., None]]:
    """Make a method `test_hazard_NN_...(self, bench)` a row.

    Args:
        process: the interpreter that it runs in; rows that name the same one share it, in order of their numbers.
        installers: the ways of patching that can hold it.
        turn: 1 for a row that runs behind all others of its interpreter, -1 for one that runs before them.
    """

    def mark(body: Callable[[Any, Bench], None]) -> Callable[..., None]:
        name = body.__name__
        known = Row(int(name.split("_")[2]), name, process, body, turn)

        def test(self: Any, installer: str, steno_laboratory: _Runs) -> None:
            __tracebackhide__ = True
            _judge(type(self), known, installer, steno_laboratory)

        test.__name__, test.__qualname__, test.__doc__ = name, body.__qualname__, body.__doc__
        test.__module__ = body.__module__
        vars(test)["steno_row"] = known
        if installers != INSTALLERS:
            ids = [each.replace(" ", "_") for each in installers]
            vars(test)["pytestmark"] = [pytest.mark.parametrize("installer", installers, ids=ids, indirect=True).mark]
        return test

    return mark


def rows_of(subject: type) -> list[Row]:
    """The rows of a class, in the order in which they run."""
    found = [vars(getattr(subject, name)).get("steno_row") for name in dir(subject) if name.startswith("test_hazard_")]
    return sorted((each for each in found if isinstance(each, Row)), key=lambda each: (each.turn, each.number))


def is_expected(subject: Any, known: Row, installer: str) -> str | None:
    """Why this row is expected to fail; None if it is not."""
    listed = {key.replace("_place", " place"): reason for key, reason in subject.expected_failures.items()}
    return next((listed[key] for key in known.keys(installer) if key in listed), None)


def _judge(subject: Any, known: Row, installer: str, laboratory: _Runs) -> None:
    __tracebackhide__ = True
    outcome, text = laboratory.outcome(subject, known, installer)
    reason = is_expected(subject, known, installer)
    if outcome == "skipped":
        pytest.skip(text)
    if outcome == "failed":
        if reason is not None:
            pytest.xfail(f"{reason} ({text.splitlines()[0]})")
        pytest.fail(f"HAZARD {known.number:02}: {text}", pytrace=False)
    if reason is not None:
        pytest.fail(
            f"HAZARD {known.number:02} holds with {installer!r}, and expected_failures of {subject.__name__} lists it "
            f"({reason}): take {' or '.join(map(repr, known.keys(installer)))} out of it",
            pytrace=False,
        )
