"""What every test gets: a folder of its own, a clean session, no leftover patches, no network."""

from __future__ import annotations

import socket
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import pytest

from steno.testing import Interpreter as RunPython
from steno.testing import IsolatedStore

__all__ = ["RunPython"]

FRAMEWORKS = ("sklearn", "xgboost", "lightgbm", "torch", "joblib")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out the tests of a framework that is not installed."""
    absent = (name for name in FRAMEWORKS if collection_path.stem.startswith(f"test_{name}") and not find_spec(name))
    return True if any(absent) else None


@pytest.fixture(autouse=True)
def isolated(steno_store: IsolatedStore) -> None:
    """Each test works in an empty folder, with no settings of ours, and leaves nothing patched or open."""


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches beyond this machine."""
    connect = socket.socket.connect

    def local_only(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            _refuse(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", local_only)


def _refuse(address: Any) -> NoReturn:
    raise AssertionError(f"a test tried to reach {address}")


@pytest.fixture
def run_python(steno_python: RunPython) -> RunPython:
    """A runner of scripts in a fresh interpreter."""
    return steno_python
