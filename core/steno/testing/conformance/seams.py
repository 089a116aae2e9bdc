"""The seams of the integration under test: named for the author, changed for a row, and followed to what they reach."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from steno.autologging.owners import find
from steno.plugin import ClassTarget, Integration, Seam

__all__ = ["UNCOPYABLE", "Hit", "changed", "described", "spied"]

# What copying or pickling an object that cannot be copied raises.
UNCOPYABLE = (TypeError, ValueError, AttributeError, RuntimeError, NotImplementedError, ImportError, pickle.PickleError)

SeamFunction = Callable[..., Any]


@dataclass(slots=True)
class Hit:
    """A call that a `@train` seam saw: which function, and with what.

    Attributes:
        owner: the module or class where the function stands.
        name: its name there.
        target: both, as `module:Qual.name`.
        instance: a copy of the instance as it was before the call, where that can be copied; else the instance itself.
        args: positional arguments.
        kwargs: keyword arguments.
    """

    owner: Any
    name: str
    target: str
    instance: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def function(self) -> Callable[..., Any]:
        """The function as a user reaches it: bound to a copy of the instance, if it is a method."""
        if self.instance is None or isinstance(self.instance, type):
            bound: Callable[..., Any] = getattr(self.owner, self.name)
            return bound
        with suppress(*UNCOPYABLE):
            return getattr(copy.deepcopy(self.instance), self.name)  # type: ignore[no-any-return]
        return getattr(self.instance, self.name)  # type: ignore[no-any-return]

    def of(self, model: Any) -> Callable[..., Any]:
        """The function as a user reaches it from a fitted model, where it is a method of such."""
        if isinstance(self.instance, type(model)) and not isinstance(model, type):
            bound: Callable[..., Any] = getattr(model, self.name)
            return bound
        return self.function()

    def again(self) -> Any:
        """Make the same call once more."""
        return self.function()(*self.args, **self.kwargs)

    def signature(self) -> inspect.Signature | None:
        """The function's parameters without `self`; None if it does not tell."""
        try:
            return inspect.signature(self.function())
        except (TypeError, ValueError):
            return None


def described(integration: Integration, kind: str = "") -> str:
    """The seams of one kind as an author finds them: decorator, targets, file and line; for no kind, the class."""
    cls = type(integration)
    found = [seam for seam in cls.seams if seam.kind == kind]
    if not found:
        lacking = f", which has no @{kind}" if kind else ""
        return f"class {cls.__name__} in {inspect.getsourcefile(cls) or cls.__module__}{lacking}"
    lines = []
    for seam in found:
        code = getattr(inspect.unwrap(seam.function), "__code__", None)
        place = f" ({Path(code.co_filename).name}:{code.co_firstlineno})" if code else ""
        lines.append(f"@{kind} target {', '.join(map(_text, seam.targets))}{place}")
    return "; ".join(lines)


def _text(target: str | ClassTarget) -> str:
    return f"{target.base}.{'/'.join(target.methods)}" if isinstance(target, ClassTarget) else target


@contextmanager
def changed(integration: Integration, change: Callable[[Seam], Seam]) -> Iterator[None]:
    """Every seam is what `change` makes of it, for who patches inside."""
    cls = type(integration)
    before = cls.seams
    cls.seams = tuple(change(seam) for seam in before)
    try:
        yield
    finally:
        cls.seams = before


@contextmanager
def spied(integration: Integration, places: Callable[[], list[str]]) -> Iterator[list[Hit]]:
    """What the `@train` seams see inside.

    Args:
        integration: the integration.
        places: gives the patched functions, as `module:Qual.name`.
    """
    hits: list[Hit] = []

    def spy(seam: Seam) -> Seam:
        if seam.kind != "train":
            return seam

        def spying(own: Any, call: Any) -> Any:
            hit = _hit(call, places())
            if hit is not None:
                hits.append(hit)
            return (yield from seam.function(own, call))

        return replace(seam, function=functools.wraps(seam.function)(spying), name=seam.name)

    with changed(integration, spy):
        yield hits


def _hit(call: Any, places: list[str]) -> Hit | None:
    function = getattr(call.function, "__func__", call.function)
    name = str(getattr(function, "__name__", ""))
    wanted = f"{getattr(function, '__module__', '')}:{getattr(function, '__qualname__', '')}"
    classes = type(call.self).__mro__ if call.self is not None else ()
    inherited = [f"{cls.__module__}:{cls.__qualname__}.{name}" for cls in classes if name in vars(cls)]
    target = next((place for place in (wanted, *inherited) if place in places), None)
    if target is None:
        target = next((place for place in places if place.rpartition(":")[2].rpartition(".")[2] == name), None)
    if target is None:
        return None
    module, _, path = target.partition(":")
    *owners, last = path.split(".")
    owner: Any = sys.modules[module]
    for part in owners:
        owner = getattr(owner, part)
    if find(owner, last) is None:
        return None
    instance = call.self
    with suppress(*UNCOPYABLE):
        instance = copy.deepcopy(call.self)
    return Hit(owner, last, target, instance, tuple(call.args), dict(call.kwargs))
