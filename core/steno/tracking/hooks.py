"""The hooks of plugins around a run.

Where no plugin is at work nobody pays for pluggy: it is loaded with `steno.autolog()` or a model, in a notebook, and
where somebody else's always-on plugin is installed. Ours draws in notebooks only.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from steno.entities import Run
from steno.entry_points import ALWAYS_ON, scan, stamp
from steno.errors import InvalidInputError, shown
from steno.tracking.values import key_of, tag_value

__all__ = ["artifact_folder", "run_ended", "run_started", "run_tags"]


class _Installed:
    """Whether somebody else's always-on plugin is installed; looked up again when a folder on `sys.path` changes."""

    def __init__(self) -> None:
        self._seen: object = None
        self._found = False

    def any(self) -> bool:
        seen = stamp()
        if seen != self._seen:
            self._found = any(each.group == ALWAYS_ON and each.distribution != "steno" for each in scan())
            self._seen = seen
        return self._found


_installed = _Installed()


def _registry() -> Any:
    if "steno.registry" in sys.modules or "IPython" in sys.modules or _installed.any():
        return importlib.import_module("steno.registry").registry()
    return None


def _tell(hook: str, run: Callable[[], Run]) -> None:
    registry = _registry()
    if registry is not None and registry.wanted(hook):
        registry.hooks(hook, run=run())


def run_started(run: Callable[[], Run]) -> None:
    """A run was opened; `run` makes what the plugins are given."""
    _tell("steno_run_started", run)


def run_ended(run: Callable[[], Run]) -> None:
    """A run was ended; `run` makes what the plugins are given."""
    _tell("steno_run_ended", run)


def run_tags() -> dict[str, str]:
    """The tags that plugins set on a run that opens."""
    registry = _registry()
    tags: dict[str, str] = {}
    if registry is not None and registry.wanted("steno_run_tags"):
        for found in registry.hooks("steno_run_tags", _tags):
            tags.update(found)
    return tags


def _tags(found: object) -> dict[str, str]:
    if not isinstance(found, Mapping):
        raise InvalidInputError(f"steno_run_tags gave {shown(found)}, accepted is a mapping: return {{'job': '17'}}")
    return {key_of(key, "tag"): tag_value(key, value) for key, value in found.items()}


def artifact_folder(uri: str) -> Path | None:
    """The folder of this machine that some plugin has for an artifact URI; None if none has."""
    found: Path | None = importlib.import_module("steno.registry").registry().first("steno_artifacts", _folder, uri=uri)
    return found


def _folder(found: Any) -> Path:
    folder = Path(os.fspath(found))
    if not folder.is_absolute():
        raise InvalidInputError(f"steno_artifacts gave {shown(found)}, accepted is the absolute path of a folder")
    return folder
