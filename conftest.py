"""What every test gets: a folder of its own, a clean session, no leftover patches, no network."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn, Protocol

import pytest

FRAMEWORKS = ("sklearn", "xgboost", "lightgbm", "torch", "joblib")
TRACKING = "steno.tracking.session"
CONTROL = "steno.autologging.control"


class RunPython(Protocol):
    """Run a script in a fresh interpreter, in the test's folder."""

    def __call__(
        self, source: str, *args: str, env: dict[str, str] | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """The finished process; its exit code is not checked."""
        ...


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out the tests of a framework that is not installed."""
    absent = (name for name in FRAMEWORKS if collection_path.stem.startswith(f"test_{name}") and not find_spec(name))
    return True if any(absent) else None


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test works in an empty folder, with no settings of ours, and leaves nothing patched or open."""
    for name in [name for name in os.environ if name.startswith(("STENO_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text("")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    yield
    for name in (CONTROL, TRACKING):
        module = sys.modules.get(name)
        if module is not None:
            module.reset()


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
def run_python(tmp_path: Path) -> RunPython:
    """A runner of scripts in a fresh interpreter."""

    def run(
        source: str, *args: str, env: dict[str, str] | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        script = tmp_path / "script.py"
        script.write_text(source, encoding="utf-8")
        return subprocess.run(
            [sys.executable, str(script), *args],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, **(env or {})},
        )

    return run
