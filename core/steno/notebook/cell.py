"""Runs that a cell opens with `start_run` and leaves open: what a `with` block would do for them, a cell does.

A cell that fails ends the runs it opened as its exception says, so that it can be run again. A cell that is run again
ends what it left open the last time.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import steno
from steno.entities import Run

__all__ = ["Cells"]


class Cells:
    """The runs that are open, by the cell that opened them."""

    def __init__(self) -> None:
        self._opened: dict[str, tuple[Any, int, Any]] = {}
        self._left: dict[str, str] = {}

    def opened(self, run: Run) -> None:
        """A run was opened, by the cell that is running or by something behind it."""
        self._opened[run.info.run_id] = (run, threading.get_ident(), _task())

    def ended(self, run: Run) -> None:
        """A run ended, whoever ended it."""
        self._opened.pop(run.info.run_id, None)
        self._left.pop(run.info.run_id, None)

    def before(self, info: Any) -> None:
        """A cell is about to run: if it starts a run and did so before, the one it left open is over."""
        self._opened.clear()
        if "start_run" in info.raw_cell:
            while (active := steno.active_run()) and self._left.get(active.info.run_id) == _key(info):
                steno.end_run()

    def after(self, result: Any) -> None:
        """A cell has run, well or not."""
        error = result.error_before_exec or result.error_in_exec
        here = threading.get_ident()
        own = {run_id: run for run_id, (run, thread, task) in self._opened.items() if thread == here and _over(task)}
        if error is None:
            self._left.update(dict.fromkeys(own, _key(result.info)))
            return
        while (active := steno.active_run()) and active.info.run_id in own:
            own[active.info.run_id].__exit__(type(error), error, error.__traceback__)


def _key(info: Any) -> str:
    """What stays the same when a cell is run again: its id where the notebook sends one, else its text."""
    return str(getattr(info, "cell_id", None) or info.raw_cell)


def _task() -> Any:
    asyncio = sys.modules.get("asyncio")
    try:
        return None if asyncio is None else asyncio.current_task()
    except RuntimeError:  # no loop runs in this thread
        return None


def _over(task: Any) -> bool:
    """Whether the code that opened the run has come to its end: a task in the background has not."""
    return task is None or task is _task() or bool(task.done())
