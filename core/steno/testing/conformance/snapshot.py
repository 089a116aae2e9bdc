"""All functions of a framework as they stand, so that what patching has left behind can be named."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import CodeType, FunctionType, ModuleType
from typing import Any

__all__ = ["Snapshot"]

_KINDS = (staticmethod, classmethod)


class Snapshot:
    """Every attribute of the modules and classes of some packages: which object stands there, and with which code.

    Args:
        packages: names of top packages.
    """

    def __init__(self, packages: Iterable[str]) -> None:
        self._packages = frozenset(packages)
        self._places: dict[str, dict[str, Any]] = {}
        self._codes: dict[int, tuple[FunctionType, CodeType, frozenset[str]]] = {}
        for name, module in sorted(sys.modules.items()):
            if isinstance(module, ModuleType) and name.partition(".")[0] in self._packages:
                self._take(name, module)

    def _take(self, name: str, module: ModuleType) -> None:
        self._places[name] = dict(vars(module))
        for value in vars(module).values():
            self._take_code(value)
            if isinstance(value, type) and value.__module__.partition(".")[0] in self._packages:
                self._take_class(value)

    def _take_class(self, cls: type) -> None:
        place = f"{cls.__module__}:{cls.__qualname__}"
        if self._places.get(place) is None:
            self._places[place] = dict(vars(cls))
            for value in vars(cls).values():
                self._take_code(value)
                if isinstance(value, type) and value.__module__.partition(".")[0] in self._packages:
                    self._take_class(value)

    def _take_code(self, value: Any) -> None:
        function = value.__func__ if isinstance(value, _KINDS) else value
        if type(function) is FunctionType:
            self._codes[id(function)] = (function, function.__code__, frozenset(vars(function)))

    def changed(self) -> list[str]:
        """What is not as it was, in words; modules that were imported since are left alone."""
        now = Snapshot(self._packages)
        found: list[str] = []
        for place, attributes in self._places.items():
            found += _changes(place, attributes, now._places.get(place, {}))
        for function, code, names in self._codes.values():
            where = f"{function.__module__}:{function.__qualname__}"
            if function.__code__ is not code:
                found.append(f"{where} has other code")
            if frozenset(vars(function)) != names:
                found.append(f"{where} has other attributes: {sorted(set(vars(function)) ^ names)}")
        return sorted(set(found))


def _changes(place: str, before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    found = [f"{place}.{name} is new" for name in now.keys() - before.keys() if _counts(place, name, now[name])]
    for name, value in before.items():
        if name not in now:
            found.append(f"{place}.{name} is gone")
        elif now[name] is not value and _counts(place, name, value):
            found.append(f"{place}.{name} is another object")
    return found


def _counts(place: str, name: str, value: Any) -> bool:
    """Whether a change of this attribute can be a patch's: a class's always; of a module's, functions and our names."""
    if ":" in place:
        return not name.startswith(("_abc_", "__abstractmethods__"))
    return "steno" in name or isinstance(value, (type, FunctionType)) or callable(value)
