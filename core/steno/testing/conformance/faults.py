"""Rows on what goes wrong: our faults are never the user's, and the user's are never ours."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from steno.entities import Run
from steno.plugin import Seam
from steno.testing.conformance.attempt import kept
from steno.testing.conformance.bench import Bench
from steno.testing.conformance.foreign import swap_or_cover
from steno.testing.conformance.likeness import differences
from steno.testing.conformance.row import row
from steno.testing.conformance.subject import Subject
from steno.testing.isolation import reset
from steno.tracking.session import session

__all__ = ["Faults"]

_FAULT = "a fault on purpose"
_PROGRAM = "A fault in your plugin would be a fault in their programs"
_TRIES = 3


class Faults(Subject):
    """Something fails."""

    @row()
    def test_hazard_39_our_code_before_the_training_fails(self, bench: Bench) -> None:
        """If the plugin's code before the training raises, the fit gives what it gives, with one warning."""
        _healthy(bench, " before")
        _survives_before(bench, LookupError(_FAULT))

    @row()
    def test_hazard_40_our_code_after_the_training_fails(self, bench: Bench) -> None:
        """If the plugin's code after the training raises, the result is untouched and the run keeps what it has."""
        _healthy(bench, " after")
        kept = _run_with(bench, _ending_with(None))[1]
        trained, run = _run_with(bench, _ending_with(LookupError(_FAULT)))
        bench.expect_the_same(trained, "with a fault of ours behind the training,")
        bench.require(
            run.info.status == "FINISHED",
            f"with a fault of ours behind the training the run is {run.info.status}",
            "Their training would look as if it had failed",
        )
        lost = differences(dict(run.data.params), dict(kept.data.params))
        bench.require(not lost, f"a fault behind the training lost params: {lost}", "Their runs would be empty")
        _warned_once(bench, trained.ours)

    @row()
    def test_hazard_41_our_observers_fail_every_time(self, bench: Bench) -> None:
        """Observers that raise each time leave the training alone, are given up soon, and are heard of once."""
        kinds = ("observe", "predicts", "metric")
        _healthy(bench, "", kinds)
        calls: dict[str, int] = {}

        def failing(seam: Seam) -> Seam:
            if seam.kind not in kinds:
                return seam

            def observing(own: Any, call: Any, result: Any) -> None:
                calls[seam.name] = calls.get(seam.name, 0) + 1
                raise LookupError(f"{_FAULT}, in {type(own).__name__} at {call.function!r:.80} of {type(result)}")

            return replace(seam, function=functools.wraps(seam.function)(observing), name=seam.name)

        with bench.changed(failing):
            bench.autolog()
            trained = [bench.train() for _ in range(_TRIES)]
        for each in trained:
            bench.expect_the_same(each, "with observers that fail every time,")
        often = {name: number for name, number in calls.items() if number > _TRIES}
        bench.require(
            not often, f"observers that fail each time were still called: {often}", "Their fits would slow down"
        )
        said = [text for each in trained for text in each.ours]
        doubled = [text for text in said if said.count(text) > 1]
        bench.require(not doubled, f"a fault was said again and again: {doubled[0] if doubled else ''}", _PROGRAM)
        bench.expect_runs(_TRIES, f"with observers that fail every time, after {_TRIES} fits", "Runs would be missing")

    @row()
    def test_hazard_42_the_store_cannot_be_written(self, bench: Bench) -> None:
        """With a store that takes nothing the fit gives what it gives, with a warning; later the run is there."""
        folder = bench.store.path / ".steno"
        folder.mkdir()
        (folder / "steno.db").write_bytes(b"no database" * 1000)
        bench.autolog(log_models=False)

        def fit() -> Any:
            model = bench.subject.fit()
            session().close(1.0)
            return model

        trained = bench.train(fit)
        bench.expect_the_same(trained, "with a store that takes nothing,")
        bench.require(
            trained.ours, "nobody was told that the store takes nothing", "Their runs would be lost in silence"
        )
        (folder / "steno.db").unlink()
        bench.expect_run("once the store works again", "What was recorded meanwhile would be lost")

    @row()
    def test_hazard_43_the_framework_fails(self, bench: Bench) -> None:
        """The framework's own exception reaches the user as it was raised, and the run is FAILED."""
        plain = _raised(bench, bench.subject.failing_fit)
        hit, inside = bench.hit(), _Raised()
        below = swap_or_cover(hit.owner, hit.name, inside)
        bench.autolog()
        try:
            error = _raised(bench, bench.subject.failing_fit)
        finally:
            runs, faults = bench.runs(), bench.faults()
            reset()
            below.undo()
        for fault in faults:
            bench.fail(
                f"where the framework failed, {fault.step} of the plugin raised {fault.kind}: {fault.message}",
                "They would be warned of you before they see what is wrong with their training",
                f"{bench.look('observe')}\n{fault.traceback}",
            )
        found = differences(_described(error), _described(plain))
        bench.require(
            not found,
            f"the framework's error arrives changed: {found}",
            "They would look for the fault in the wrong place, or their `except` would not catch it",
        )
        bench.require(
            not inside.errors or inside.errors[-1] is error,
            f"the framework raised {inside.errors[-1:]!r}, another object than what arrived: {error!r}",
            "What they attach to an exception, or compare, would be lost",
        )
        statuses = [run.info.status for run in runs]
        bench.require(
            statuses == ["FAILED"],
            f"after a training that failed the runs are {statuses}, not ['FAILED']",
            "Failed trainings would look finished, or be missing",
            f"failing_fit() must fail inside a target; {bench.look()}",
        )

    @row()
    def test_hazard_44_the_user_interrupts(self, bench: Bench) -> None:
        """Ctrl-C and sys.exit inside a training arrive as they were raised, and the run is not FINISHED."""
        for error, accepted in ((KeyboardInterrupt("enough"), {"KILLED"}), (SystemExit(3), {"KILLED", "FAILED"})):
            hit = bench.hit()
            below = swap_or_cover(hit.owner, hit.name, _raising(error))
            bench.autolog()
            try:
                _interrupted(bench, hit.again, error, accepted)
            finally:
                reset()
                below.undo()
            if bench.subject.writes("interrupted_fit"):
                bench.autolog()
                _interrupted(bench, functools.partial(bench.subject.interrupted_fit, error), error, accepted)
                reset()

    @row()
    def test_hazard_46_no_memory_and_no_stack_in_our_code(self, bench: Bench) -> None:
        """MemoryError and RecursionError in the plugin's code go no further than any other fault."""
        for error in (MemoryError(_FAULT), RecursionError(_FAULT)):
            _survives_before(bench, error)


def _healthy(bench: Bench, step: str, kinds: tuple[str, ...] = ("train",)) -> None:
    """The plugin's own code does not fail by itself."""
    bench.autolog()
    bench.train()
    names = {seam.name for seam in type(bench.integration()).seams if seam.kind in kinds}
    for fault in bench.faults():
        if fault.step in {f"{name}{step}" for name in names}:
            bench.fail(
                f"the plugin's own code failed, without anything done to it: {fault.step} raised {fault.kind}: "
                f"{fault.message}",
                "Their runs would lack what was to be recorded there, and they would be warned of it",
                f"{bench.look(kinds[0])}\n{fault.traceback}",
            )
    reset()


def _survives_before(bench: Bench, error: Exception) -> None:
    def failing(seam: Seam) -> Seam:
        if seam.kind != "train":
            return seam

        def fitting(own: Any, call: Any) -> Iterator[None]:
            del own, call
            raise error
            yield  # type: ignore[unreachable]  # makes it a generator

        return replace(seam, function=functools.wraps(seam.function)(fitting), name=seam.name)

    trained, _ = _run_with(bench, failing)
    bench.expect_the_same(trained, f"with {type(error).__name__} in our code before the training,")
    _warned_once(bench, trained.ours)


def _run_with(bench: Bench, change: Callable[[Seam], Seam]) -> tuple[Any, Run]:
    """Train with changed seams; the training, and its run."""
    before = len(bench.runs())
    with bench.changed(change):
        bench.autolog()
        trained = bench.train()
        runs = bench.expect_runs(before + 1, "with a fault of ours in a fit,", "Their trainings would be missing")
    reset()
    return trained, runs[-1]


def _ending_with(error: Exception | None) -> Callable[[Seam], Seam]:
    """Seams whose code behind the `yield` is replaced by an error, or by nothing."""

    def change(seam: Seam) -> Seam:
        if seam.kind != "train":
            return seam

        def fitting(own: Any, call: Any) -> Iterator[None]:
            generator = seam.function(own, call)
            try:
                next(generator)
            except StopIteration:
                return
            yield
            generator.close()
            if error is not None:
                raise error

        return replace(seam, function=functools.wraps(seam.function)(fitting), name=seam.name)

    return change


def _warned_once(bench: Bench, said: list[str]) -> None:
    bench.require(
        len([text for text in said if _FAULT in text]) == 1,
        f"one fault of ours gave {len(said)} warnings: {said}",
        "They would be flooded with warnings, or would never learn why something is missing",
    )


class _Raised:
    """A wrapper that keeps what comes out of the original."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []

    def __call__(self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            return original(*args, **kwargs)
        except BaseException as error:
            self.errors.append(error)
            raise


def _raising(error: BaseException) -> Callable[..., Any]:
    def around(original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        del original, args, kwargs
        raise error

    return around


def _raised(bench: Bench, fit: Callable[[], Any]) -> BaseException:
    bench.seed()
    with kept() as raised:
        fit()
    if not raised or isinstance(raised[0], NotImplementedError):
        bench.fail(
            f"failing_fit() does not fail inside the framework: {raised!r}",
            "This row needs a training that fails",
            "failing_fit() of the test class",
        )
    return raised[0]


def _described(error: BaseException | None, depth: int = 0) -> Any:
    """An exception and those behind it, without addresses."""
    if error is None or depth > 10:
        return None
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "type": type(error).__qualname__,
        "text": str(error),
        "arguments": len(error.args),
        "last frame": (frames[-1].filename, frames[-1].name) if frames else None,
        "cause": _described(error.__cause__, depth + 1),
        "context": _described(error.__context__, depth + 1),
        "context shown": not error.__suppress_context__,
        "notes": list(getattr(error, "__notes__", ())),
    }


def _interrupted(bench: Bench, fit: Callable[[], Any], error: BaseException, accepted: set[str]) -> None:
    before = len(bench.runs())
    with kept() as raised:
        fit()
    bench.require(
        raised and raised[0] is error,
        f"{error!r} inside a training came out as {raised!r}",
        "They could not stop their program",
    )
    run = bench.expect_runs(before + 1, f"after {error!r} inside a training,", "Its run would be missing")[-1]
    bench.require(
        run.info.status in accepted,
        f"after {error!r} inside a training its run is {run.info.status}",
        "A training that was broken off would look finished",
    )
