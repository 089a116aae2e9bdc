"""Put a handler around a framework's function, and take it away again without a trace.

Every patch is a `wrapt.FunctionWrapper` with a switch that is read at each call. Two installers put it in place:

- *in place*, for functions written in Python: the function's `__code__` becomes a trampoline that calls the wrapper,
  which holds a clone with the original code. The function object stays itself, so early `from x import f` copies are
  patched, pickles by reference stay what they were, and foreign wrappers above and below never notice.
- *attribute*, for what has no `__code__` to swap, for inherited methods, instances, and classes that are pickled by
  value: the wrapper is set on the owner.

Undoing puts back what stood there only if what stands there now is ours. Where somebody else's patch lies on top, ours
stays as a pass-through, its state says `pinned`, and the next `undo` tries again.
"""

from __future__ import annotations

import itertools
import sys
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import ClassMethodDescriptorType, CodeType, FunctionType, MethodType
from typing import Any, Literal

from steno.autologging.owners import (
    chain,
    delegates,
    find,
    function_behind,
    is_own,
    patchable,
    pickled_by_value,
    target,
)
from steno.autologging.trampoline import RESERVED, clone, is_trampoline, trampoline
from steno.autologging.wrapper import Wrapper, unbound
from steno.config import setting
from steno.errors import IntegrationError, InvalidInputError, shown

__all__ = ["Handler", "Installer", "Patch", "PatchJournal", "PatchState", "pickled_by_value"]

Handler = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
Installer = Literal["in place", "attribute"]
PatchState = Literal["on", "off", "pinned", "foreign"]

# What sys.getrefcount says of an object that one local variable holds: that, and its own argument.
_ONLY_HERE = 2


class _Process:
    """What all journals of this process share: the lock, the names given out, who lies on whom."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.clones: weakref.WeakSet[FunctionType] = weakref.WeakSet()
        self._numbers = itertools.count()

    def renew_lock(self) -> None:
        self.lock = threading.RLock()

    def name(self) -> str:
        return f"{RESERVED}{next(self._numbers)}__"

    def above(self, code: CodeType) -> FunctionType | None:
        """The clone, behind another patch of ours, that runs this trampoline."""
        return next((each for each in self.clones if each.__code__ is code), None)


_PROCESS = _Process()


class Patch(ABC):
    """One patched function.

    Attributes:
        label: what the patch is for, such as the seam's target.
        target: where it is, as `module:Qual.name`.
        installer: how it was put there.
    """

    installer: Installer

    def __init__(self, target: str, label: str, *, enabled: bool) -> None:
        self.target = target
        self.label = label
        # wrapt asks this list's __len__ at each call: nothing in Python is cheaper to ask.
        self._switch: list[None] = [None] if enabled else []
        self._undone = False
        self._gone = False

    @property
    def state(self) -> PatchState:
        """What is in force: `on`, `off`; `foreign` if somebody patched over us; `pinned` if that hinders the undo."""
        if self._undone:
            return "off" if self._gone else "pinned"
        return ("on" if self._switch else "off") if self._stands() else "foreign"

    def __repr__(self) -> str:
        return f"<Patch {self.target} {self.installer}, {self.state}>"

    def turn(self, *, on: bool) -> None:
        """Let the handler be called, or not."""
        if on and not self._undone:
            self._switch[:] = [None]
        else:
            self._switch.clear()

    def undo(self) -> bool:
        """Take the patch away, or make it a pass-through. Returns whether it is gone."""
        self._undone = True
        self._switch.clear()
        self._gone = self._remove()
        return self._gone

    def revive(self, *, enabled: bool) -> None:
        """Put a pinned patch to use again."""
        self._undone = False
        self.turn(on=enabled)

    @abstractmethod
    def _stands(self) -> bool: ...

    @abstractmethod
    def _alive(self) -> bool: ...

    @abstractmethod
    def _remove(self) -> bool: ...

    @abstractmethod
    def reapply(self) -> bool:
        """Put the patch back where something that is no patch has replaced it. Returns whether it did."""

    @abstractmethod
    def is_for(self, thing: object) -> bool:
        """Whether this patch, alive, is the one of that function or owner."""


class _InPlace(Patch):
    installer = "in place"

    def __init__(
        self, function: FunctionType, owner: Any, name: str, handler: Handler, label: str, *, enabled: bool
    ) -> None:
        super().__init__(target(owner, name), label, enabled=enabled)
        self._owner = weakref.ref(owner)
        self._attribute = name
        self._function = weakref.ref(function)
        self._handler = handler
        self._swap(function)

    def _swap(self, function: FunctionType) -> None:
        name = _PROCESS.name()
        code = trampoline(function.__code__, name)
        behind = clone(function)
        # wrapt asks for it at each call, and each miss would cost half a microsecond
        behind.__dict__.setdefault("__self__", None)
        names = function.__globals__
        names[name] = Wrapper(behind, self._handler, _asked(self._switch))
        try:
            function.__code__ = code
        except BaseException:
            del names[name]
            raise
        _PROCESS.clones.add(behind)
        self._name = name
        self._clone = weakref.ref(behind)
        self._trampoline = weakref.ref(code)

    def _stands(self) -> bool:
        function, code = self._function(), self._trampoline()
        if function is None or code is None:
            return False
        if function.__code__ is not code and _PROCESS.above(code) is None:  # no other integration's lies on top
            return False
        return not self._replaced(function)

    def _replaced(self, function: FunctionType) -> bool:
        """Whether the owner has another function of its own by now: a tool has put back what it found before us."""
        owner = self._owner()
        standing = None if owner is None else vars(owner).get(self._attribute)
        standing = getattr(standing, "__func__", standing)
        if owner is None or type(standing) is not FunctionType:
            return False
        if any(each is function for each in chain(standing)):  # under a wrapper, such as one of the framework's own
            return False
        return not is_trampoline(standing.__code__) and is_own(owner, standing)

    def _alive(self) -> bool:
        return self._function() is not None and self._trampoline() is not None

    def is_for(self, thing: object) -> bool:
        return self._function() is thing and self._alive()

    def _remove(self) -> bool:
        function, code, behind = self._function(), self._trampoline(), self._clone()
        if function is None:
            return True
        if code is None or behind is None:  # somebody gave the function new code, and ours is gone
            function.__globals__.pop(self._name, None)
            return True
        below = function if function.__code__ is code else _PROCESS.above(code)
        if below is not None:
            below.__code__ = behind.__code__
        # A thread, a generator or a foreign clone may still be inside our code, about to look the name up: the name
        # goes when the code goes, which is now if nobody is.
        if sys.getrefcount(code) == _ONLY_HERE:
            function.__globals__.pop(self._name, None)
        else:
            weakref.finalize(code, function.__globals__.pop, self._name, None).atexit = False
        return below is not None

    def reapply(self) -> bool:
        function = self._function()
        if self._undone or function is None or self._trampoline() is not None:
            return False
        function.__globals__.pop(self._name, None)
        self._swap(function)
        return True


class _Attribute(Patch):
    installer = "attribute"

    def __init__(
        self, owner: object, name: str, original: Any, handler: Handler, target: str, label: str, *, enabled: bool
    ) -> None:
        super().__init__(target, label, enabled=enabled)
        self._owner = _weakly(owner)
        self._name = name
        self._handler = handler
        self._own = name in vars(owner)
        self._code = _own_code(original)
        self._wrap(owner, original)

    def _wrap(self, owner: object, original: Any) -> None:
        wrapper = Wrapper(original, self._handler, _asked(self._switch))
        wrapper._self_name = self._name
        wrapper._self_own = self._own
        setattr(owner, self._name, wrapper)
        self._wrapper = weakref.ref(wrapper)

    def _standing(self) -> Any:
        owner = self._owner()
        return None if owner is None else unbound(vars(owner).get(self._name))

    def _stands(self) -> bool:
        wrapper, standing = self._wrapper(), self._standing()
        return wrapper is not None and any(each is wrapper for each in chain(standing))

    def _alive(self) -> bool:
        return self._owner() is not None and self._wrapper() is not None

    def is_for(self, thing: object) -> bool:
        return self._owner() is thing and self._alive()

    def _remove(self) -> bool:
        owner, wrapper = self._owner(), self._wrapper()
        if owner is None or wrapper is None:
            return True
        standing = self._standing()
        if standing is wrapper:
            if wrapper._self_own:
                setattr(owner, self._name, wrapper.__wrapped__)
            else:
                delattr(owner, self._name)
            return True
        while type(standing) is Wrapper:  # other journals' patches, on top of this one
            if standing.__wrapped__ is wrapper:
                standing.__wrapped__ = wrapper.__wrapped__
                standing._self_own = wrapper._self_own
                return True
            standing = standing.__wrapped__
        return False

    def reapply(self) -> bool:
        owner, standing = self._owner(), self._standing()
        if self._undone or not isinstance(owner, type) or type(standing) is Wrapper:
            return False
        if self._code is None or _own_code(standing) != self._code:
            return False
        self._wrap(owner, standing)
        return True


class PatchJournal:
    """The patches of one integration: made together, switched together, undone together.

    Threads may install, switch, undo and call patched functions at the same time.

    Raises:
        InvalidInputError: if the setting `patch` (STENO_PATCH) names no way of patching.
    """

    def __init__(self) -> None:
        method = setting("patch", default="in place")
        if method not in ("in place", "attribute"):
            raise InvalidInputError(
                f"setting 'patch' has value {shown(method)}, accepted are 'in place' and 'attribute': "
                "set STENO_PATCH=attribute or unset it"
            )
        self._method: Installer = method
        self._patches: dict[tuple[int, str], Patch] = {}
        self._enabled = True
        self._open: dict[int, list[Patch]] = {}

    @staticmethod
    def renew_lock() -> None:
        """In a forked child, before anything is switched: the thread that held the lock of all journals is gone."""
        _PROCESS.renew_lock()

    @property
    def patches(self) -> tuple[Patch, ...]:
        """What is installed, oldest first; after an undo, what could not be removed."""
        with _PROCESS.lock:
            return tuple(self._patches.values())

    @property
    def enabled(self) -> bool:
        """Whether handlers are called. Off, each patched function goes straight to its original."""
        return self._enabled

    @enabled.setter
    def enabled(self, value: bool) -> None:
        with _PROCESS.lock:
            self._enabled = bool(value)
            for patch in self._patches.values():
                patch.turn(on=self._enabled)

    def install(self, owner: object, name: str, handler: Handler, *, label: str) -> Patch:
        """Put `handler` around an attribute of `owner`; around the function itself, wherever that is possible.

        A function that this journal has patched already keeps its patch and its handler.

        Args:
            owner: a module, a class or an instance.
            name: the attribute's name.
            handler: called as `handler(wrapped, instance, args, kwargs)` in place of the function. `instance` is
                `self`, the class for a class method, else None, and never among `args`.
            label: what the patch is for.

        Raises:
            IntegrationError: if there is no such attribute, or it is nothing that can be patched.
        """
        original = find(owner, name)
        function = None if self._method == "attribute" else function_behind(owner, name, original)
        place = target(owner, name)
        if function is None and delegates(original):
            # MLflow and others reach for its `fn` past any proxy: the descriptor itself has to stay
            owner, name, original, handler = original, "fn", original.fn, _split_instance(handler)
        with _PROCESS.lock:
            known = self._known(owner, name, function)
            if known is not None:
                if known.state == "pinned":
                    known.revive(enabled=self._enabled)
                return known
            patch = None if function is None else self._in_place(function, owner, name, original, handler, label)
            if patch is None:
                patch = self._by_attribute(owner, name, original, handler, place, label)
            key = (id(owner), name) if patch.installer == "attribute" else (id(function), "")
            self._patches.pop(key, None)  # of something that lived at the same address
            self._patches[key] = patch
            installed = self._open.get(threading.get_ident())
            if installed is not None:
                installed.append(patch)
            return patch

    def _known(self, owner: object, name: str, function: FunctionType | None) -> Patch | None:
        for subject, key in ((function, (id(function), "")), (owner, (id(owner), name))):
            patch = self._patches.get(key)
            if patch is not None and patch.is_for(subject):
                return patch
        return None

    def _in_place(
        self, function: FunctionType, owner: object, name: str, original: Any, handler: Handler, label: str
    ) -> Patch | None:
        takes_instance = isinstance(owner, type) and not isinstance(original, staticmethod)
        entry = _split_instance(handler) if takes_instance else handler
        try:
            return _InPlace(function, owner, name, entry, label, enabled=self._enabled)
        except (AttributeError, TypeError, ValueError, IntegrationError):  # code that cannot be replaced
            return None

    def _by_attribute(self, owner: object, name: str, original: Any, handler: Handler, place: str, label: str) -> Patch:
        if not patchable(original):
            raise IntegrationError(
                f"{place} is {shown(original)}, not a function that can be patched: "
                "name a function, a method, a static method or a class method"
            )
        if isinstance(original, ClassMethodDescriptorType):
            handler = _name_class(handler)
        try:
            return _Attribute(owner, name, original, handler, place, label, enabled=self._enabled)
        except (TypeError, AttributeError) as fault:
            raise IntegrationError(
                f"{place} cannot be patched, {shown(owner)} accepts no new attributes: {fault}; "
                "name a function or class written in Python"
            ) from fault

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: what was installed inside, by this thread, is undone if an exception escapes."""
        thread = threading.get_ident()
        outer = self._open.get(thread)
        installed: list[Patch] = []
        self._open[thread] = installed
        try:
            yield
        except BaseException:
            self._undo(installed)
            raise
        else:
            if outer is not None:
                outer.extend(installed)
        finally:
            if outer is None:
                self._open.pop(thread, None)
            else:
                self._open[thread] = outer

    def undo(self) -> None:
        """Take every patch away, newest first; those under somebody else's patch become pass-through (`pinned`)."""
        self._undo(list(self.patches))

    def _undo(self, patches: list[Patch]) -> None:
        with _PROCESS.lock:
            wanted = set(map(id, patches))
            for key, patch in reversed(tuple(self._patches.items())):
                if id(patch) in wanted and patch.undo():
                    del self._patches[key]

    def drop_foreign(self) -> bool:
        """Take away what another tool's comings and goings have made useless. Returns whether there was any."""
        lost = [patch for patch in self.patches if patch.state == "foreign"]
        self._undo(lost)
        return bool(lost)

    def reapply(self) -> tuple[Patch, ...]:
        """Patch again what has been replaced by a plain function since, and forget what no longer exists.

        A class pickled by value that comes back from another process gets all its methods set anew; a function whose
        source was reloaded in a notebook gets new code.

        Returns:
            the patches that were put back.
        """
        with _PROCESS.lock:
            return tuple(patch for patch in self._patches.values() if patch.reapply())


def _split_instance(handler: Handler) -> Handler:
    """A handler for a clone, which gets the instance as its first argument."""

    def entry(wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        __tracebackhide__ = True
        if not args:  # `def fit(*args)`, called on the class
            return wrapped(**kwargs)
        instance = args[0]
        bound = partial(wrapped, None) if instance is None else MethodType(wrapped, instance)
        return handler(bound, instance, args[1:], kwargs)

    return entry


def _name_class(handler: Handler) -> Handler:
    """A handler for a class method written in C, which wrapt does not know for one."""

    def entry(wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        __tracebackhide__ = True
        return handler(wrapped, getattr(wrapped, "__self__", None), args, kwargs)

    return entry


def _asked(switch: list[None]) -> Callable[[], bool]:
    return switch.__len__  # type: ignore[return-value]  # 0 and 1 do


def _own_code(original: Any) -> CodeType | None:
    """The code of a function, a static or class method; None for a trampoline, which nobody may keep alive."""
    function = original.__func__ if type(original) in (staticmethod, classmethod) else original
    if type(function) is not FunctionType:  # exactly: a foreign wrapt wrapper answers with the code of what it wraps
        return None
    return None if is_trampoline(function.__code__) else function.__code__


def _weakly(thing: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(thing)
    except TypeError:  # an instance without a place for weak references
        return lambda: thing
