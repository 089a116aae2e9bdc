"""Where a run runs: who, which program, which code, which machine.

`cheap` is read when a run opens (microseconds once known); `thorough` asks git and the installed packages, and is
called by the recorder's thread, never by the user's.
"""

from __future__ import annotations

import getpass
import importlib
import json
import os
import re
import sys
import threading
import time
from collections.abc import Mapping

from steno.tracking.redaction import redacted_arguments, redacted_url

__all__ = ["Context", "user"]

_GIT_VALID_S = 60.0
_LONGEST_COMMAND = 8000


class Context:
    """What describes this process; read once, the state of git again after a minute."""

    def __init__(self) -> None:
        self._cheap: dict[str, str] = {}
        self._arguments: list[str] = []
        self._steady: dict[str, str] = {}
        self._git: dict[str, str] = {}
        self._git_at = float("-inf")
        self._lock = threading.Lock()

    def after_fork(self) -> None:
        """In a forked child the lock may be held by a thread that is not there."""
        self._lock = threading.Lock()

    def cheap(self) -> Mapping[str, str]:
        """User, source, command line and Python: tags under MLflow's names where it has one."""
        arguments = list(getattr(sys, "argv", ()) or ())
        if not self._cheap or arguments != self._arguments:
            command = " ".join(_quoted(argument) for argument in redacted_arguments(arguments))
            name, kind = _source(arguments)
            self._arguments = arguments
            self._cheap = {
                "mlflow.user": user(),
                "mlflow.source.name": name,
                "mlflow.source.type": kind,
                "steno.command": command[:_LONGEST_COMMAND],
                "steno.python": ".".join(map(str, sys.version_info[:3])),
            }
        return self._cheap

    def known(self) -> Mapping[str, str] | None:
        """What `thorough` would tell, if that is known already and fresh; None if it has to be asked."""
        if not self._steady or time.monotonic() - self._git_at > _GIT_VALID_S:
            return None
        return {**self._steady, **self._git}

    def thorough(self) -> dict[str, str]:
        """Git commit, branch, dirty flag and remote; versions of the loaded packages; the machine."""
        with self._lock:
            around = importlib.import_module("steno.tracking.surroundings")  # subprocess, platform: 10 ms
            if time.monotonic() - self._git_at > _GIT_VALID_S:
                self._git = around.git_tags(around.code_folder())
                self._git_at = time.monotonic()
            packages = json.dumps(around.packages(), sort_keys=True)
            if not self._steady:
                self._steady = {"steno.machine": json.dumps(around.machine(), sort_keys=True)}
            self._steady = {**self._steady, "steno.packages": packages}
            return {**self._steady, **self._git}


def user() -> str:
    """The user's login name, "" where there is none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def _source(arguments: list[str]) -> tuple[str, str]:
    """Name and MLflow's type of the program."""
    notebook = os.environ.get("JPY_SESSION_NAME") or os.environ.get("VSCODE_NOTEBOOK") or ""
    if "ipykernel" in sys.modules:
        return notebook or "notebook", "NOTEBOOK"
    first = arguments[0] if arguments else ""
    if first in ("", "-c", "-"):
        return "<console>" if first == "" else f"python {first}", "LOCAL"
    return redacted_url(first), "LOCAL"


def _quoted(argument: str) -> str:
    return argument if re.fullmatch(r"[\w@%+=:,./*-]+", argument) else "'" + argument.replace("'", "'\"'\"'") + "'"
