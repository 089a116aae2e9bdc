"""Which run is meant when nobody says: per thread and task, and one for the whole process.

Each context (thread, asyncio task) has a stack of its own. Who has none, such as a worker thread or the next cell of
a notebook, whose context is a new one, means the process's current run.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from steno.tracking.open_run import OpenRun

__all__ = ["Scopes"]


@dataclass(frozen=True, slots=True)
class _Entry:
    run: OpenRun
    thread: int
    task: weakref.ref[Any] | None


class Scopes:
    """The active runs of this process."""

    def __init__(self) -> None:
        self._stack: ContextVar[tuple[_Entry, ...]] = ContextVar("steno_stack", default=())
        self._training: ContextVar[OpenRun | None] = ContextVar("steno_training", default=None)
        self._last: ContextVar[OpenRun | None] = ContextVar("steno_last", default=None)
        self._told: ContextVar[tuple[OpenRun | None] | None] = ContextVar("steno_told", default=None)
        self._thread = threading.local()
        self._everywhere: tuple[_Entry, ...] = ()
        self._lock = threading.RLock()

    def renew_lock(self) -> None:
        """In a forked child the lock may be held by a thread that is not there."""
        self._lock = threading.RLock()

    def push(self, run: OpenRun) -> None:
        """Make a run the active one of this scope."""
        entry = _Entry(run, threading.get_ident(), _task())
        self._stack.set((*_live(self._stack.get()), entry))
        with self._lock:
            self._everywhere = (*_live(self._everywhere), entry)
        self._note(run)

    def active(self) -> OpenRun | None:
        """The active run of this scope, else the process's current one."""
        for entry in reversed(self._stack.get()):
            if not entry.run.ended:
                return entry.run
        told = self._told.get()
        if told is not None:
            run = told[0]
            return None if run is None or run.ended else run
        everywhere = self._everywhere
        if not everywhere:
            return None
        thread, main = threading.get_ident(), threading.main_thread().ident
        live = _live(everywhere)
        for wanted in (thread, main):
            for entry in reversed(live):
                if entry.thread == wanted:
                    return entry.run
        return live[-1].run if live else None

    def own(self) -> OpenRun | None:
        """The active run that this very scope opened; one that it merely inherited or shares is not its own."""
        thread, task = threading.get_ident(), _task()
        for entry in reversed(_live(self._stack.get())):
            if entry.thread == thread and _same(entry.task, task):
                return entry.run
        if "ipykernel" in sys.modules:  # context is lost between cells
            for entry in reversed(_live(self._everywhere)):
                if entry.thread == thread and (_same(entry.task, task) or _over(entry.task)):
                    return entry.run
        return None

    @contextmanager
    def telling(self, run: OpenRun | None) -> Iterator[None]:
        """Plugins are being told of a run: what they log belongs to it, and what they open is nobody else's.

        Args:
            run: the run; None while it is only about to be opened.
        """
        variables: tuple[ContextVar[Any], ...] = (self._stack, self._training, self._last)
        before = [variable.get() for variable in variables]
        noted = dict(vars(self._thread))
        known = self._everywhere
        self._stack.set(())
        self._training.set(None)
        vars(self._thread).clear()
        token = self._told.set((run,))
        try:
            yield
        finally:
            self._told.reset(token)
            for variable, value in zip(variables, before, strict=True):
                variable.set(value)
            vars(self._thread).clear()
            vars(self._thread).update(noted)
            if self._everywhere is not known:
                thread = threading.get_ident()
                with self._lock:
                    self._everywhere = tuple(
                        entry for entry in self._everywhere if entry.thread != thread or entry in known
                    )

    def trained(self, run: OpenRun) -> None:
        """Note the run of the last training of this scope."""
        self._training.set(run)
        self._thread.training = run
        self._note(run)

    def _note(self, run: OpenRun) -> None:
        self._last.set(run)
        self._thread.last = run

    def last_training(self) -> OpenRun | None:
        """The run of the last training of this scope; in a notebook also of an earlier cell."""
        run: OpenRun | None = self._training.get() or getattr(self._thread, "training", None)
        if run is None:
            (run,) = self._told.get() or (None,)
        return run

    def last(self) -> OpenRun | None:
        """The run that this scope started or trained into last; in a notebook also in an earlier cell."""
        run: OpenRun | None = self._last.get() or getattr(self._thread, "last", None)
        return run


def _live(entries: tuple[_Entry, ...]) -> tuple[_Entry, ...]:
    return tuple(entry for entry in entries if not entry.run.ended)


def _task() -> weakref.ref[Any] | None:
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop runs in this thread
        return None
    return None if task is None else weakref.ref(task)


def _same(one: weakref.ref[Any] | None, other: weakref.ref[Any] | None) -> bool:
    return (None if one is None else one()) is (None if other is None else other())


def _over(task: weakref.ref[Any] | None) -> bool:
    found = None if task is None else task()
    return found is None or bool(found.done())
