"""Every hook of the pluggy manager "steno", on one screen.

A plugin implements a hook by decorating a function of the same name with `steno.plugin.hookimpl`; it may take
fewer arguments than the spec. Each implementation is called alone, so one that raises neither stops the others nor
reaches the user's program; its fault is shown by `steno.status()`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from steno.entities import Run
    from steno.plugin import Integration

__all__ = ["hookspec", "steno_integrations", "steno_run_ended", "steno_run_started", "steno_run_tags", "steno_status"]

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


@hookspec
def steno_status() -> Mapping[str, Any]:  # type: ignore[empty-body]  # a spec has no body
    """Called by `steno.status()`: what the plugin wants shown about itself."""
