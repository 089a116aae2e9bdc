"""What other tools do to a framework's functions: give them other code, or set a wrapper in their place."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from types import FunctionType
from typing import Any

from steno.autologging.owners import find, function_behind
from steno.autologging.trampoline import clone, trampoline

__all__ = ["Around", "Cover", "Swap", "swap_or_cover"]

# What stands around a call: `(original, args, kwargs) -> result`.
Around = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]

_NUMBERS = itertools.count()


class Swap:
    """A tool that gives a function other code, as ddtrace does; it knows nothing of us.

    Args:
        function: the function; every copy of it and every name for it is reached.
        around: stands around each call.
    """

    def __init__(self, function: FunctionType, around: Around) -> None:
        self._function = function
        self._original = clone(function)
        self._name = f"__foreign_{next(_NUMBERS)}__"
        original = self._original

        def enter(*args: Any, **kwargs: Any) -> Any:
            return around(original, args, kwargs)

        function.__globals__[self._name] = enter
        self._code = trampoline(function.__code__, self._name)
        function.__code__ = self._code

    def stands(self) -> bool:
        """Whether the function still has this tool's code."""
        return self._function.__code__ is self._code

    def undo(self) -> None:
        """Give the function back the code that it had before."""
        self._function.__code__ = self._original.__code__
        self._function.__globals__.pop(self._name, None)
        del self._original  # it keeps alive what it had found: somebody's code that may be gone by now


class Cover:
    """A tool that sets a wrapper on the owner, as most do.

    Args:
        owner: a module or a class.
        name: the attribute.
        around: stands around each call.
    """

    def __init__(self, owner: Any, name: str, around: Around) -> None:
        self._owner, self._name = owner, name
        self._own = name in vars(owner)
        original = self._original = find(owner, name)
        function = original.__func__ if isinstance(original, (staticmethod, classmethod)) else original

        @functools.wraps(function)
        def enter(*args: Any, **kwargs: Any) -> Any:
            return around(function, args, kwargs)

        kind = type(original) if isinstance(original, (staticmethod, classmethod)) else None
        self._standing = enter if kind is None else kind(enter)
        setattr(owner, name, self._standing)

    def stands(self) -> bool:
        """Whether this tool's wrapper is still in its place."""
        return vars(self._owner).get(self._name) is self._standing

    def undo(self) -> None:
        """Put back what stood there before."""
        if self._own:
            setattr(self._owner, self._name, self._original)
        else:
            delattr(self._owner, self._name)


def swap_or_cover(owner: Any, name: str, around: Around) -> Swap | Cover:
    """Stand around a function as close to it as can be: by its code if it has any, else in its place."""
    function = function_behind(owner, name, find(owner, name))
    return Cover(owner, name, around) if function is None else Swap(function, around)
