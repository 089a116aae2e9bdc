"""Stores to hold the contract against: the reference and the SQL one, on the same root."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from steno.store.base import Store
from steno.store.memory import MemoryStore
from steno.store.sql.store import SQLStore


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder that moves with the store."""
    folder = tmp_path / "a home"
    folder.mkdir()
    return folder


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, root: Path) -> Iterator[Store]:
    """An empty store, once of each kind."""
    made: Store = MemoryStore(root) if request.param == "memory" else SQLStore(f"sqlite:///{root}/steno.db")
    yield made
    made.close()


@pytest.fixture
def sqlite(root: Path) -> Iterator[SQLStore]:
    """An empty SQLite store."""
    made = SQLStore(f"sqlite:///{root}/steno.db")
    yield made
    made.close()
