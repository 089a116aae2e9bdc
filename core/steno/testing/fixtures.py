"""The pytest plugin: fixtures for tests of integrations. It defines fixtures and does nothing by itself.

It is loaded by every pytest of an environment that has steno. What a fixture needs is imported when it is used.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from steno import testing

if TYPE_CHECKING:
    from steno.testing import Interpreter, IsolatedStore, SteadyIds, StillClock
    from steno.testing.conformance.laboratory import Laboratory

__all__ = ["installer", "steno_clock", "steno_ids", "steno_laboratory", "steno_python", "steno_store"]

_CLOCK = "steno.clock.CLOCK"


@pytest.fixture
def steno_store(tmp_path: Path) -> Iterator[IsolatedStore]:
    """An empty store of its own: own folder and working directory, no settings of ours, nothing patched or open."""
    with testing.IsolatedStore.made_in(tmp_path) as store:
        yield store


@pytest.fixture
def steno_clock(monkeypatch: pytest.MonkeyPatch) -> StillClock:
    """The time that steno records stands still at 2026-01-01T00:00:00Z, and moves by `steno_clock.advance(seconds)`."""
    clock = testing.StillClock()
    monkeypatch.setattr(f"{_CLOCK}.ns", clock.read)
    return clock


@pytest.fixture
def steno_ids(monkeypatch: pytest.MonkeyPatch) -> SteadyIds:
    """The ids of runs and models, and the names of runs, come in a fixed order."""
    ids = testing.SteadyIds()
    monkeypatch.setattr(f"{_CLOCK}.noise", ids.draw)
    return ids


@pytest.fixture
def steno_python(steno_store: IsolatedStore, tmp_path: Path) -> Interpreter:
    """Runs scripts in fresh interpreters, in the store's folder."""
    return testing.Interpreter(steno_store.path, tmp_path / "script.py")


@pytest.fixture(params=["in place", "attribute"], ids=["in_place", "attribute"])
def installer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test runs with each of the two ways of patching, in this process and in those that it starts."""
    method: str = request.param
    monkeypatch.setenv("STENO_PATCH", method)
    return method


@pytest.fixture(scope="session")
def steno_laboratory(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    """Where the rows of `Conformance` are run, in interpreters that several rows share."""
    laboratory = importlib.import_module("steno.testing.conformance.laboratory")
    made: Laboratory = laboratory.Laboratory(tmp_path_factory.mktemp("steno-conformance"))
    return made
