"""One training: what identifies it, what it recorded, what went in and came out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from steno.entities.dataset import DatasetInput
from steno.entities.entity import Entity
from steno.entities.json import Json, from_pairs, optional_int, pairs
from steno.entities.metric import Metric
from steno.entities.model import ModelInput, ModelOutput
from steno.entities.param import Param, ParamValue
from steno.entities.stage import StageName
from steno.entities.status import StatusName

__all__ = ["Run", "RunData", "RunInfo", "RunInputs", "RunOutputs"]


@dataclass(frozen=True, slots=True)
class RunInfo(Entity):
    """What identifies a run and how it stands. Times are milliseconds since 1970."""

    run_id: str
    run_name: str
    experiment_id: str
    user_id: str = ""
    status: StatusName = "RUNNING"
    start_time: int = 0
    end_time: int | None = None
    artifact_uri: str = ""
    lifecycle_stage: StageName = "active"

    @property
    def run_uuid(self) -> str:
        """The id under MLflow's old name for it."""
        return self.run_id

    @property
    def duration_s(self) -> float | None:
        """Seconds from start to end; None while the run is going."""
        return None if self.end_time is None else (self.end_time - self.start_time) / 1000

    def to_json(self) -> Json:
        """MLflow's `RunInfo` message."""
        data: Json = {
            "run_id": self.run_id,
            "run_uuid": self.run_id,
            "run_name": self.run_name,
            "experiment_id": self.experiment_id,
            "user_id": self.user_id,
            "status": self.status,
            "start_time": self.start_time,
            "artifact_uri": self.artifact_uri,
            "lifecycle_stage": self.lifecycle_stage,
        }
        if self.end_time is not None:
            data["end_time"] = self.end_time
        return data

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """The inverse of `to_json`."""
        return cls(
            data.get("run_id") or data["run_uuid"],
            data.get("run_name", ""),
            str(data["experiment_id"]),
            data.get("user_id", ""),
            data.get("status", "RUNNING"),
            int(data.get("start_time", 0)),
            optional_int(data.get("end_time")),
            data.get("artifact_uri", ""),
            data.get("lifecycle_stage", "active"),
        )


@dataclass(frozen=True, slots=True)
class RunData(Entity):
    """What a run recorded: `metrics` (latest value by key), `params`, `tags`.

    Attributes:
        latest: the latest point of each metric: the greatest by (step, timestamp, value).
        params: value by key; see `ParamValue`.
        tags: text by key.
    """

    latest: Mapping[str, Metric] = field(default_factory=dict)
    params: Mapping[str, ParamValue] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, float]:
        """Latest value by key."""
        return {key: point.value for key, point in self.latest.items()}

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        yield from (("metrics", self.metrics), ("params", self.params), ("tags", self.tags))

    def to_json(self) -> Json:
        """MLflow's `RunData` message."""
        return {
            "metrics": [point.to_json() for point in self.latest.values()],
            "params": [Param(key, value).to_json() for key, value in self.params.items()],
            "tags": pairs(self.tags),
        }

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """The inverse of `to_json`."""
        points = [Metric.from_json(row) for row in data.get("metrics", ())]
        params = [Param.from_json(row) for row in data.get("params", ())]
        return cls(
            {point.key: point for point in points},
            {param.key: param.value for param in params},
            from_pairs(data.get("tags", ())),
        )


@dataclass(frozen=True, slots=True)
class RunInputs(Entity):
    """What went into a run."""

    dataset_inputs: Sequence[DatasetInput] = ()
    model_inputs: Sequence[ModelInput] = ()

    def to_json(self) -> Json:
        """MLflow's `RunInputs` message."""
        return {
            "dataset_inputs": [item.to_json() for item in self.dataset_inputs],
            "model_inputs": [{"model_id": item.model_id} for item in self.model_inputs],
        }

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """The inverse of `to_json`."""
        return cls(
            tuple(DatasetInput.from_json(row) for row in data.get("dataset_inputs", ())),
            tuple(ModelInput(row["model_id"]) for row in data.get("model_inputs", ())),
        )


@dataclass(frozen=True, slots=True)
class RunOutputs(Entity):
    """What came out of a run."""

    model_outputs: Sequence[ModelOutput] = ()

    def to_json(self) -> Json:
        """MLflow's `RunOutputs` message."""
        return {"model_outputs": [{"model_id": item.model_id, "step": item.step} for item in self.model_outputs]}

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """The inverse of `to_json`."""
        rows = data.get("model_outputs", ())
        return cls(tuple(ModelOutput(row["model_id"], int(row.get("step", 0))) for row in rows))


@dataclass(frozen=True, slots=True)
class Run(Entity):
    """One training: `info`, `data`, `inputs`, `outputs`."""

    info: RunInfo
    data: RunData = field(default_factory=RunData)
    inputs: RunInputs = field(default_factory=RunInputs)
    outputs: RunOutputs = field(default_factory=RunOutputs)

    def to_json(self) -> Json:
        """MLflow's `Run` message."""
        return {
            "info": self.info.to_json(),
            "data": self.data.to_json(),
            "inputs": self.inputs.to_json(),
            "outputs": self.outputs.to_json(),
        }

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """The inverse of `to_json`."""
        return cls(
            RunInfo.from_json(data["info"]),
            RunData.from_json(data.get("data", {})),
            RunInputs.from_json(data.get("inputs", {})),
            RunOutputs.from_json(data.get("outputs", {})),
        )
