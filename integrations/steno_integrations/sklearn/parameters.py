"""Params of an estimator as people read them: numbers stay numbers, data never gets in, no memory addresses."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Mapping
from typing import Any

from steno_integrations.sklearn.generators import at_rest

__all__ = ["params_of", "readable"]

_PLAIN = (str, int, float, bool, type(None))
_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")
_LONGEST_CONTAINER = 1000
_LONGEST_ARRAY = 100
_DEEPEST = 6


def params_of(estimator: Any) -> dict[str, Any]:
    """`get_params(deep=True)` as they stand now; inner estimators' params are named by their path."""
    with at_rest(estimator):
        return {name: readable(value) for name, value in estimator.get_params(deep=True).items()}


def readable(value: Any) -> Any:
    """The value itself where it is a number, text, or a short container of such; else a text that says what it is."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind in (list, tuple, set, dict) and len(value) <= _LONGEST_CONTAINER and _is_plain(value):
        return kind(value)  # a copy: the user may change theirs before it is written
    if kind.__module__ == "numpy" and hasattr(value, "tolist"):
        if getattr(value, "ndim", 0) == 0:
            return value.item()
        if value.ndim == 1 and value.size <= _LONGEST_ARRAY and value.dtype.kind in "biufU":
            return value.tolist()
    return _text(value, 0)


def _is_plain(value: Any) -> bool:
    items = [*value, *value.values()] if type(value) is dict else value
    return all(type(item) in _PLAIN for item in items)


def _text(value: Any, depth: int) -> str:
    kind = type(value)
    if kind in _PLAIN:
        return repr(value)
    if depth > _DEEPEST:
        return f"{kind.__name__}(...)"
    if kind in (list, tuple, set, frozenset, dict):
        return _container(value, depth)
    if inspect.isroutine(value) or hasattr(value, "__name__"):
        return _qualified(value)
    if isinstance(value, functools.partial):
        named = [*map(repr, value.args), *(f"{key}={_text(item, depth + 1)}" for key, item in value.keywords.items())]
        return f"partial({', '.join([_text(value.func, depth + 1), *named])})"
    if hasattr(value, "get_params"):
        return _estimator(value, depth)
    shape = getattr(value, "shape", None)
    if shape is not None:
        return _array(value, shape)
    if hasattr(value, "dist") and hasattr(value, "kwds"):  # a frozen distribution of scipy.stats
        return _distribution(value, depth)
    written: Any = kind.__repr__
    if written is object.__repr__:
        return f"{kind.__module__}.{kind.__qualname__}()"
    return _ADDRESS.sub("", repr(value))


def _container(value: Any, depth: int) -> str:
    kind = type(value)
    if len(value) > _LONGEST_CONTAINER:
        return f"{kind.__name__} of {len(value)}"
    if kind is dict:
        return (
            "{" + ", ".join(f"{_text(key, depth + 1)}: {_text(item, depth + 1)}" for key, item in value.items()) + "}"
        )
    items = [_text(item, depth + 1) for item in value]
    if kind is list:
        return f"[{', '.join(items)}]"
    if kind is tuple:
        return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
    return f"{kind.__name__}({{{', '.join(sorted(items))}}})" if items else f"{kind.__name__}()"


def _qualified(value: Any) -> str:
    name = getattr(value, "__qualname__", getattr(value, "__name__", type(value).__name__))
    module = getattr(value, "__module__", None) or type(value).__module__
    return f"{module}.{name}" if module and module != "builtins" else str(name)


def _array(value: Any, shape: Any) -> str:
    kind = type(value)
    if kind.__module__ == "numpy" and value.ndim == 0:
        return repr(value.item())
    if kind.__module__ == "numpy" and value.ndim == 1 and value.size <= _LONGEST_ARRAY and value.dtype.kind in "biufU":
        return repr(value.tolist())
    dtype = getattr(value, "dtype", None)
    return f"{kind.__name__}(shape={shape!r}{'' if dtype is None else f', dtype={dtype}'})"


def _distribution(value: Any, depth: int) -> str:
    given = [*(_text(item, depth + 1) for item in value.args)]
    given += [f"{key}={_text(item, depth + 1)}" for key, item in value.kwds.items()]
    return f"{getattr(value.dist, 'name', type(value.dist).__name__)}({', '.join(given)})"


def _estimator(value: Any, depth: int) -> str:
    """The class's name with the params that differ from their defaults: `SVC(C=10)`."""
    if isinstance(value, type):
        return _qualified(value)
    try:
        params: Mapping[str, Any] = value.get_params(deep=False)
    except (TypeError, AttributeError):  # an object that has get_params and is no estimator
        return type(value).__name__
    defaults = inspect.signature(type(value).__init__).parameters
    changed = [
        f"{name}={_text(item, depth + 1)}"
        for name, item in params.items()
        if name not in defaults or not _same(item, defaults[name].default)
    ]
    return f"{type(value).__name__}({', '.join(changed)})"


def _same(item: Any, default: Any) -> bool:
    if item is default:
        return True
    return (
        type(item) in _PLAIN
        and type(item) is type(default)
        and (item == default or (item != item and default != default))
    )
