"""A logged model, and how runs refer to one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

from steno.entities.entity import Entity
from steno.entities.json import Json, from_pairs, pairs

__all__ = ["LoggedModel", "LoggedModelInput", "LoggedModelOutput", "ModelInput", "ModelOutput"]


@dataclass(frozen=True, slots=True)
class ModelInput(Entity):
    """A logged model that a run read."""

    model_id: str


@dataclass(frozen=True, slots=True)
class ModelOutput(Entity):
    """A logged model that a run made, and at which step."""

    model_id: str
    step: int = 0


LoggedModelInput = ModelInput
"""MLflow's name."""
LoggedModelOutput = ModelOutput
"""MLflow's name."""


@dataclass(frozen=True, slots=True)
class LoggedModel(Entity):
    """A model that a run saved. An entity of its own, as in MLflow 3.

    Attributes:
        model_id: "m-" and 32 hexadecimal digits.
        name: the name under which the run knows it, unique within the run.
        source_run_id: the run that made it.
        artifact_location: URI of the model's folder.
        status: "PENDING" while it is written, "READY" when whole, "FAILED".
        model_type: MLflow's word for the flavor that made it.
    """

    model_id: str
    name: str
    experiment_id: str
    source_run_id: str | None = None
    artifact_location: str = ""
    creation_timestamp: int = 0
    last_updated_timestamp: int = 0
    status: Literal["PENDING", "READY", "FAILED"] = "READY"
    model_type: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def model_uri(self) -> str:
        """What any `load_model` takes."""
        return f"models:/{self.model_id}"

    def to_json(self) -> Json:
        """MLflow's `LoggedModel` message."""
        return {
            "info": {
                "model_id": self.model_id,
                "name": self.name,
                "experiment_id": self.experiment_id,
                "source_run_id": self.source_run_id,
                "artifact_uri": self.artifact_location,
                "creation_timestamp_ms": self.creation_timestamp,
                "last_updated_timestamp_ms": self.last_updated_timestamp,
                "status": f"LOGGED_MODEL_{self.status}",
                "model_type": self.model_type,
                "tags": pairs(self.tags),
            }
        }

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """The inverse of `to_json`."""
        info = data["info"]
        return cls(
            info["model_id"],
            info["name"],
            str(info["experiment_id"]),
            info.get("source_run_id"),
            info.get("artifact_uri", ""),
            int(info.get("creation_timestamp_ms", 0)),
            int(info.get("last_updated_timestamp_ms", 0)),
            info.get("status", "LOGGED_MODEL_READY").removeprefix("LOGGED_MODEL_"),
            info.get("model_type", ""),
            from_pairs(info.get("tags", ())),
        )
