"""From a declared target to a patched function: wait for its module, find it, put the seam's handler around it.

Nothing is imported for this. The module that defines a target is waited for, so that a framework may be imported
before or after us, as a whole or in parts.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib.machinery import PathFinder
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from steno.autologging.imports import Waiting, when_imported
from steno.autologging.patches import PatchJournal
from steno.autologging.seams import handler_of
from steno.errors import IntegrationError
from steno.plugin import ClassTarget, Seam

if TYPE_CHECKING:
    from steno.autologging.served import Served

__all__ = ["Installation"]

_MISSING: Any = object()


@dataclass(eq=False, slots=True)
class _Target:
    """One target of one seam: places to look at, in order; the first that exists is it.

    Attributes:
        text: as the plugin wrote it.
        places: (module, path within it) in order of preference; the path "*" means every public function.
        optional: whether nobody minds if it does not exist.
        methods: for methods of classes, their names; the path then leads to the base class.
        found: the module in which it was found.
        missed: places that do not have it.
    """

    seam: Seam
    text: str
    places: list[tuple[str, str]]
    optional: bool
    methods: tuple[str, ...] = ()
    found: str = ""
    missed: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, seam: Seam, target: str | ClassTarget) -> _Target:
        text = target.base if isinstance(target, ClassTarget) else target
        optional = text.rstrip().endswith("?")
        places = []
        for part in text.split(","):
            module, _, path = part.strip().rstrip("?").partition(":")
            places.append((module.strip(), path.strip()))
        return cls(seam, text, places, optional, target.methods if isinstance(target, ClassTarget) else ())


class Installation:
    """The patches of one integration while it is switched on.

    Args:
        service: the integration.
        journal: keeps the patches.

    Attributes:
        missing: targets that this version of the framework does not have, with the reason.
    """

    def __init__(self, service: Served, journal: PatchJournal) -> None:
        self._service = service
        self._journal = journal
        self._lock = threading.RLock()
        self._waiting: list[Waiting] = []
        self._families: list[_Family] = []
        self._targets: list[_Target] = []
        self._of_framework: list[_Target] = []
        self._followed: weakref.WeakSet[type] = weakref.WeakSet()
        self._closed = False
        self.missing: dict[str, str] = {}

    def start(self, framework: ModuleType) -> None:
        """Patch what is imported, and wait for the rest.

        Args:
            framework: the top package, whose import has just come to its end. It is not waited for here: whoever
                calls this does, and calls `arrived` after a reload.
        """
        integration = self._service.load()
        self._targets = [_Target.read(seam, target) for seam in integration.seams for target in seam.targets]
        by_module: dict[str, list[_Target]] = {}
        for target in self._targets:
            for module, _ in target.places:
                by_module.setdefault(module, []).append(target)
        self._of_framework = by_module.pop(framework.__name__, [])
        self.arrived(framework)
        for module, targets in by_module.items():
            waiting = when_imported(module, partial(self._arrived, targets), guard=self._service.guard)
            with self._lock:
                closed = self._closed
                if not closed:
                    self._waiting.append(waiting)
            if closed:  # what arrived first could not be patched, or somebody switched off meanwhile
                waiting.cancel()
                return

    def repair(self) -> None:
        """Patch again what another tool has put in the place of ours, or put back when it went."""
        with self._lock:
            if self._closed or not self._journal.drop_foreign():
                return
            with self._service.guard.step("patching again"), self._journal.transaction():
                for target in self._targets:
                    module = sys.modules.get(target.found)
                    for owner, name in () if module is None or target.methods else self._look_up(target, module):
                        self._install(target, owner, name)
                for family in self._families:
                    family.walk(again=True)

    def close(self) -> None:
        """Switch off and undo everything; patches that cannot be undone become pass-through."""
        with self._lock:
            self._closed = True
            waiting, self._waiting = self._waiting, []
            families, self._families = self._families, []
            self._journal.enabled = False
            self._journal.undo()
            for family in families:
                family.forget()
            self._followed.clear()
        for each in waiting:
            each.cancel()

    def waits(self) -> bool:
        """Whether some target's module has not been imported yet."""
        return any(not target.found and len(target.missed) < len(target.places) for target in self._targets)

    # -- targets

    def arrived(self, framework: ModuleType) -> None:
        """The framework's top package has been imported, or reloaded."""
        if self._of_framework:
            self._arrived(self._of_framework, framework)

    def _arrived(self, targets: list[_Target], module: ModuleType) -> None:
        # looking up comes before the lock: a lazy module may import something, and another thread's import may be
        # waiting for the lock
        found = [(target, list(self._look_up(target, module))) for target in targets]
        with self._lock:
            if self._closed:
                return
            with self._service.guard.step(f"patching {module.__name__}") as step, self._journal.transaction():
                for target, things in found:
                    for owner, name in things:
                        self._install(target, owner, name)
        if step.failed:
            self._service.break_down(f"patching {module.__name__} failed")

    def _look_up(self, target: _Target, module: ModuleType) -> Iterator[tuple[Any, str]]:
        if target.found and target.found != module.__name__:
            return
        paths = [path for place, path in target.places if place == module.__name__]
        for path in paths:
            if path == "*":
                target.found = module.__name__
                yield from ((module, name) for name in _public_functions(module))
                return
            owner, name = _resolve(module, path)
            if owner is not _MISSING:
                target.found = module.__name__
                yield owner, name
                return
        target.missed.add(module.__name__)
        if len(target.missed) == len({place for place, _ in target.places}) and not target.optional:
            self.missing[target.text] = f"{module.__name__} has no {' and no '.join(paths)}"

    def _install(self, target: _Target, owner: Any, name: str) -> None:
        if target.methods:
            self._families.append(_Family(self, target.seam, getattr(owner, name), target.methods))
            self._families[-1].walk()
            self._follow(getattr(owner, name))
            return
        self._patch(owner, name, target.seam, None, target.text, optional=target.optional)

    def _patch(self, owner: Any, name: str, seam: Seam, base: type | None, text: str, *, optional: bool) -> None:
        label = f"{seam.name}: {text}"
        try:
            patch = self._journal.install(owner, name, handler_of(self._service, seam, base), label=label)
        except IntegrationError as fault:  # a constant, a class, a property: nothing to patch
            if not optional:
                self.missing[text] = str(fault)
            return
        if patch.label != label and patch.label.partition(":")[0] != seam.name:
            self.missing[text] = f"the seam {patch.label} has the same function; one integration may patch it once"

    def check_modules(self) -> None:
        """Look whether modules that were waited for exist at all, without importing anything."""
        for target in self._targets:
            if target.found or target.optional or target.text in self.missing:
                continue
            unseen = [module for module, _ in target.places if module not in target.missed]
            if unseen and not any(_exists(module) for module in unseen):
                self.missing[target.text] = f"there is no module {', '.join(unseen)}"

    # -- classes

    def _follow(self, base: type) -> None:
        """See every class that will be derived from `base`."""
        if base in self._followed:
            return
        self._followed.add(base)
        owner = next(each for each in base.__mro__ if "__init_subclass__" in vars(each))
        if owner is object:
            self._families[-1].add_hook(partial(_subclass_hook, self, base))
            return
        self._journal.install(owner, "__init_subclass__", self._on_subclass, label="classes defined later")

    def _on_subclass(self, wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        __tracebackhide__ = True
        result = wrapped(*args, **kwargs)
        self.derived(instance)
        return result

    def derived(self, cls: type) -> None:
        """A class has been defined just now."""
        with self._service.guard.step("a new class"), self._lock:
            if not self._closed:
                for family in self._families:
                    family.take(cls)

    def walk_again(self, *, everything: bool = False) -> None:
        """Take in classes that were defined without notice. Cheap unless `everything` is asked for."""
        with self._lock:
            for family in self._families if not self._closed else ():
                if everything:
                    family.walk(again=True)
                else:
                    family.walk_unseen()

    def renew_lock(self) -> None:
        """In a forked child: the thread that held the lock does not exist there."""
        self._lock = threading.RLock()

    def patch_method(self, family: _Family, owner: type, name: str) -> None:
        """Patch one method where it is defined."""
        label = f"{family.base.__module__}:{family.base.__qualname__}"
        self._patch(owner, name, family.seam, family.base, label, optional=True)

    def is_ours(self, cls: type) -> bool:
        """Whether this integration, and no other, answers for a class."""
        return self._service.owns(cls)


class _Family:
    """The methods of a class and of everything derived from it."""

    def __init__(self, installation: Installation, seam: Seam, base: type, methods: tuple[str, ...]) -> None:
        self._installation = installation
        self.seam = seam
        self.base = base
        self.methods = methods
        self._taken: weakref.WeakSet[type] = weakref.WeakSet()
        self._unseen: weakref.WeakSet[type] = weakref.WeakSet()
        self._hook: classmethod[Any, Any, Any] | None = None

    def walk(self, *, again: bool = False) -> None:
        """Take the base and all its subclasses."""
        if again:
            self._taken.clear()
        self._walk_from(self.base)

    def walk_unseen(self) -> None:
        """Take subclasses of those classes that keep their definition to themselves."""
        for cls in list(self._unseen):
            self._walk_from(cls)

    def _walk_from(self, root: type) -> None:
        classes = [root]
        seen = {root}
        while classes:
            cls = classes.pop()
            self.take(cls)
            derived: type
            for derived in type.__subclasses__(cls):
                if derived not in seen:
                    seen.add(derived)
                    classes.append(derived)

    def take(self, cls: type) -> None:
        """Patch the methods of one class, each where it is defined: in the class, a base or a mixin."""
        if not issubclass(cls, self.base):
            return
        for owner in cls.__mro__[:-1]:
            if owner in self._taken:
                continue
            self._taken.add(owner)
            own = vars(owner)
            if owner not in self.base.__mro__ and not _tells_on(own.get("__init_subclass__")):
                self._unseen.add(owner)
            if not any(name in own for name in self.methods) or not self._installation.is_ours(owner):
                continue
            for name in self.methods:
                if name in own:
                    self._installation.patch_method(self, owner, name)

    def add_hook(self, make: Any) -> None:
        """Give the base a notice of new subclasses, where it has none to patch."""
        self._hook = make()
        self.base.__init_subclass__ = self._hook  # type: ignore[assignment]  # what the language calls it

    def forget(self) -> None:
        """Take the notice away again."""
        if self._hook is not None and vars(self.base).get("__init_subclass__") is self._hook:
            del self.base.__init_subclass__
        self._hook = None


def _tells_on(hook: Any) -> bool:
    """Whether a class's `__init_subclass__` calls that of its bases, so that ours hears of the new class."""
    if hook is None:
        return True
    code = getattr(getattr(hook, "__func__", hook), "__code__", None)
    return code is not None and "__init_subclass__" in code.co_names


def _subclass_hook(installation: Installation, base: Any) -> classmethod[Any, Any, Any]:
    def __init_subclass__(cls: Any, /, **kwargs: Any) -> None:  # noqa: N807  what the language calls it
        super(base, cls).__init_subclass__(**kwargs)
        installation.derived(cls)

    return classmethod(__init_subclass__)


def _public_functions(module: ModuleType) -> list[str]:
    listed = getattr(module, "__all__", None)
    names = [name for name in vars(module) if not name.startswith("_")] if listed is None else list(listed)
    functions = []
    for name in names:
        value = vars(module).get(name)
        if isinstance(value, FunctionType) and (listed is not None or value.__module__ == module.__name__):
            functions.append(name)
    return functions


def _resolve(module: ModuleType, path: str) -> tuple[Any, str]:
    *owners, name = path.split(".")
    owner: Any = module
    for part in owners:
        owner = getattr(owner, part, _MISSING)
        if owner is _MISSING:
            return _MISSING, name
    return (_MISSING if getattr(owner, name, _MISSING) is _MISSING else owner), name


def _exists(module: str) -> bool:
    """Whether a module could be imported, found out without importing anything, its parents included."""
    if module in sys.modules:
        return True
    parent, _, _ = module.rpartition(".")
    path = None
    if parent:
        if parent not in sys.modules:
            return _exists(parent)  # as far as can be said
        path = getattr(sys.modules[parent], "__path__", None)
        if path is None:
            return False
    try:
        return PathFinder.find_spec(module, path) is not None or module in sys.builtin_module_names
    except (ImportError, AttributeError, TypeError, ValueError):
        return False
