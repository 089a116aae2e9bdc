"""An empty store of its own for a test, and a process without settings of ours around it."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from steno.entities import Run, ViewType
from steno.store.base import Store

__all__ = ["IsolatedStore", "described", "reset"]

_OURS = ("STENO_", "MLFLOW_")
_SESSION = "steno.tracking.session"
_OWNERS = ("steno.autologging.control", _SESSION)


class IsolatedStore:
    """The store of one test.

    Attributes:
        path: the working directory of the test; the store is made in `.steno/` within.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    @contextmanager
    def made_in(cls, folder: Path, *, keep: Collection[str] = ()) -> Iterator[IsolatedStore]:
        """Work in an empty folder with an empty store, no settings of ours, nothing patched and nothing open.

        Args:
            folder: gets a project of its own within, so that no store above is found.
            keep: variables of the environment that stay.
        """
        project = folder / "project"
        project.mkdir(parents=True)
        (project / "pyproject.toml").write_text("")
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith(_OURS) and name not in keep]:
                patch.delenv(name)
            patch.setenv("XDG_DATA_HOME", str(folder / "data"))
            _save()
            patch.chdir(project)
            reset()
            try:
                yield cls(project)
            finally:
                reset()

    def runs(self) -> list[Run]:
        """Every run, deleted ones too, in the order in which they were opened."""
        from steno.tracking.session import session  # noqa: PLC0415  many tests need no store's libraries

        return list(_every_run(session().store))[::-1]

    def run(self) -> Run:
        """The only run; anything else fails the test and shows what there is."""
        runs = self.runs()
        if len(runs) != 1:
            listing = "".join(f"\n  {described(run)}" for run in runs)
            pytest.fail(f"the store has {len(runs)} runs, not 1{listing}", pytrace=False)
        return runs[0]


def _every_run(store: Store) -> Iterator[Run]:
    experiments = [each.experiment_id for each in store.search_experiments(view_type=ViewType.ALL)]
    token = None
    while True:
        page = store.search_runs(experiments, page_token=token, view_type=ViewType.ALL)
        yield from page
        token = page.token
        if token is None:
            return


def described(run: Run) -> str:
    """A run in a line, as a listing shows it."""
    by = run.data.tags.get("steno.integration", "the user")
    return f"{run.info.run_name} ({run.info.status}, by {by}): params {dict(run.data.params)}, {run.data.metrics}"


def _save() -> None:
    """Bring what other tests recorded into the user's own store, which `reset` would not."""
    module = sys.modules.get(_SESSION)
    if module is not None:
        module.session().at_exit()


def reset() -> None:
    """Undo every patch and give up the session; nothing is imported for it."""
    for name in _OWNERS:
        module = sys.modules.get(name)
        if module is not None:
            module.reset()
