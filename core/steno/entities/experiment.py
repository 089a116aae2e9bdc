"""A named collection of runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from steno.entities.entity import Entity
from steno.entities.json import Json, from_pairs, optional_int, pairs
from steno.entities.stage import StageName

__all__ = ["DEFAULT_EXPERIMENT_ID", "Experiment"]

DEFAULT_EXPERIMENT_ID = "0"


@dataclass(frozen=True, slots=True)
class Experiment(Entity):
    """A named collection of runs."""

    experiment_id: str
    name: str
    artifact_location: str = ""
    lifecycle_stage: StageName = "active"
    tags: Mapping[str, str] = field(default_factory=dict)
    creation_time: int | None = None
    last_update_time: int | None = None

    def to_json(self) -> Json:
        """MLflow's `Experiment` message."""
        data: Json = {
            "experiment_id": self.experiment_id,
            "name": self.name,
            "artifact_location": self.artifact_location,
            "lifecycle_stage": self.lifecycle_stage,
            "tags": pairs(self.tags),
        }
        if self.creation_time is not None:
            data["creation_time"] = self.creation_time
        if self.last_update_time is not None:
            data["last_update_time"] = self.last_update_time
        return data

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """The inverse of `to_json`."""
        return cls(
            str(data["experiment_id"]),
            data["name"],
            data.get("artifact_location", ""),
            data.get("lifecycle_stage", "active"),
            from_pairs(data.get("tags", ())),
            optional_int(data.get("creation_time")),
            optional_int(data.get("last_update_time")),
        )
