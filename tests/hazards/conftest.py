"""Plugins that are installed for the length of one test."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from steno.autologging import control

PLUGINS = Path(__file__).parent / "plugins"


class Site:
    """A folder of installed packages, for this process and those that it starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def write(self, path: str, source: str) -> Path:
        """Write a file of a package."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, encoding="utf-8")
        importlib.invalidate_caches()
        return file

    def install(self, framework: str, source: str, distribution: str = "") -> None:
        """Install a plugin for a framework, as pip would."""
        distribution = distribution or f"hazard-{framework}"
        module = distribution.replace("-", "_")
        self.write(f"{module}.py", source)
        self.write(f"{module}-1.0.dist-info/METADATA", f"Name: {distribution}\nVersion: 1.0\n\n")
        self.write(f"{module}-1.0.dist-info/entry_points.txt", f"[steno]\n{framework} = {module}\n")

    def install_file(self, framework: str, file: str) -> None:
        """Install one of the plugins that stand beside these tests."""
        self.install(framework, (PLUGINS / file).read_text(encoding="utf-8"))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A folder of packages; what was imported from it is forgotten after the test."""
    folder = tmp_path / "site"
    made = Site(folder)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH")))))
    yield made
    control.reset()
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]
