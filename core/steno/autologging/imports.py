"""Call back when a module has been imported, without ever harming the import.

One finder stands first in `sys.meta_path` while anybody waits. For a module that is waited for, it lets the other
finders do the finding and adds one thing: after the module's code has run, the callbacks are called, under guard.
A module that another thread is importing right now is waited for; one that is half imported further up in this very
thread stays pending and is looked at again at the next import and at every `recheck()`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from importlib.machinery import ExtensionFileLoader, ModuleSpec, SourceFileLoader, SourcelessFileLoader
from types import FrameType, ModuleType
from typing import Any, Literal

from steno.autologging.guard import Guard

__all__ = ["Waiting", "recheck", "when_imported"]

Callback = Callable[[ModuleType], None]

_LONGEST_WAIT_S = 10.0
_POLL_S = 0.002

# Loaders of which the import system makes a new one for each module; any other may be shared between modules.
_OWN_LOADERS = frozenset({SourceFileLoader, SourcelessFileLoader, ExtensionFileLoader})


class Waiting:
    """One callback that waits for one module, until cancelled: it is called again after a reload.

    Attributes:
        module: the module's name.
        state: `pending` (not imported yet, or only half), `running` (its code runs now), `done` (called), `cancelled`.
    """

    __slots__ = ("_callback", "_guard", "_hook", "module", "state")

    def __init__(self, hook: _Hook, module: str, callback: Callback, guard: Guard) -> None:
        self._hook = hook
        self.module = module
        self._callback = callback
        self._guard = guard
        self.state: Literal["pending", "running", "done", "cancelled"] = "pending"

    def cancel(self) -> None:
        """Never call back again."""
        self._hook.cancel(self)

    def call(self, module: ModuleType) -> None:
        """Call back; a fault goes to the guard."""
        with self._guard.step(f"after import of {self.module}"):
            try:
                self._callback(module)
            except RuntimeError as error:
                if type(error).__name__ != "_DeadlockError":
                    raise
                # Two threads, each inside a callback that imports what the other is importing: Python lets one of
                # the imports fail. It was ours, so it can be repeated once the other one is through.
                self.state = "pending"


class _Hook:
    """The finder, and all the callbacks that wait. One per process."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Waiting]] = {}
        self._pending: frozenset[str] = frozenset()
        self._lock = threading.RLock()  # a signal handler may import something
        self._asking = threading.local()
        self._guard = Guard("imports")

    def renew_lock(self) -> None:
        """In a forked child: the thread that held the lock does not exist there."""
        self._lock = threading.RLock()

    def add(self, name: str, callback: Callback, guard: Guard | None) -> Waiting:
        waiting = Waiting(self, name, callback, guard or self._guard)
        with self._lock:
            self._waiting.setdefault(name, []).append(waiting)
            self._update_pending()
            if self not in sys.meta_path:
                sys.meta_path.insert(0, self)
        module = sys.modules.get(name)
        if module is not None and not _complete(module) and not _on_this_stack(module):
            _wait_for(name)
        self.recheck()
        return waiting

    def cancel(self, waiting: Waiting) -> None:
        with self._lock:
            waiting.state = "cancelled"
            others = [each for each in self._waiting.get(waiting.module, ()) if each is not waiting]
            if others:
                self._waiting[waiting.module] = others
            else:
                self._waiting.pop(waiting.module, None)
            self._update_pending()
            if not self._waiting and self in sys.meta_path:
                sys.meta_path.remove(self)

    def recheck(self) -> None:
        """Call back for the modules that have become complete without this finder seeing the end of their import."""
        for name in self._pending:
            module = sys.modules.get(name)
            if module is not None and _complete(module):
                self._fire(name, module, "pending")

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Find as the other finders do; see to it that the callbacks are called after the module's code has run."""
        if self._pending:
            self.recheck()
        if name not in self._waiting:
            return None
        asking: frozenset[str] = getattr(self._asking, "names", frozenset())
        if name in asking:
            return None
        self._asking.names = asking | {name}
        try:
            spec = self._ask_the_others(name, path, target)
        finally:
            self._asking.names = asking
        if spec is not None and hasattr(spec.loader, "exec_module"):
            self._watch(spec)
        return spec

    def _ask_the_others(self, name: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
        for finder in tuple(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec: ModuleSpec | None = find(name, path, target)
            if spec is not None:
                return spec
        return None

    def _watch(self, spec: ModuleSpec) -> None:
        loader: Any = spec.loader
        if type(loader) not in _OWN_LOADERS:
            spec.loader = _WatchedLoader(self, loader)  # type: ignore[assignment]  # a loader by its methods
            return

        def exec_module(module: ModuleType) -> None:
            vars(loader).pop("exec_module", None)  # first of all: the module meets its loader as it always was
            self.run(loader.exec_module, module)

        loader.exec_module = exec_module

    def run(self, exec_module: Callable[[ModuleType], None], module: ModuleType) -> None:
        """Run a module's code, then the callbacks; the errors of the code are the import's own."""
        name = module.__name__
        self._move(name, {"pending", "done"}, "running")
        try:
            exec_module(module)
        except BaseException:
            self._move(name, {"running"}, "pending")
            raise
        standing = sys.modules.get(name, module)  # a module may put another object in its own place
        self._fire(name, standing, "running")

    def _fire(self, name: str, module: ModuleType, state: str) -> None:
        for waiting in self._move(name, {state}, "done"):
            waiting.call(module)
            if waiting.state == "pending":
                with self._lock:
                    self._update_pending()

    def _move(self, name: str, before: set[str], after: Literal["pending", "running", "done"]) -> list[Waiting]:
        """Change the state of those that are in one of the states `before`, and only once per thread of events."""
        with self._lock:
            moved = [each for each in self._waiting.get(name, ()) if each.state in before]
            for each in moved:
                each.state = after
            self._update_pending()
        return moved

    def _update_pending(self) -> None:
        self._pending = frozenset(
            name for name, waiting in self._waiting.items() if any(each.state == "pending" for each in waiting)
        )


class _WatchedLoader:
    """Stands before a loader that serves several modules, until the one module's code runs."""

    def __init__(self, hook: _Hook, loader: Any) -> None:
        self._hook = hook
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """What the loader behind creates."""
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Step aside, then run the module's code."""
        spec: Any = module.__spec__
        if spec is not None and spec.loader is self:
            spec.loader = self._loader
        if getattr(module, "__loader__", None) is self:
            module.__loader__ = self._loader
        self._hook.run(self._loader.exec_module, module)


def _complete(module: ModuleType) -> bool:
    if type(module).__name__ == "_LazyModule":  # even reading its __spec__ would start its import
        return False
    return not getattr(getattr(module, "__spec__", None), "_initializing", False)


def _on_this_stack(module: ModuleType) -> bool:
    """Whether this thread is inside the module's own code."""
    if type(module).__name__ == "_LazyModule":
        return True
    names = vars(module)
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals is names and frame.f_code.co_name == "<module>":
            return True
        frame = frame.f_back
    return False


def _wait_for(name: str) -> None:
    """Wait until another thread has imported the module, or given it up.

    By looking, not by the module's lock: the importing thread may itself be waiting for this one.
    """
    deadline = time.monotonic() + _LONGEST_WAIT_S
    while time.monotonic() < deadline:
        module = sys.modules.get(name)
        if module is None or _complete(module):
            return
        time.sleep(_POLL_S)


_HOOK = _Hook()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_HOOK.renew_lock)


def when_imported(module: str, callback: Callback, *, guard: Guard | None = None) -> Waiting:
    """Call `callback(module)` once the module's code has run: now if it has, and again after each reload.

    Never raises into an import: what the callback raises goes to the guard. No lock of ours is held meanwhile.

    Args:
        module: the module's full name.
        callback: gets the module; called once per execution of its code.
        guard: where faults of the callback go.

    Returns:
        the handle to cancel it with.
    """
    return _HOOK.add(module, callback, guard)


def recheck() -> None:
    """Look again at modules that were half imported when their callback was registered. Cheap when there are none."""
    if _HOOK._pending:
        _HOOK.recheck()
