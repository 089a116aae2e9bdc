"""Rows on arriving: before and after the framework, early copies, frameworks that are absent, broken or reloaded."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

import steno
from steno.autologging.installation import Installation
from steno.testing.conformance import seams
from steno.testing.conformance.attempt import kept
from steno.testing.conformance.bench import Bench
from steno.testing.conformance.failure import Skipped
from steno.testing.conformance.row import row
from steno.testing.conformance.subject import Subject

__all__ = ["Arrival"]


class Arrival(Subject):
    """The framework arrives."""

    @row("arriving")
    def test_hazard_01_autolog_before_the_framework_is_imported(self, bench: Bench) -> None:
        """Called first of all, autolog() imports nothing, patches when the framework comes, and a fit is one run."""
        _is_absent(bench, "the test file imports it; import it inside the methods")
        bench.autolog()
        _is_absent(bench, "steno.autolog() imported it")
        bench.train()
        bench.expect_run("with autolog() before the import, after one fit")
        bench.expect_nothing_failed()

    @row()
    def test_hazard_02_autolog_after_the_framework_is_imported(self, bench: Bench) -> None:
        """Called when the framework is there already, autolog() patches at once, and a fit is one run."""
        bench.autolog()
        bench.train()
        run = bench.expect_run("with autolog() after the import, after one fit")
        by = run.data.tags.get("steno.integration")
        bench.require(
            by == bench.name,
            f"the run was recorded by {by!r}",
            "Your users would get another plugin's record",
            f"`name` and `owns` of {type(bench.integration()).__name__}",
        )
        bench.expect_nothing_failed()

    @row(installers=("in place",))
    def test_hazard_03_a_copy_imported_early_is_recorded(self, bench: Bench) -> None:
        """What a program has imported by `from framework import name` before autolog() is recorded all the same."""
        if not bench.subject.early_import:
            _early_references(bench)
            return
        names: dict[str, Any] = {}
        exec(bench.subject.early_import, names)  # noqa: S102  the author's own statement
        names.pop("__builtins__", None)
        bench.autolog()
        bench.train(lambda: bench.subject.early_fit(**names))
        bench.expect_run(f"with `{bench.subject.early_import}` before autolog(), after one fit through it")

    @row("bare")
    def test_hazard_05_a_framework_that_is_not_installed(self, bench: Bench) -> None:
        """Where the framework is not installed, autolog() says so in status() and loads neither it nor the plugin."""
        plugin = importlib.import_module("steno.registry").registry().plugins()[bench.name].value.partition(":")[0]
        with _Refused(bench.name):
            bench.autolog()
            row = bench.status()
            bench.require(
                row.state == "absent",
                f"without {bench.name} installed, status() says {row.state} ({row.why})",
                "Your users would not learn why nothing is recorded",
            )
        for name in (bench.name, plugin):
            bench.require(
                name not in sys.modules,
                f"autolog() imported {name} though {bench.name} is not there",
                "All users of steno would pay for your plugin, whether or not they use the framework",
                f"the entry point of {bench.name!r}, and who imports {plugin}",
            )

    @row("arriving")
    def test_hazard_57_a_framework_that_is_reloaded(self, bench: Bench) -> None:
        """After importlib.reload, and after removal from sys.modules and a new import, a fit is one run again."""
        with seams.spied(bench.integration(), bench.places) as hits:
            bench.autolog()
            bench.train()
        importlib.reload(sys.modules[bench.name])
        _one_more(bench, 1, f"after a reload of {bench.name}")
        defining = {hit.target.partition(":")[0] for hit in hits} - {bench.name}
        for name in defining:
            importlib.reload(sys.modules[name])
        if not _fits_unrecorded(bench):
            return  # a framework whose modules cannot be reloaded one by one, whoever looks on
        if defining:
            _one_more(bench, 2, f"after a reload of {', '.join(sorted(defining))}")
        recorded = len(bench.runs())
        for name in [name for name in sys.modules if name.partition(".")[0] in bench.packages]:
            del sys.modules[name]
        try:
            bench.framework()
        except ImportError as refusal:  # extension modules may be loaded once in a process
            frames = [frame.filename for frame in traceback.extract_tb(refusal.__traceback__)]
            bench.require(
                "steno" not in refusal.msg,
                f"the second import failed: {refusal}",
                "Their import would fail",
                frames[-1],
            )
            return
        _one_more(bench, recorded, "after removal from sys.modules and a new import")

    @row("bare", turn=1)
    def test_hazard_58_our_fault_at_the_import_stays_ours(self, bench: Bench) -> None:
        """If patching fails while the framework is imported, the import succeeds and the fit gives what it gives."""
        _is_absent(bench, "the test file imports it; import it inside the methods")

        def broken(*_: Any) -> None:
            raise LookupError("no such seam")

        start = Installation.start
        vars_of_ours: Any = Installation
        vars_of_ours.start = broken
        try:
            bench.autolog()
            bench.framework()
        finally:
            vars_of_ours.start = start
        bench.train()
        bench.expect_runs(0, "after patching failed", "Half a plugin would be at work")
        faults = [fault.message for fault in bench.faults()]
        bench.require("no such seam" in faults, "the fault is nowhere in status()", "Nobody would learn of it")

    @row("import fails")
    def test_hazard_59_an_import_that_fails_is_tried_again(self, bench: Bench) -> None:
        """If the framework's own import fails, the user gets that very error; a later import works and is patched."""
        _is_absent(bench, "the test file imports it; import it inside the methods")
        bench.autolog()
        error = RuntimeError("a library is missing")
        with _Failing(bench.name, error):
            caught: BaseException | None = None
            try:
                bench.framework()
            except RuntimeError as raised:
                caught = raised
        bench.require(
            caught is error and error.__context__ is None and error.__cause__ is None,
            f"instead of the framework's own error the import gave {caught!r}, in the context of {error.__context__!r}",
            "Your users would look for the fault in the wrong place",
        )
        bench.train()
        bench.expect_run("after a first import that failed and a second that did not, after one fit")


def _is_absent(bench: Bench, why: str) -> None:
    bench.require(
        not bench.is_imported(),
        f"{bench.name} is imported before anybody asked for it: {why}",
        f"Every program with `import steno` would wait for {bench.name}",
    )


def _fits_unrecorded(bench: Bench) -> bool:
    """Whether the framework trains at all, as it is now."""
    with kept() as raised, steno.off():
        bench.subject.fit()
    return not raised


def _early_references(bench: Bench) -> None:
    """Without the hook: what stood at the targets before is itself what is patched."""
    bench.framework()
    bench.subject.fit()
    before = bench.snapshot()
    bench.autolog()
    in_place = [patch.target for patch in bench.status().patches if patch.installer == "in place"]
    if not in_place:
        raise Skipped("nothing is patched in place: write early_import and early_fit(self, ...) to see what copies do")
    other = [text for text in before.changed() if text.endswith("is another object")]
    replaced = [text for text in other if any(text.startswith(target.replace(":", ".", 1)) for target in in_place)]
    bench.require(
        not replaced,
        f"copies made early are not the functions that are patched: {'; '.join(replaced)}",
        "Your users' `from ... import ...` above autolog() would go unrecorded",
    )


def _one_more(bench: Bench, before: int, when: str) -> None:
    bench.train()
    bench.expect_runs(before + 1, f"{when}, after one more fit", "Your users' trainings would be missing or doubled")


class _Refused(MetaPathFinder):
    """Inside, a package is not installed."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        sys.meta_path.insert(0, self)

    def __exit__(self, *fault: object) -> None:
        with suppress(ValueError):
            sys.meta_path.remove(self)

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Refuse the package, and know nothing of others."""
        del path, target
        if name.partition(".")[0] == self._name:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


class _Failing(_Refused, Loader):
    """Inside, a package's own code raises."""

    def __init__(self, name: str, error: Exception) -> None:
        super().__init__(name)
        self._error = error

    def __enter__(self) -> None:
        sys.meta_path.insert(1, self)  # behind steno's, which asks the others

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Find the package, to be run by us."""
        del target
        found = PathFinder.find_spec(name, path) if name == self._name else None
        if found is None:
            return None
        return ModuleSpec(name, self, origin=found.origin, is_package=True)

    def exec_module(self, module: ModuleType) -> None:
        """What the package's code does: fail."""
        del module
        raise self._error
