"""Rows on everything around a training: warnings, the state of the process, the bits of the model."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from steno.plugin import Seam
from steno.testing.conformance.bench import Bench
from steno.testing.conformance.likeness import differences
from steno.testing.conformance.row import row
from steno.testing.conformance.state import process_state, random_state
from steno.testing.conformance.subject import Subject
from steno.testing.isolation import reset

__all__ = ["Surroundings"]


class Surroundings(Subject):
    """The process around the training."""

    @row()
    def test_hazard_47_warnings_of_ours_never_become_errors(self, bench: Bench) -> None:
        """With warnings turned into errors a fit under autolog ends as without, also where our own code fails."""
        refusal = _strict(bench)
        bench.autolog()
        found = _strict(bench)
        bench.require(
            found == refusal,
            f"with warnings as errors a fit raises {found!r} under autolog, and {refusal!r} without",
            "Their test suites and strict programs would fail",
        )
        trained = bench.train()
        extra = [warning for warning in trained.warned if warning not in bench.plain[0].warned]
        bench.require(
            not extra and not trained.ours,
            f"a fit under autolog warns of {extra + [('StenoWarning', text) for text in trained.ours]}",
            "Their programs would print what their code has not caused",
            f"what the plugin calls before and after `yield`; {bench.look()}",
        )
        reset()

        def failing(seam: Seam) -> Seam:
            return replace(seam, function=_raising, name=seam.name) if seam.kind == "train" else seam

        with bench.changed(failing):
            bench.autolog()
            found = _strict(bench)
        bench.require(
            found == refusal,
            f"with warnings as errors a fault of ours came out of the fit as {found!r}",
            "A fault in your plugin would end their programs",
        )

    @row(turn=-1)
    def test_hazard_48_the_state_of_the_process_is_the_same(self, bench: Bench) -> None:
        """Random generators, directory, locale, filters, logging, paths, environment, hooks: as after a plain fit."""
        bench.subject.fit()
        bench.seed()
        bench.subject.fit()
        before = process_state() | random_state()
        bench.seed()
        bench.autolog()
        bench.subject.fit()
        now = process_state() | random_state()
        bench.runs()
        for name, value in {**before, **bench.plain_state}.items():
            found = differences(value, now[name])
            bench.require(
                not found,
                f"after autolog() and a fit {name} is not what a fit alone leaves: {found}",
                "The rest of their program would behave differently",
                f"what the plugin calls before and after `yield`; {bench.look()}",
            )

    @row()
    def test_hazard_49_the_same_model_to_the_bit(self, bench: Bench) -> None:
        """A seeded fit gives the same model and the same predictions, to the last bit, with and without autolog."""
        one, other = bench.plain
        unsteady = differences(one.prediction, other.prediction)
        bench.require(
            not unsteady,
            f"two fits without steno predict differently: {unsteady}",
            "Nobody could tell what recording changes",
            "fit() of the test class: seed the training",
        )
        noise = differences(one.model, other.model)
        bench.autolog()
        trained = bench.train()
        bench.expect_the_same(trained, "under autolog")
        found = {path: text for path, text in differences(trained.model, one.model).items() if path not in noise}
        bench.require(
            not found,
            f"the fitted model differs from one fitted without recording: {found}",
            "Your users' results would depend on whether they are recorded",
            f"what the plugin does to the model; {bench.look()}",
        )


def _raising(own: Any, call: Any) -> Iterator[None]:
    raise LookupError(f"a fault of ours, in {type(own).__name__} at {call.function!r}")
    yield  # type: ignore[unreachable]  # makes it a generator, as every `@train` function is


def _strict(bench: Bench) -> str:
    """What a fit raises when warnings are errors; "" for nothing."""
    bench.seed()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            bench.subject.fit()
        except Warning as warning:
            return f"{type(warning).__name__}: {warning}"
    return ""
