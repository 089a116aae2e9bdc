"""What a plugin's author tests with: the kit that our own integrations are tested with.

The fixtures of `steno.testing.fixtures` come with every pytest of an environment that has steno; the classes here are
for subclassing::

    from steno.testing import Conformance

    class TestCatBoost(Conformance):
        integration = "catboost"

        def fit(self): ...
        def failing_fit(self): ...
        def predict(self, model): ...
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from steno.testing.conformance import Conformance
    from steno.testing.flavor_contract import FlavorContract
    from steno.testing.interpreter import Interpreter
    from steno.testing.isolation import IsolatedStore
    from steno.testing.standstill import SteadyIds, StillClock
    from steno.testing.store_contract import StoreContract

_HOMES = {
    "Conformance": "steno.testing.conformance",
    "FlavorContract": "steno.testing.flavor_contract",
    "Interpreter": "steno.testing.interpreter",
    "IsolatedStore": "steno.testing.isolation",
    "SteadyIds": "steno.testing.standstill",
    "StillClock": "steno.testing.standstill",
    "StoreContract": "steno.testing.store_contract",
}

__all__ = [
    "Conformance",
    "FlavorContract",
    "Interpreter",
    "IsolatedStore",
    "SteadyIds",
    "StillClock",
    "StoreContract",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'steno.testing' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
