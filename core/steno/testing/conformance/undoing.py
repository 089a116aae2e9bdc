"""Rows on switching off and undoing: off means off, at any time, from any thread, without a trace."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import steno
from steno.plugin import Seam
from steno.testing.conformance.attempt import kept
from steno.testing.conformance.bench import Bench
from steno.testing.conformance.row import row
from steno.testing.conformance.subject import Subject

__all__ = ["Undoing"]

_TOGGLES = 20
_FEWEST_FITS = 2
_THREADS = 4
_OFF_IS_OFF = "Your users could not switch you off"


class Undoing(Subject):
    """Recording is switched off."""

    @row()
    def test_hazard_04_autolog_a_hundred_times(self, bench: Bench) -> None:
        """However often autolog() is called, a fit is one run, and one disable() takes everything away."""
        before = bench.snapshot()
        bench.autolog()
        once = sorted(bench.places())
        for _ in range(99):
            bench.autolog()
        bench.require(
            sorted(bench.places()) == once,
            f"after 100 calls of autolog() {len(bench.places())} functions are patched, after one {len(once)}",
            "Their programs would get slower with every notebook cell",
            bench.look(""),
        )
        bench.train()
        bench.expect_run("after 100 calls of autolog() and one fit")
        steno.disable(bench.name)
        bench.expect_untouched(before, "after 100 calls of autolog() and one disable()")

    @row()
    def test_hazard_07_disabled_is_as_if_it_had_never_been(self, bench: Bench) -> None:
        """After disable() a fit makes no run, and every function of the framework is what it was; enable() is back."""
        before = bench.snapshot()
        bench.autolog()
        bench.train()
        bench.expect_run("with autolog(), after one fit")
        steno.disable(bench.name)
        bench.expect_untouched(before, f'after steno.disable("{bench.name}")')
        bench.train()
        bench.expect_runs(1, f'after steno.disable("{bench.name}") a fit still made a run:', _OFF_IS_OFF)
        steno.enable(bench.name)
        bench.train()
        bench.expect_runs(2, f'after steno.enable("{bench.name}") and one more fit', "They could not come back")
        bench.expect_nothing_failed()

    @row()
    def test_hazard_08_disabled_by_another_thread_during_a_fit(self, bench: Bench) -> None:
        """Switched off by another thread in the middle of a fit, the fit ends as ever and its run is finished."""
        before = bench.snapshot()

        def switch_off() -> None:
            other = threading.Thread(target=steno.disable, args=(bench.name,))
            other.start()
            other.join(60)
            bench.require(not other.is_alive(), "disable() waits for a fit", "Their programs would stand still")

        with bench.changed(lambda seam: _meanwhile(seam, switch_off)):
            bench.autolog()
            trained = bench.train()
        bench.expect_run("after a fit in which another thread switched off")
        bench.expect_the_same(trained, "switched off during a fit,")
        bench.expect_untouched(before, "switched off during a fit, after it")

    @row()
    def test_hazard_09_switched_all_the_time_under_fitting_threads(self, bench: Bench) -> None:
        """Four threads fit while another switches on and off: no error, every run finished, all functions restored."""
        before = bench.snapshot()
        bench.autolog(log_models=False)
        errors: list[BaseException] = []
        stop, fits = threading.Event(), [0] * _THREADS

        def fit(number: int) -> None:
            with kept(errors):
                while not stop.is_set() or fits[number] < _FEWEST_FITS:
                    bench.subject.fit()
                    fits[number] += 1

        threads = [threading.Thread(target=fit, args=(number,)) for number in range(_THREADS)]
        for thread in threads:
            thread.start()
        with kept(errors):
            for _ in range(_TOGGLES):
                steno.disable(bench.name)
                steno.enable(bench.name)
        stop.set()
        for thread in threads:
            thread.join()
        steno.disable(bench.name)
        bench.require(
            not errors,
            f"switching on and off while {_THREADS} threads fit raised {errors[:1]!r}",
            "A training would fail because somebody switched recording off",
        )
        bench.expect_nothing_failed()
        bench.expect_untouched(before, f"after {_TOGGLES} times off and on under fitting threads, and disable(),")
        unfinished = [run.info.run_name for run in bench.runs() if run.info.status != "FINISHED"]
        bench.require(not unfinished, f"{len(unfinished)} runs are not FINISHED", "They would look for a crash")

    @row()
    def test_hazard_10_off_in_one_thread_is_on_in_the_others(self, bench: Bench) -> None:
        """Inside `with steno.off(name)` a thread is not recorded; another one that fits meanwhile is."""
        bench.autolog()
        entered, done = threading.Event(), threading.Event()
        errors: list[BaseException] = []

        def unrecorded() -> None:
            with kept(errors), steno.off(bench.name):
                entered.set()
                bench.subject.fit()
                done.wait(60)

        other = threading.Thread(target=unrecorded)
        other.start()
        entered.wait(60)
        bench.train()
        done.set()
        other.join()
        bench.require(not errors, f"a fit inside steno.off() raised {errors!r}", "Their training would fail")
        bench.expect_run("one thread fitted inside steno.off(), another outside:", _OFF_IS_OFF)

    @row()
    def test_hazard_14_nothing_is_left_in_a_class_that_inherits(self, bench: Bench) -> None:
        """A class of the user's that inherits the patched methods has the same attributes before, while and after."""
        cls = type(bench.plain[0].model)
        heir: Any = None
        with suppress(TypeError):  # a class of an extension may not be for deriving
            heir = type("Heir", (cls,), {"__module__": cls.__module__})
        before = bench.snapshot(), set(vars(heir or cls))
        bench.autolog()
        bench.train()
        steno.disable(bench.name)
        bench.expect_untouched(before[0], "after disable()")
        left = set(vars(heir or cls)) ^ before[1]
        bench.require(
            not left,
            f"after disable() a class that inherits from {cls.__name__} has {sorted(left)} of its own",
            "A method that the framework changes later would be hidden by yours",
            bench.look(""),
        )


def _meanwhile(seam: Seam, what: Callable[[], None]) -> Seam:
    """The same seam; between its code and the framework's, something happens."""
    if seam.kind != "train":
        return seam

    def fitting(own: Any, call: Any) -> Any:
        generator = seam.function(own, call)
        next(generator)
        what()
        result = yield
        try:
            generator.send(result)
        except StopIteration:
            return

    return replace(seam, function=functools.wraps(seam.function)(fitting), name=seam.name)
