"""Random generators that the user handed to an estimator: reading params must not advance them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["at_rest"]

_DEEPEST = 6


@contextmanager
def at_rest(estimator: Any) -> Iterator[None]:
    """Whatever draws from the estimator's generators inside is as if it had not.

    XGBoost's `get_params` draws a seed from a `random_state` that is a generator, at every call
    (https://github.com/dmlc/xgboost/blob/v3.2.0/python-package/xgboost/sklearn.py#L1072).
    """
    kept = [(generator, _state(generator)) for generator in _generators(estimator, 0)]
    try:
        yield
    finally:
        for generator, state in kept:
            _restore(generator, state)


def _generators(value: Any, depth: int) -> Iterator[Any]:
    if depth > _DEEPEST:
        return
    kind = type(value)
    if kind.__module__.startswith("numpy.random") and kind.__name__ in ("RandomState", "Generator"):
        yield value
    elif kind in (list, tuple):
        for item in value:
            yield from _generators(item, depth + 1)
    elif kind is dict:
        for item in value.values():
            yield from _generators(item, depth + 1)
    elif hasattr(value, "get_params") and not isinstance(value, type):
        for name, item in list(vars(value).items()):
            if not name.endswith("_"):  # what was learned is no param, and may be large
                yield from _generators(item, depth + 1)


def _state(generator: Any) -> Any:
    return generator.get_state(legacy=False) if hasattr(generator, "get_state") else generator.bit_generator.state


def _restore(generator: Any, state: Any) -> None:
    if hasattr(generator, "set_state"):
        generator.set_state(state)
    else:
        generator.bit_generator.state = state
