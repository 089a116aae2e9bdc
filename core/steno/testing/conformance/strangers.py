"""Rows on other tools that patch the same functions: whoever comes first or goes first, each keeps what is his."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import steno
from steno.autologging.owners import find, function_behind
from steno.testing.conformance.bench import Bench
from steno.testing.conformance.failure import Skipped
from steno.testing.conformance.foreign import Cover, Swap
from steno.testing.conformance.row import row
from steno.testing.conformance.subject import Subject

__all__ = ["Strangers"]

_STANDING = "Another tool of theirs would stop working when you are switched off"
_OFF_IS_OFF = "Your users could not switch you off"


class Strangers(Subject):
    """Somebody else patches what the plugin patches."""

    @row()
    def test_hazard_11_a_wrapper_of_somebody_elses_on_top(self, bench: Bench) -> None:
        """Another tool's wrapper over ours goes on working when we are switched off, and nothing is recorded."""
        hit, before, seen = bench.hit(), bench.snapshot(), _Seen()
        bench.autolog()
        cover = Cover(hit.owner, hit.name, seen)
        try:
            hit.again()
            bench.require(seen.calls, f"a wrapper set on {hit.target} is not called", _STANDING)
            bench.expect_runs(1, "with another tool's wrapper on top, after one fit", "They could not use both")
            steno.disable(bench.name)
            bench.require(cover.stands(), f"disable() took another tool's wrapper off {hit.target}", _STANDING)
            calls = seen.calls
            hit.again()
            bench.require(
                seen.calls == calls + 1, f"disable() cut off another tool's wrapper on {hit.target}", _STANDING
            )
            bench.expect_runs(1, "after disable() under another tool's wrapper, one more fit:", _OFF_IS_OFF)
        finally:
            cover.undo()
        steno.disable(bench.name)
        bench.expect_untouched(before, "after disable(), and after the other tool has gone,")

    @row()
    def test_hazard_12_other_code_of_somebody_elses_on_top(self, bench: Bench) -> None:
        """A tool that gave our function other code keeps it; we pass calls through, and status() says `pinned`."""
        hit, before, seen = bench.hit(), bench.snapshot(), _Seen()
        function = function_behind(hit.owner, hit.name, find(hit.owner, hit.name))
        if function is None:
            raise Skipped(f"{hit.target} is not written in Python: nobody can give it other code")
        bench.autolog()
        swap = Swap(function, seen)
        try:
            steno.disable(bench.name)
            bench.require(swap.stands(), f"disable() took another tool's code out of {hit.target}", _STANDING)
            hit.again()
            bench.require(seen.calls, f"disable() cut off another tool's code in {hit.target}", _STANDING)
            bench.expect_runs(0, "after disable() under another tool's code, one fit:", _OFF_IS_OFF)
            state = bench.status().state
            expected = ("pinned",) if bench.installer == "in place" else ("off", "pinned")
            bench.require(
                state in expected,
                f"status() says {state}, and a patch is still under another tool's code in {hit.target}",
                "They would look for it elsewhere",
            )
        finally:
            swap.undo()
        hit.again()
        bench.expect_runs(0, "after disable(), and after the other tool has gone, one fit:", _OFF_IS_OFF)
        steno.disable(bench.name)
        bench.expect_untouched(before, "after the other tool has gone and disable() again,")

    @row()
    def test_hazard_13_somebody_else_comes_and_goes_in_any_order(self, bench: Bench) -> None:
        """Another tool that patches before or after us, and goes before or after us: the end is as the beginning."""
        for early in (True, False):
            for first_gone in ("they", "we"):
                for tool in (Cover, Swap):
                    _one_order(bench, tool, early=early, first_gone=first_gone)


def _one_order(bench: Bench, tool: Callable[..., Any], *, early: bool, first_gone: str) -> None:
    hit, before, seen = bench.hit(), bench.snapshot(), _Seen()
    function = function_behind(hit.owner, hit.name, find(hit.owner, hit.name))
    if tool is Swap and function is None:
        return

    def come() -> Any:
        return Swap(function, seen) if tool is Swap and function is not None else Cover(hit.owner, hit.name, seen)

    other = come() if early else None
    bench.autolog()
    other = other or come()
    hit.again()
    if first_gone == "they":
        other.undo()
        hit.again()
        steno.disable(bench.name)
    else:
        steno.disable(bench.name)
        hit.again()
        other.undo()
    steno.disable(bench.name)
    order = f"{tool.__name__.lower()} {'before' if early else 'after'} autolog(), {first_gone} went first"
    recorded = len(bench.runs())
    hit.again()
    bench.require(
        len(bench.runs()) == recorded, f"with another tool around ({order}) disable() left us at work", _OFF_IS_OFF
    )
    bench.require(seen.calls, f"with another tool around ({order}) that tool was not called", _STANDING)
    bench.expect_untouched(before, f"with another tool around ({order}), at the end")


class _Seen:
    """A tool's wrapper: counts, and calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.calls += 1
        return original(*args, **kwargs)
