"""Rows on which calls are a run: nested and recursive ones, threads, tasks, forks, and ten thousand of them."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import steno
from steno.entities import Run
from steno.testing.conformance.attempt import kept
from steno.testing.conformance.bench import Bench
from steno.testing.conformance.failure import Skipped
from steno.testing.conformance.foreign import swap_or_cover
from steno.testing.conformance.row import row
from steno.testing.conformance.seams import UNCOPYABLE, Hit
from steno.testing.conformance.subject import Subject
from steno.tracking.session import session

__all__ = ["Runs"]

_ONE = "One training of theirs would be several runs, or none"
_THREADS = 8
_TASKS = 4
_WARM, _MEASURED = 270, 130
_LONGEST_S = 60.0

_SHUTDOWN = """
import sys
import steno
from steno.testing.conformance.process import load

sys.path[:] = {path!r}
subject = load({file!r}, {module!r}, {name!r})()
steno.autolog()
run = steno.start_run(run_name="left-open")
subject.fit()
for name in [name for name in sys.modules if name.partition(".")[0] in {packages!r}]:
    del sys.modules[name]
"""


class Runs(Subject):
    """Which call is a run."""

    @row()
    def test_hazard_31_a_fit_that_fits_inside_is_one_run(self, bench: Bench) -> None:
        """An override that calls super(), and a training that trains inside itself, are one run of the outer name."""
        bench.autolog()
        if bench.subject.writes("nested_fit"):
            bench.seed()
            bench.subject.nested_fit()
        else:
            _through_an_heir(bench.hit())
        bench.expect_run("after one training that trains inside itself", _ONE)
        bench.expect_nothing_failed()

    @row()
    def test_hazard_52_a_training_that_calls_itself_is_one_run(self, bench: Bench) -> None:
        """A patched function that is called again from within itself, with all its arguments, is one run."""
        hit = bench.hit()
        entered: list[bool] = []

        def around(original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if not entered:
                entered.append(True)
                getattr(hit.owner, hit.name)(*args, **kwargs)
            return original(*args, **kwargs)

        below = swap_or_cover(hit.owner, hit.name, around)
        bench.autolog()
        try:
            hit.again()
            bench.require(entered, f"{hit.target} was not reached", _ONE)
            bench.expect_run(f"after a call of {hit.target} that calls itself", _ONE)
        finally:
            steno.disable(bench.name)
            below.undo()

    @row()
    def test_hazard_53_fits_in_parallel_are_runs_apart(self, bench: Bench) -> None:
        """Fits in eight threads, and in tasks by asyncio.to_thread, are a run each, with the metrics of one each."""
        bench.autolog(log_models=False)
        bench.train()
        (alone,) = bench.expect_runs(1, "after one fit", _ONE)
        expected = _points(alone)
        together = threading.Barrier(_THREADS)
        errors: list[BaseException] = []

        def fit() -> None:
            together.wait(_LONGEST_S)
            with kept(errors):
                bench.subject.fit()

        threads = [threading.Thread(target=fit) for _ in range(_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        bench.require(not errors, f"{len(errors)} of {_THREADS} fits in parallel raised {errors[:1]!r}", _ONE)

        async def tasks() -> None:
            await asyncio.gather(*(asyncio.to_thread(bench.subject.fit) for _ in range(_TASKS)))

        asyncio.run(tasks())
        runs = bench.expect_runs(1 + _THREADS + _TASKS, f"after {_THREADS} fits in threads and {_TASKS} in tasks", _ONE)
        for run in runs[1:]:
            bench.require(
                _points(run) == expected and run.info.status == "FINISHED",
                f"a fit beside others recorded {_points(run)} ({run.info.status}), alone {expected}",
                "Their curves would be mixtures of several trainings",
                f"what the plugin keeps between seams, by what it finds it again; {bench.look('observe')}",
            )
        bench.expect_nothing_failed()

    @row("forking")
    def test_hazard_54_a_fit_in_a_forked_child(self, bench: Bench) -> None:
        """After os.fork a fit in the child ends and records nothing; the parent's run goes on and is whole."""
        if not hasattr(os, "fork"):
            raise Skipped("this system has no os.fork")
        bench.framework()
        bench.autolog(log_models=False)
        with steno.start_run(run_name="alone"):
            bench.subject.fit()
        with steno.start_run(run_name="of-the-parent"):
            steno.log_metric("before", 1.0)
            child = os.fork()
            if child == 0:
                _in_the_child(bench)
            code = _waited_for(child)
            bench.subject.fit()
            steno.log_metric("after", 1.0)
        bench.require(
            code == 0,
            f"a fit in a forked child ended with {code}" if code is not None else "a fit in a forked child hangs",
            "Their data loaders and servers would hang",
        )
        alone, run = bench.expect_runs(2, "after a fit, and another with one in a forked child before it,", _ONE)
        found, wanted = _points(run), {**_points(alone), "before": 1, "after": 1}
        bench.require(
            found == wanted and run.data.tags.get("steno.integration") == bench.name,
            f"the parent's run, beside a fit in a forked child, has the points {found}, not {wanted}, and the tags "
            f"{sorted(run.data.tags)}",
            "A worker process would write into the run of their program, or take it away",
        )

    @row()
    def test_hazard_81_ten_thousand_fits(self, bench: Bench) -> None:
        """The number of our objects does not grow with the number of fits."""
        hit = bench.hit()
        result = hit.again()

        def standing(original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            del original, args, kwargs
            return result

        below = swap_or_cover(hit.owner, hit.name, standing)
        bench.autolog(log_models=False)
        try:
            counts = [_ours(bench, hit.of(bench.plain[0].model), hit, number) for number in (_WARM, _MEASURED)]
        finally:
            steno.disable(bench.name)
            below.undo()
        grown = {kind: number - counts[0][kind] for kind, number in counts[1].items() if number > counts[0][kind]}
        leaks = {kind: number for kind, number in grown.items() if number > _MEASURED // 10}
        bench.require(
            not leaks,
            f"{_MEASURED} fits left {leaks} of our objects behind",
            "A program that trains all day would run out of memory",
            f"what the plugin keeps of each training: keep it weakly, or on the run; {bench.look('')}",
        )

    @row("bare", turn=1)
    def test_hazard_83_the_interpreter_shuts_down_with_a_run_open(self, bench: Bench) -> None:
        """A program that ends with a run open, its framework gone, says nothing at its end, and the run is closed."""
        job = bench.job
        packages = {*bench.packages, type(bench.integration()).__module__.partition(".")[0]}
        source = _SHUTDOWN.format(
            packages=packages, path=job["path"], file=job["file"], module=job["module"], name=job["class"]
        )
        done = bench.interpreter()(source)
        bench.require(
            done.returncode == 0 and "Traceback" not in done.stderr,
            f"a program that ends with a run open ends with {done.returncode} and says {done.stderr[-1500:]}",
            "Every one of their scripts would end with a traceback",
            bench.look(""),
        )
        bench.expect_run("after a program that ended with a run open", _ONE)


def _through_an_heir(hit: Hit) -> None:
    """The call that was seen, through a class that overrides the method and calls super()."""
    cls = type(hit.instance)
    if hit.instance is None or isinstance(hit.instance, type):
        raise Skipped(f"{hit.target} is no method that a class could override: write nested_fit(self)")

    def override(self: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(super(heir, self), hit.name)(*args, **kwargs)

    try:
        heir: Any = type(cls.__name__, (cls,), {hit.name: override, "__module__": cls.__module__})
        model = getattr(hit.function(), "__self__", hit.instance)
        model.__class__ = heir
    except UNCOPYABLE as refusal:
        raise Skipped(f"no class can inherit from {cls.__name__} ({refusal}): write nested_fit(self)") from refusal
    getattr(model, hit.name)(*hit.args, **hit.kwargs)


def _points(run: Run) -> dict[str, int]:
    """How many points each metric of a run has."""
    client = steno.Client()
    return {name: len(client.get_metric_history(run.info.run_id, name)) for name in sorted(run.data.metrics)}


def _in_the_child(bench: Bench) -> None:
    """Fit once, save what that recorded, and go without touching what belongs to the parent."""
    code = 1
    try:
        bench.subject.fit()
        session().close(_LONGEST_S / 2)
        code = 0
    finally:
        os._exit(code)


def _waited_for(child: int) -> int | None:
    """The exit code of a child; None if it had to be killed because it hung."""
    until = time.monotonic() + _LONGEST_S
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _ours(bench: Bench, function: Callable[..., Any], hit: Hit, fits: int) -> Counter[str]:
    """Our objects that are alive after so many fits, by type."""
    for _ in range(fits):
        function(*hit.args, **hit.kwargs)
    bench.runs()
    gc.collect()
    packages = ("steno", type(bench.integration()).__module__.partition(".")[0])
    return Counter(
        f"{type(thing).__module__}.{type(thing).__qualname__}"
        for thing in gc.get_objects()
        if str(type(thing).__module__).partition(".")[0] in packages
    )
