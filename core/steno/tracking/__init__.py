"""What is written down: the fluent API, the client, the recorder and its journal.

Code written for MLflow finds `MlflowClient`, `set_tracking_uri` and `get_tracking_uri` here, where MLflow has them too.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from steno.tracking.client import MlflowClient
    from steno.tracking.fluent import get_tracking_uri, set_tracking_uri

__all__ = ["MlflowClient", "get_tracking_uri", "set_tracking_uri"]

_HOMES = {
    "MlflowClient": "steno.tracking.client",
    "get_tracking_uri": "steno.tracking.fluent",
    "set_tracking_uri": "steno.tracking.fluent",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'steno.tracking' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
