"""A param and its value: text with a type."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, Self

from steno.entities.entity import Entity
from steno.entities.json import Json

__all__ = ["Param", "ParamKind", "ParamValue"]

ParamKind = Literal["str", "int", "float", "bool", "none", "literal"]

_READ: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "str": str,
        "int": int,
        "float": float,
        "bool": lambda text: text == "True",
        "none": lambda _text: None,
        "literal": ast.literal_eval,
    }
)


class ParamValue(str):
    """A param's value: the text that MLflow would show, which also knows the value it was made from.

    It compares, sorts and prints as text, as code written for MLflow expects; `.value` has the type back.

    >>> lr = ParamValue.of(0.1)
    >>> lr == "0.1", lr.value, lr.kind
    (True, 0.1, 'float')
    """

    __slots__ = ("kind",)
    kind: ParamKind

    def __new__(cls, text: str, kind: ParamKind = "str") -> Self:
        """Of a text whose kind is known."""
        self = super().__new__(cls, text)
        self.kind = kind
        return self

    def __reduce__(self) -> tuple[type[Self], tuple[str, ParamKind]]:
        return type(self), (str(self), self.kind)

    @classmethod
    def of(cls, value: Any) -> Self:
        """The param value of any object: numbers, booleans, None and literal containers keep their type.

        Raises:
            Exception: whatever the object's own `__str__` raises; callers decide what that means.
        """
        if isinstance(value, cls):
            return value
        kind = type(value)
        if kind is str:
            return cls(value, "str")
        if kind is bool:
            return cls(str(value), "bool")
        if kind is int or kind is float:
            return cls(repr(value), "int" if kind is int else "float")
        if value is None:
            return cls("None", "none")
        item = getattr(value, "item", None)
        if kind.__module__ == "numpy" and item is not None and getattr(value, "ndim", 1) == 0:
            return cls.of(item())
        text = str(value)
        return cls(text, "literal" if kind in (list, tuple, dict, set) and _is_literal(text, value) else "str")

    @property
    def value(self) -> Any:
        """The value with its type: int, float, bool, None, list, tuple, dict, set or str."""
        return _READ[self.kind](str(self))

    @property
    def number(self) -> float | None:
        """The value as a float where it is a number, or text that reads as one; None elsewhere."""
        if self.kind in ("none", "literal", "bool"):
            return None
        try:
            return float(self)
        except (ValueError, OverflowError):
            return None


def _is_literal(text: str, value: Any) -> bool:
    if len(text) > 100_000:  # the parser's memory grows with depth and length; the text is whole either way
        return False
    try:
        return bool(ast.literal_eval(text) == value)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return False


@dataclass(frozen=True, slots=True)
class Param(Entity):
    """One param of a run. `value` is a `ParamValue`: text with a type; any other value is turned into one."""

    key: str
    value: ParamValue

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", ParamValue.of(self.value))

    def to_json(self) -> Json:
        """MLflow's `Param` message, with the value's kind beside it where it is not text."""
        data: Json = {"key": self.key, "value": str(self.value)}
        if self.value.kind != "str":
            data["kind"] = self.value.kind
        return data

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """The inverse of `to_json`; a plain MLflow param reads as text."""
        return cls(data["key"], ParamValue(data["value"], data.get("kind", "str")))
