"""What the user asked xgboost for, as values that can be written down; a snapshot, taken before the training."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from steno.plugin import Call

__all__ = ["of_call", "of_estimator", "of_fit", "plain", "qualified"]

_COLLECTORS = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
_PLAIN = (bool, int, float, str, bytes, type(None))
# What is recorded elsewhere (data, curves) or shows nothing but how much is printed.
_NO_PARAMS = frozenset({"params", "dtrain", "evals", "evals_result", "folds", "as_pandas", "show_stdv"})


def qualified(cls: type) -> str:
    """A class by module and name.

    >>> from fractions import Fraction
    >>> qualified(Fraction)
    'fractions.Fraction'
    """
    return f"{cls.__module__}.{cls.__qualname__}"


def plain(value: Any) -> Any:
    """The value itself where it can be written down, else the name of what it is. Never an address, never a reference.

    >>> plain({"objective": print, "eta": 0.1, "eval_metric": ["auc", max]})
    {'objective': 'print', 'eta': 0.1, 'eval_metric': ['auc', 'max']}
    """
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    name = getattr(value, "__name__", None)
    return name if isinstance(name, str) else type(value).__name__


def of_call(call: Call, resolved: Sequence[str]) -> dict[str, Any]:
    """Params of `train` and `cv`: the booster's, each argument that was given, and the named ones in any case."""
    given = call.arg("params")
    values = _booster_params(given) if given else {}
    for name, default in _defaults(call.function).items():
        value = call.arg(name, default)
        if name in resolved or (name not in _NO_PARAMS and value is not default):
            values[name] = plain(value)
    values.update(_patience(values, call.arg("callbacks")))
    return values


def _booster_params(given: Any) -> dict[str, Any]:
    """A dict, or pairs in which a metric may stand several times."""
    if isinstance(given, Mapping):
        return {str(key): plain(value) for key, value in given.items()}
    values: dict[str, Any] = {}
    for key, value in given:
        if key in values and key == "eval_metric":
            before = values[key]
            values[key] = [*(before if isinstance(before, list) else [before]), plain(value)]
        else:
            values[str(key)] = plain(value)
    return values


def _patience(values: Mapping[str, Any], callbacks: Any) -> dict[str, Any]:
    """The rounds of an `EarlyStopping` callback, under the name of the argument that means the same."""
    if values.get("early_stopping_rounds") is not None:
        return {}
    for callback in callbacks or ():
        rounds = getattr(callback, "rounds", None)
        if isinstance(rounds, int) and hasattr(callback, "stopping_history"):
            return {"early_stopping_rounds": rounds}
    return {}


@lru_cache(maxsize=64)
def _defaults(function: Callable[..., Any]) -> Mapping[str, Any]:
    return {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}


def of_estimator(model: Any) -> dict[str, Any]:
    """Params of one of the scikit-learn classes: what was set, and the number of rounds that it means.

    `get_params` is not called: it draws from a `random_state` that is a generator, which would change the training.
    """
    values = {name: getattr(model, name, None) for name in _constructor_names(type(model))}
    values.update(getattr(model, "kwargs", None) or {})
    missing = values.get("missing")
    if isinstance(missing, float) and math.isnan(missing):
        del values["missing"]
    found = {name: plain(value) for name, value in values.items() if value is not None}
    found.update(_patience(found, values.get("callbacks")))
    found["num_boost_round"] = model.get_num_boosting_rounds()
    return found


def _constructor_names(cls: type) -> list[str]:
    names: dict[str, None] = {}
    for base in cls.__mro__:
        init = vars(base).get("__init__")
        if inspect.isfunction(init):
            # Only xgboost's own are remembered: a class of the user's must be free to go.
            own = base.__module__.partition(".")[0] == "xgboost"
            names.update(dict.fromkeys(_remembered_arguments(init) if own else _arguments(init)))
    return list(names)


def _arguments(init: Callable[..., Any]) -> list[str]:
    parameters = list(inspect.signature(init).parameters.values())[1:]
    return [parameter.name for parameter in parameters if parameter.kind not in _COLLECTORS]


_remembered_arguments = lru_cache(maxsize=32)(_arguments)


def of_fit(call: Call) -> dict[str, Any]:
    """Params that are arguments of `fit`."""
    model = call.arg("xgb_model")
    return {} if model is None else {"xgb_model": plain(model)}
