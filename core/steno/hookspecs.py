"""Every hook of the pluggy manager "steno", on one screen.

A plugin implements a hook by decorating a function of the same name with `steno.plugin.hookimpl`; it may take
fewer arguments than the spec. Each implementation is called alone, so one that raises neither stops the others nor
reaches the user's program; its fault is shown by `steno.status()`. They are called in the order in which plugins were
registered: the always-on ones by their place on `sys.path` and their distribution's name, then the others as their
frameworks arrive; `@hookimpl(tryfirst=True)` comes before these, `trylast=True` behind.

A hook around a run may use steno: what it logs belongs to that run, runs that it opens are its own, and a plugin is not
told of those that it opens or ends there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from steno.entities import Run
    from steno.plugin import Integration

__all__ = [
    "hookspec",
    "steno_artifacts",
    "steno_integrations",
    "steno_run_ended",
    "steno_run_started",
    "steno_run_tags",
    "steno_status",
    "steno_store",
]

hookspec = pluggy.HookspecMarker("steno")


@hookspec(historic=True)
def steno_integrations(register: Callable[[Integration], None]) -> None:
    """Called once for every plugin, whenever it arrives: register its integration by `register(MyIntegration())`."""


@hookspec
def steno_run_started(run: Run) -> None:
    """Called after a run was opened, by a training or by `start_run`, in the thread that opened it."""


@hookspec
def steno_run_ended(run: Run) -> None:
    """Called after a run ended, with its final status and what it recorded, in the thread that ended it."""


@hookspec
def steno_run_tags() -> Mapping[str, str]:  # type: ignore[empty-body]  # a spec has no body
    """Called when a run opens: tags that describe where it runs, such as a job id. Later plugins win."""


@hookspec(firstresult=True)
def steno_store(uri: str) -> Any:
    """Called for a tracking URI of a scheme that steno does not serve: its `steno.store.base.Store`, or None to pass.

    It may be called more than once; the store opens and creates nothing before its first use.
    """


@hookspec(firstresult=True)
def steno_artifacts(uri: str) -> str | os.PathLike[str] | None:
    """Called for an artifact URI that is no folder of this machine: the folder that stands for it, or None to pass.

    Such as a mount, or a folder that is synchronized: files are read and written there, by their paths. It is called
    whenever a run's files are asked for, so whoever has to fetch them first does that here.
    """


@hookspec
def steno_status() -> Mapping[str, Any]:  # type: ignore[empty-body]  # a spec has no body
    """Called by `steno.status()`: what the plugin wants shown about itself."""
