"""A fresh Python interpreter for a script."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["Interpreter"]


class Interpreter:
    """Runs scripts, each in a fresh interpreter: `done = steno_python("import steno; ...")`.

    A script finds the packages that this process finds, those that a test has put on `sys.path` included.

    Args:
        folder: the working directory of the scripts.
        script: the file that a script is written to, outside that folder.
    """

    def __init__(self, folder: Path, script: Path) -> None:
        self.folder = folder
        self._script = script

    def __call__(
        self, source: str, *args: str, env: Mapping[str, str] | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a script to its end; its exit code is not checked.

        Args:
            source: the script.
            *args: its arguments.
            env: added to this process's environment as it is now.
            timeout: seconds.

        Raises:
            subprocess.TimeoutExpired: it did not end in time.
        """
        self._script.write_text(source, encoding="utf-8")
        return subprocess.run(
            [sys.executable, str(self._script), *args],
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": search_path(), **(env or {})},
        )


def search_path() -> str:
    """Where this process finds packages that its interpreter would not find by itself, as `PYTHONPATH`."""
    own = (sys.prefix, sys.base_prefix)
    added = [entry for entry in sys.path if entry and not entry.startswith(own)]
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join(dict.fromkeys(entry for entry in (*added, *inherited) if entry))
