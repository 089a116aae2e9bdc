"""Environments of their own for tests: what they test comes from wheels, everything else from this environment."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Mapping
from pathlib import Path

import steno

__all__ = ["ROOT", "Environment", "wheel_of"]

ROOT = Path(steno.__file__).parents[2]
_OFFLINE = {
    "PIP_NO_INDEX": "1",
    "PIP_NO_DEPS": "1",
    "PIP_NO_BUILD_ISOLATION": "0",  # pip reads this one as the value of `build isolation`
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}


@functools.cache
def wheel_of(project: Path) -> Path:
    """A project's wheel, built once in this process."""
    folder = Path(tempfile.mkdtemp(prefix="steno-wheel-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(folder), str(project)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **_OFFLINE})
    assert done.returncode == 0, done.stdout + done.stderr
    name = done.stdout.rsplit("Successfully built ", 1)[1].split()[0]
    return folder / name


class Environment:
    """A virtual environment that also sees the packages of this one, but no editable install of it.

    Args:
        folder: is made.
    """

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False)
        self.scripts = folder / ("Scripts" if os.name == "nt" else "bin")
        variables = {"base": str(folder), "platbase": str(folder)}
        packages = Path(sysconfig.get_path("purelib", "venv", vars=variables))
        # A path in a .pth file is searched last, and .pth files that lie there are not read: no editable steno.
        outside = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *_added()}
        (packages / "outside.pth").write_text("".join(f"{path}\n" for path in sorted(outside)), encoding="utf-8")

    def run(
        self, *command: str, cwd: Path, env: Mapping[str, str] | None = None, timeout: float = 850
    ) -> subprocess.CompletedProcess[str]:
        """Run a command whose first word is looked up in the environment; its exit code is not checked."""
        path = os.pathsep.join([str(self.scripts), "/usr/bin", "/bin"])
        variables = {**os.environ, **_OFFLINE, "PATH": path, **(env or {})}
        variables.pop("PYTHONPATH", None)
        return subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=cwd, env=variables, timeout=timeout
        )

    def install(self, *wheels: Path) -> None:
        """Install wheels, without what they depend on."""
        done = self.run("python", "-m", "pip", "install", *map(str, wheels), cwd=self.scripts)
        assert done.returncode == 0, done.stdout + done.stderr


def _added() -> list[str]:
    """Folders of packages that this process was given by PYTHONPATH."""
    return [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
