"""The JSON form of MLflow's protobuf messages: what every entity needs to write and read it.

NaN and infinities are the strings `"NaN"`, `"Infinity"`, `"-Infinity"` (protobuf's JSON mapping,
https://protobuf.dev/programming-guides/json/); tags are lists of key and value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["Json", "from_pairs", "json_number", "number_from_json", "optional_int", "pairs"]

Json = dict[str, Any]


def json_number(value: float) -> float | str:
    """A float as protobuf's JSON writes it: NaN and infinities become strings.

    >>> json_number(float("-inf"))
    '-Infinity'
    """
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def number_from_json(value: float | str) -> float:
    """The inverse of `json_number`.

    >>> number_from_json("Infinity")
    inf
    """
    return float(value)


def pairs(items: Mapping[str, str]) -> list[Json]:
    """Tags as MLflow's messages list them."""
    return [{"key": key, "value": value} for key, value in items.items()]


def from_pairs(rows: Sequence[Json]) -> dict[str, str]:
    """The inverse of `pairs`."""
    return {row["key"]: row.get("value", "") for row in rows}


def optional_int(value: Any) -> int | None:
    """An int where there is a value: protobuf's JSON may write int64 as text."""
    return None if value is None else int(value)
