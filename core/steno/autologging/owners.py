"""What stands at an attribute of a module, a class or an instance, and how it can be patched."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

import wrapt

from steno.autologging.trampoline import obstacle
from steno.autologging.wrapper import Wrapper, by_reference, unbound
from steno.errors import IntegrationError, shown

__all__ = ["chain", "delegates", "find", "function_behind", "is_own", "patchable", "pickled_by_value", "target"]

_MISSING: Any = object()
# Something that has every attribute would be wrapped without end.
_DEEPEST = 100
_REFUSED = frozenset({"partialmethod", "cached_property", "member_descriptor", "getset_descriptor"})


def find(owner: object, name: str) -> Any:
    """The attribute as it is stored, not as it is bound.

    Raises:
        IntegrationError: if there is none.
    """
    places = owner.__mro__ if isinstance(owner, type) else (owner,)
    for place in places:
        found = getattr(place, "__dict__", {}).get(name, _MISSING)
        if found is not _MISSING:
            return found
    found = getattr(owner, name, _MISSING)
    if found is _MISSING:
        raise IntegrationError(f"{target(owner, name)} does not exist: name an attribute that {shown(owner)} has")
    return found


def function_behind(owner: object, name: str, original: Any) -> FunctionType | None:
    """The function to patch in place; None for what is patched by attribute.

    Args:
        owner: a module, a class or an instance.
        name: the attribute's name.
        original: what stands there, as `find` gives it.
    """
    if not isinstance(owner, (type, ModuleType)) or pickled_by_value(owner):
        return None
    if isinstance(owner, type) and name not in vars(owner):
        return None  # the function belongs to a base class, and to all its other children
    function = _bare(original)
    inner = _below_foreign(owner, function)
    # a foreign wrapper around what a base class defines: that one is shared with all its other children
    if inner is not function and isinstance(owner, type) and inner.__qualname__ != f"{owner.__qualname__}.{name}":
        inner = function
    # exactly: a foreign wrapt wrapper claims to be a function, and its `__code__` is another's
    return inner if type(inner) is FunctionType and obstacle(inner) is None else None


def is_own(owner: type | ModuleType, function: FunctionType) -> bool:
    """Whether a function is code of the owner's packages or the standard library's; anything else is foreign."""
    home = _package(function.__globals__.get("__name__"))
    if isinstance(owner, ModuleType):
        return home == _package(owner.__name__) or home in sys.stdlib_module_names
    return home in sys.stdlib_module_names or any(home == _package(each.__module__) for each in owner.__mro__)


def _package(module: object) -> str:
    return str(module).partition(".")[0]


def _bare(thing: Any) -> Any:
    """What is behind a descriptor."""
    if isinstance(thing, (staticmethod, classmethod)):
        return thing.__func__
    return thing.fn if delegates(thing) else thing


def chain(standing: Any) -> Iterator[Any]:
    """What stands somewhere, and what is under it, as far as wrappers tell: a framework's, another tool's, ours."""
    for _ in range(_DEEPEST):
        if standing is None:
            return
        standing = unbound(standing)
        yield standing
        standing = getattr(standing, "__wrapped__", None)


def _below_foreign(owner: type | ModuleType, thing: Any) -> Any:
    """The function under other tools' wrappers, as far as they tell: patched there, it outlives their coming and going.

    Tools of the standard library's kind (`contextmanager`, `lru_cache`) make something else of a function; they are no
    wrappers in this sense.
    """
    while type(thing) is not Wrapper:
        inner = _bare(getattr(thing, "__wrapped__", None))
        if inner is None:
            break
        if is_own(owner, thing) if type(thing) is FunctionType else not isinstance(thing, wrapt.BaseObjectProxy):
            break
        thing = inner
    return thing


def delegates(original: Any) -> bool:
    """Whether this is scikit-learn's `@available_if`: a descriptor that keeps its function in `fn`."""
    return type(original).__name__ in ("_AvailableIfDescriptor", "_IffHasAttrDescriptor")


def patchable(original: Any) -> bool:
    """Whether a wrapper can stand in for this attribute."""
    if isinstance(original, (type, property)) or type(original).__name__ in _REFUSED:
        return False
    return callable(original) or hasattr(original, "__get__")


def pickled_by_value(owner: object) -> bool:
    """Whether cloudpickle writes this class, or this module's functions, whole: every worker gets a copy of its own."""
    module = owner.__name__ if isinstance(owner, ModuleType) else getattr(owner, "__module__", None)
    if not isinstance(module, str) or module == "__main__" or module not in sys.modules:
        return True
    if isinstance(owner, type) and not by_reference(owner) and not _being_imported(owner):
        return True
    parents = {module[:end] for end in range(len(module) + 1) if end == len(module) or module[end] == "."}
    return any(
        not parents.isdisjoint(sys.modules[each].list_registry_pickle_by_value())
        for each in ("cloudpickle", "joblib.externals.cloudpickle")
        if hasattr(sys.modules.get(each), "list_registry_pickle_by_value")
    )


def _being_imported(owner: type) -> bool:
    """Whether the class's module is still running: a class is patched when it is made, before it gets its name."""
    spec = getattr(sys.modules.get(owner.__module__), "__spec__", None)
    return bool(getattr(spec, "_initializing", False)) and "<locals>" not in owner.__qualname__


def target(owner: object, name: str) -> str:
    """The attribute's place in words: `module:Qual.name`."""
    if isinstance(owner, ModuleType):
        return f"{owner.__name__}:{name}"
    kind = owner if isinstance(owner, type) else type(owner)
    return f"{kind.__module__}:{kind.__qualname__}.{name}"
