"""One point of a metric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from steno.entities.entity import Entity
from steno.entities.json import Json, json_number, number_from_json

__all__ = ["Metric"]


@dataclass(frozen=True, slots=True)
class Metric(Entity):
    """One point of a metric.

    Attributes:
        key: name of the metric.
        value: any float, NaN and infinities included.
        timestamp: milliseconds since 1970.
        step: training iteration; may be negative.
    """

    key: str
    value: float
    timestamp: int
    step: int = 0

    def to_json(self) -> Json:
        """MLflow's `Metric` message."""
        return {"key": self.key, "value": json_number(self.value), "timestamp": self.timestamp, "step": self.step}

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """The inverse of `to_json`."""
        return cls(
            data["key"], number_from_json(data["value"]), int(data.get("timestamp", 0)), int(data.get("step", 0))
        )
