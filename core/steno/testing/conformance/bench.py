"""What a row works with: the training under test, the store of the row, and words for what was found."""

from __future__ import annotations

import importlib
import random
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

import steno
from steno.autologging import control
from steno.autologging.guard import Fault
from steno.autologging.status import StatusRow
from steno.entities import Run
from steno.errors import StenoWarning
from steno.plugin import Integration, Seam
from steno.registry import registry
from steno.testing.conformance import seams
from steno.testing.conformance.failure import Failure, Skipped
from steno.testing.conformance.likeness import differences
from steno.testing.conformance.seams import Hit
from steno.testing.conformance.snapshot import Snapshot
from steno.testing.conformance.state import process_state
from steno.testing.conformance.subject import Subject
from steno.testing.interpreter import Interpreter
from steno.testing.isolation import IsolatedStore, described

__all__ = ["Bench", "Trained"]


@dataclass(slots=True)
class Trained:
    """One training, and what it said.

    Attributes:
        model: what `fit` returned.
        prediction: what `predict` made of it.
        warned: the warnings of the training, as (category, text).
        ours: those of them that are steno's.
    """

    model: Any
    prediction: Any
    warned: list[tuple[str, str]] = field(default_factory=list)
    ours: list[str] = field(default_factory=list)


class Bench:
    """What a row works with.

    Args:
        subject: the training.
        job: how the laboratory has it run.

    Attributes:
        name: the integration.
        installer: how functions are patched: "in place" or "attribute".
        folder: for the files of this interpreter.
        store: the store of the row in progress.
    """

    store: IsolatedStore

    def __init__(self, subject: Subject, job: Mapping[str, Any]) -> None:
        self.subject = subject
        self.name = subject.integration
        self.installer: str = job["installer"]
        self.folder = Path(job["folder"])
        self.job = job
        self.plain: list[Trained] = []

    def prepare(self) -> None:
        """Train without autologging, before anything is ever patched: what every row compares with."""
        with IsolatedStore.made_in(self.folder / "plain", keep=("STENO_PATCH",)):
            self.framework()
            self.plain = [self.train(), self.train()]
            self.plain_state = process_state()
        with IsolatedStore.made_in(self.folder / "hits", keep=("STENO_PATCH",)):
            self.hits = self._hits()

    def expect_installed(self) -> None:
        """The plugin is there to be found; its module is not loaded for it."""
        names = registry().names()
        if self.name not in names:
            raise Failure(
                f"no plugin called {self.name!r} is installed; installed are {', '.join(names)}",
                "Nothing can be recorded without it",
                "the entry point of group `steno` in pyproject.toml, whose name is the framework's import name, and "
                "`pip install -e .`",
            )

    # -- the framework

    def framework(self) -> Any:
        """Import the framework."""
        return importlib.import_module(self.name)

    def is_imported(self) -> bool:
        """Whether the framework has been imported."""
        return self.name in sys.modules

    def seed(self) -> None:
        """Put the generators that a training may draw from to the same place."""
        random.seed(7)
        np.random.seed(7)
        torch = sys.modules.get("torch")
        if torch is not None:
            torch.manual_seed(7)

    def train(self, fit: Callable[[], Any] | None = None) -> Trained:
        """Train once, and keep what it warned of."""
        self.seed()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = (fit or self.subject.fit)()
        ours = [str(each.message) for each in caught if issubclass(each.category, StenoWarning)]
        warned = [
            (each.category.__name__, str(each.message))
            for each in caught
            if not issubclass(each.category, StenoWarning)
        ]
        return Trained(model, self.subject.predict(model), warned, ours)

    @cached_property
    def packages(self) -> frozenset[str]:
        """The top packages of the framework."""
        return frozenset({self.name, *self.integration().owns})

    def snapshot(self) -> Snapshot:
        """Every function of the framework as it stands."""
        return Snapshot(self.packages)

    # -- steno

    def autolog(self, **options: Any) -> None:
        """Switch recording on, as users do."""
        steno.autolog(**options)

    def integration(self) -> Integration:
        """The integration under test, loaded."""
        return registry().integration(self.name)

    def owns(self, file: str) -> bool:
        """Whether this file is one of the plugin's, as far as the plugin is loaded."""
        plugin = registry().plugins().get(self.name)
        home = "" if plugin is None else plugin.value.partition(":")[0]
        modules = [module for name, module in list(sys.modules.items()) if f"{name}.".startswith(f"{home}.")]
        return any(getattr(module, "__file__", None) == file for module in modules)

    def status(self) -> StatusRow:
        """The integration's row of `steno.status()`."""
        return steno.status()[self.name]

    def faults(self) -> list[Fault]:
        """What went wrong in recording so far."""
        return list(control._Home.switchboard.process.service(self.name).guard.faults)

    def places(self) -> list[str]:
        """The patched functions, as `module:Qual.name`."""
        return [patch.target for patch in self.status().patches]

    @contextmanager
    def changed(self, change: Callable[[Seam], Seam]) -> Iterator[None]:
        """Seams that are what `change` makes of them; nothing may be switched on before."""
        with seams.changed(self.integration(), change):
            yield

    def _hits(self) -> list[Hit]:
        with seams.spied(self.integration(), self.places) as hits:
            self.autolog(log_models=False)
            self.train()
        return hits

    def hit(self) -> Hit:
        """The call that `fit` makes to a function with a `@train` seam.

        Raises:
            Skipped: no such call was seen; the row on recording says so.
        """
        if not self.hits:
            raise Skipped(f"no @train seam of {self.name!r} sees what fit() calls: see the row hazard_02")
        return self.hits[0]

    def interpreter(self) -> Interpreter:
        """A runner of scripts in fresh interpreters, in the store of the row."""
        return Interpreter(self.store.path, self.store.path.parent / "script.py")

    def runs(self) -> list[Run]:
        """Every run in the store of the row, oldest first."""
        return self.store.runs()

    # -- words

    def look(self, kind: str = "train") -> str:
        """Where to look in the plugin."""
        return seams.described(self.integration(), kind)

    def fail(self, found: str, user: str, look: str = "") -> NoReturn:
        """End the row.

        Args:
            found: what happened.
            user: what that would mean for the users of the plugin.
            look: where to look; the `@train` seams unless given.
        """
        raise Failure(found, user, look or self.look())

    def require(self, condition: object, found: str, user: str, look: str = "") -> None:
        """Fail unless the condition holds."""
        if not condition:
            self.fail(found, user, look)

    def expect_runs(self, number: int, when: str, user: str, look: str = "") -> list[Run]:
        """The runs, which must be so many."""
        runs = self.runs()
        listing = "; ".join(map(described, runs)) or "none"
        if len(runs) != number:
            row = self.status()
            states = f"the integration is {row.state}" + (f" ({row.why})" if row.why else "")
            skipped = f", last skip: {row.last_skip}" if row.last_skip else ""
            self.fail(
                f"{when} the store has {len(runs)} runs, not {number}: {listing[:1500]} ({states}{skipped})", user, look
            )
        return runs

    def expect_run(self, when: str, user: str = "Your users' trainings would be missing or doubled") -> Run:
        """The only run, FINISHED."""
        (run,) = self.expect_runs(1, when, user)
        self.require(run.info.status == "FINISHED", f"{when} the run is {run.info.status}", user)
        return run

    def expect_the_same(self, trained: Trained, when: str) -> None:
        """The training gave what it gives without steno."""
        found = differences(trained.prediction, self.plain[0].prediction)
        self.require(
            not found,
            f"{when} the model predicts something else: {found}",
            "Your users' results would depend on whether they are recorded",
        )

    def expect_untouched(self, before: Snapshot, when: str) -> None:
        """The framework's functions are what they were."""
        changes = before.changed()
        self.require(
            not changes,
            f"{when} the framework is not as it was: {'; '.join(changes[:5])}"
            + (f" and {len(changes) - 5} more" if len(changes) > 5 else ""),
            "Your users could not get rid of you",
            self.look(""),
        )

    def expect_nothing_failed(self, step: str = "") -> None:
        """The plugin's own code has not failed, in any step whose name contains `step`."""
        for fault in self.faults():
            if step in fault.step:
                self.fail(
                    f"{fault.step} raised {fault.kind}: {fault.message}",
                    "Your users' runs would lack what was to be recorded there",
                    f"{self.look('')}\n{fault.traceback}",
                )
