"""What a notebook shows after a cell that trained something: one card, and nothing after any other cell.

A plugin like everybody's (entry point group `steno.plugins`). It learns of runs by the hooks `steno_run_started` and
`steno_run_ended` and draws after the cell, when scores computed behind the training are in the run too.
`steno.autolog(silent=True)` turns the card off. `steno.notebook.cell` looks after what a cell opened and left open.
"""

from __future__ import annotations

import sys
import weakref
from collections import deque
from typing import Any

from steno.autologging import control
from steno.autologging.guard import Guard
from steno.entities import Run, RunInfo
from steno.notebook.cell import Cells
from steno.notebook.reading import after_cell, run_html
from steno.plugin import hookimpl

__all__ = ["steno_run_ended", "steno_run_started"]

_KEPT = 1000


class _Notebook:
    """The runs that ended since the last card, in whatever thread, and the shell that shows them."""

    def __init__(self) -> None:
        self._infos: deque[RunInfo] = deque(maxlen=_KEPT)
        self._count: deque[None] = deque()  # threads append without a lock, which a fork could leave locked
        self._shell: weakref.ref[Any] | None = None
        self._cells = Cells()
        self.guard = Guard("notebook")

    def started(self, run: Run, shell: Any) -> None:
        """Know which cell opened a run."""
        self._cells.opened(run)
        self._watch(shell)

    def ended(self, run: Run, shell: Any, *, shown: bool) -> None:
        """Keep a run for the card of the cell that is running."""
        self._cells.ended(run)
        if shown:
            self._infos.append(run.info)
            self._count.append(None)
        self._watch(shell)

    def _watch(self, shell: Any) -> None:
        if self._shell is None or self._shell() is not shell:
            self._shell = weakref.ref(shell)
            shell.events.register("pre_run_cell", self._before_cell)
            shell.events.register("post_run_cell", self._after_cell)
            shell.display_formatter.formatters["text/html"].for_type(Run, self._shown)

    def _shown(self, run: Run) -> str | None:
        """A run that is the value of a cell shows as its card; where that fails, as its repr."""
        return self.guard.call("repr", run_html, run)

    def _before_cell(self, info: Any) -> None:
        self.guard.call("open runs", self._cells.before, info)

    def _after_cell(self, result: Any) -> None:
        self.guard.call("open runs", self._cells.after, result)
        if not self._count:
            return
        infos, total = list(self._infos), len(self._count)
        self._infos.clear()
        self._count.clear()
        shell = None if self._shell is None else self._shell()
        if shell is None or self.guard.given_up("card"):
            return
        with self.guard.step("card"):
            bundle = after_cell(infos, total)
            if bundle:
                shell.display_pub.publish(bundle)


_notebook = _Notebook()


@hookimpl
def steno_run_started(run: Run) -> None:
    """Remember which cell opened the run, if this is a notebook or an IPython terminal."""
    shell = _running_shell()
    if shell is not None:
        _notebook.started(run, shell)


@hookimpl
def steno_run_ended(run: Run) -> None:
    """Remember the run for the card of the cell that is running, if this is a notebook or an IPython terminal."""
    shell = _running_shell()
    if shell is not None:
        _notebook.ended(run, shell, shown=not control.silent())


def _running_shell() -> Any:
    """IPython's shell if this process runs in one; IPython is never imported for it."""
    module = sys.modules.get("IPython")
    get_ipython = getattr(module, "get_ipython", None)
    return None if get_ipython is None else get_ipython()
