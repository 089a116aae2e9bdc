"""The hooks of plugins around a run.

They are called where plugins are at work: once `steno.autolog()` or a model has loaded the registry, or in a notebook.
A script that only logs by hand does not pay for looking for plugins.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

from steno.entities import Run

__all__ = ["run_ended", "run_started", "run_tags"]


def _registry() -> Any:
    if "steno.registry" in sys.modules or "IPython" in sys.modules:
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
        for found in registry.hooks("steno_run_tags"):
            if isinstance(found, dict):
                tags.update({str(key): str(value) for key, value in found.items()})
    return tags
