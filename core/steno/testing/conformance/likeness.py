"""How two objects differ, to the bit and without asking their own `==`."""

from __future__ import annotations

import struct
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

__all__ = ["differences"]

_PLAIN = (int, str, bytes, complex, type(None), type(Ellipsis), type, FunctionType, BuiltinFunctionType, ModuleType)
_MOST = 50
_DEEPEST = 60


def differences(one: Any, other: Any) -> dict[str, str]:
    """Where two objects differ: what to follow from the object to the place, and both values there; {} if nowhere.

    Objects are taken apart as pickle does it, so that what an extension keeps in C is compared too.
    """
    comparison = _Comparison()
    comparison.compare("it", one, other, 0)
    return comparison.found


class _Comparison:
    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._seen: dict[tuple[int, int], tuple[Any, Any]] = {}

    def _note(self, path: str, one: Any, other: Any) -> None:
        self.found[path] = f"{_short(one)} and {_short(other)}"

    def compare(self, path: str, one: Any, other: Any, depth: int) -> None:
        if one is other or depth > _DEEPEST or len(self.found) >= _MOST or (id(one), id(other)) in self._seen:
            return
        self._seen[id(one), id(other)] = (one, other)  # kept alive, so that no address is used twice
        if type(one) is not type(other):
            self._note(path, one, other)
        elif isinstance(one, float):
            if struct.pack("d", one) != struct.pack("d", other):
                self._note(path, one, other)
        elif isinstance(one, _PLAIN):
            if one != other:
                self._note(path, one, other)
        elif isinstance(one, np.ndarray | np.generic):
            self._compare_arrays(path, one, other, depth)
        elif type(one) is dict:
            self._compare_mappings(path, one, other, depth)
        elif type(one) in (list, tuple):
            self._compare_sequences(path, one, other, depth)
        elif isinstance(one, set | frozenset):
            if set(map(repr, one)) != set(map(repr, other)):
                self._note(path, one, other)
        else:
            self._compare_objects(path, one, other, depth)

    def _compare_arrays(self, path: str, one: Any, other: Any, depth: int) -> None:
        if one.dtype != other.dtype or one.shape != other.shape:
            self._note(path, (one.dtype, one.shape), (other.dtype, other.shape))
        elif one.dtype.hasobject:
            self.compare(f"{path}[...]", one.tolist(), other.tolist(), depth + 1)
        elif one.tobytes() != other.tobytes():
            self._note(path, one, other)

    def _compare_mappings(self, path: str, one: dict[Any, Any], other: dict[Any, Any], depth: int) -> None:
        keys, counterparts = list(map(repr, one)), list(map(repr, other))
        if keys != counterparts:
            mine = [key for key in keys if key not in counterparts]
            theirs = [key for key in counterparts if key not in keys]
            self._note(f"{path} keys", *((mine, theirs) if mine or theirs else (keys, counterparts)))
            return
        for (key, value), counterpart in zip(one.items(), other.values(), strict=True):
            self.compare(f"{path}[{key!r}]", value, counterpart, depth + 1)

    def _compare_sequences(self, path: str, one: Any, other: Any, depth: int) -> None:
        if len(one) != len(other):
            self._note(f"{path} length", len(one), len(other))
            return
        for number, (value, counterpart) in enumerate(zip(one, other, strict=True)):
            self.compare(f"{path}[{number}]", value, counterpart, depth + 1)

    def _compare_objects(self, path: str, one: Any, other: Any, depth: int) -> None:
        if isinstance(one, MethodType):
            self.compare(f"{path}.__func__", one.__func__, other.__func__, depth + 1)
            self.compare(f"{path}.__self__", one.__self__, other.__self__, depth + 1)
            return
        parts, counterparts = _parts(one), _parts(other)
        for name in dict.fromkeys((*parts, *counterparts)):
            if name not in parts or name not in counterparts:
                self._note(f"{path}.{name}", parts.get(name, "nothing"), counterparts.get(name, "nothing"))
            else:
                self.compare(f"{path}.{name}", parts[name], counterparts[name], depth + 1)


def _parts(thing: Any) -> dict[str, Any]:
    """What an object is made of: what pickle would write of it, else its attributes."""
    try:
        reduced: Any = thing.__reduce_ex__(4)
    except (TypeError, ValueError, AttributeError, RuntimeError, NotImplementedError):
        return dict(getattr(thing, "__dict__", {}))
    if isinstance(reduced, str):
        return {"name": reduced}
    whole: list[Any] = [*reduced, None, None, None]
    arguments, state, items, pairs = whole[1:5]
    parts: dict[str, Any] = {"arguments": arguments}
    if isinstance(state, dict) and all(isinstance(key, str) for key in state):
        parts |= state
    elif state is not None:
        parts["state"] = state
    if items is not None:
        parts["items"] = list(items)
    if pairs is not None:
        parts["pairs"] = list(pairs)
    return parts


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
