"""What is recorded, as frozen values: experiment, run, metric, param, dataset, logged model.

Each turns itself into the JSON form of MLflow's protobuf messages and back (`to_json`, `from_json`): status as
its name, times in milliseconds since 1970, NaN and infinities as the strings `"NaN"`, `"Infinity"`, `"-Infinity"`
(protobuf's JSON mapping, https://protobuf.dev/programming-guides/json/).
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, Self, TypeVar

__all__ = [
    "DEFAULT_EXPERIMENT_ID",
    "Dataset",
    "DatasetInput",
    "Experiment",
    "LifecycleStage",
    "LoggedModel",
    "Metric",
    "ModelInput",
    "ModelOutput",
    "Page",
    "Param",
    "ParamKind",
    "ParamValue",
    "Run",
    "RunData",
    "RunInfo",
    "RunInputs",
    "RunOutputs",
    "RunStatus",
    "ViewType",
    "json_number",
    "number_from_json",
]

DEFAULT_EXPERIMENT_ID = "0"

T = TypeVar("T")
Json = dict[str, Any]
RunStatus = Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]
LifecycleStage = Literal["active", "deleted"]
ParamKind = Literal["str", "int", "float", "bool", "none", "literal"]


class ViewType:
    """Which life-cycle stages a search returns. Values are MLflow's."""

    ACTIVE_ONLY = 1
    DELETED_ONLY = 2
    ALL = 3


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


_READ: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "str": str,
        "int": int,
        "float": float,
        "bool": lambda text: text == "True",
        "none": lambda _text: None,
        "literal": ast.literal_eval,
    }
)


class ParamValue(str):
    """A param's value: the text that MLflow would show, which also knows the value it was made from.

    It compares, sorts and prints as text, as code written for MLflow expects; `.value` has the type back.

    >>> lr = ParamValue.of(0.1)
    >>> lr == "0.1", lr.value, lr.kind
    (True, 0.1, 'float')
    """

    __slots__ = ("kind",)
    kind: ParamKind

    def __new__(cls, text: str, kind: ParamKind = "str") -> Self:
        """Of a text whose kind is known."""
        self = super().__new__(cls, text)
        self.kind = kind
        return self

    def __reduce__(self) -> tuple[type[Self], tuple[str, ParamKind]]:
        return type(self), (str(self), self.kind)

    @classmethod
    def of(cls, value: Any) -> Self:
        """The param value of any object: numbers, booleans, None and literal containers keep their type.

        Raises:
            Exception: whatever the object's own `__str__` raises; callers decide what that means.
        """
        if isinstance(value, cls):
            return value
        kind = type(value)
        if kind is str:
            return cls(value, "str")
        if kind is bool:
            return cls(str(value), "bool")
        if kind is int or kind is float:
            return cls(repr(value), "int" if kind is int else "float")
        if value is None:
            return cls("None", "none")
        item = getattr(value, "item", None)
        if kind.__module__ == "numpy" and item is not None and getattr(value, "ndim", 1) == 0:
            return cls.of(item())
        text = str(value)
        return cls(text, "literal" if kind in (list, tuple, dict, set) and _is_literal(text, value) else "str")

    @property
    def value(self) -> Any:
        """The value with its type: int, float, bool, None, list, tuple, dict, set or str."""
        return _READ[self.kind](str(self))

    @property
    def number(self) -> float | None:
        """The value as a float where it is a number, or text that reads as one; None elsewhere."""
        if self.kind in ("none", "literal", "bool"):
            return None
        try:
            return float(self)
        except (ValueError, OverflowError):
            return None


def _is_literal(text: str, value: Any) -> bool:
    if len(text) > 100_000:  # the parser's memory grows with depth and length; the text is whole either way
        return False
    try:
        return bool(ast.literal_eval(text) == value)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return False


@dataclass(frozen=True, slots=True)
class Metric:
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


@dataclass(frozen=True, slots=True)
class Param:
    """One param of a run. `value` is a `ParamValue`: text with a type."""

    key: str
    value: ParamValue

    def to_json(self) -> Json:
        """MLflow's `Param` message, with the value's kind beside it where it is not text."""
        data: Json = {"key": self.key, "value": str(self.value)}
        if self.value.kind != "str":
            data["kind"] = self.value.kind
        return data

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """The inverse of `to_json`; a plain MLflow param reads as text."""
        return cls(data["key"], ParamValue(data["value"], data.get("kind", "str")))


@dataclass(frozen=True, slots=True)
class Experiment:
    """A named collection of runs."""

    experiment_id: str
    name: str
    artifact_location: str = ""
    lifecycle_stage: LifecycleStage = "active"
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
            "tags": _pairs(self.tags),
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
            _from_pairs(data.get("tags", ())),
            _optional_int(data.get("creation_time")),
            _optional_int(data.get("last_update_time")),
        )


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What identifies a run and how it stands. Times are milliseconds since 1970."""

    run_id: str
    run_name: str
    experiment_id: str
    user_id: str = ""
    status: RunStatus = "RUNNING"
    start_time: int = 0
    end_time: int | None = None
    artifact_uri: str = ""
    lifecycle_stage: LifecycleStage = "active"

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
            _optional_int(data.get("end_time")),
            data.get("artifact_uri", ""),
            data.get("lifecycle_stage", "active"),
        )


@dataclass(frozen=True, slots=True)
class RunData:
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

    def to_json(self) -> Json:
        """MLflow's `RunData` message."""
        return {
            "metrics": [point.to_json() for point in self.latest.values()],
            "params": [Param(key, value).to_json() for key, value in self.params.items()],
            "tags": _pairs(self.tags),
        }

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """The inverse of `to_json`."""
        points = [Metric.from_json(row) for row in data.get("metrics", ())]
        params = [Param.from_json(row) for row in data.get("params", ())]
        return cls(
            {point.key: point for point in points},
            {param.key: param.value for param in params},
            _from_pairs(data.get("tags", ())),
        )


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a run was trained or evaluated on. Never holds rows.

    Attributes:
        name: the variable's name, or "dataset".
        digest: hash over all the data.
        source_type: where it came from, MLflow's word ("code" when it was in memory).
        source: JSON text describing the source.
        schema: JSON text of the columns, MLflow's form.
        profile: JSON text of what was counted (rows, columns, missing).
    """

    name: str
    digest: str
    source_type: str = "code"
    source: str = "{}"
    schema: str | None = None
    profile: str | None = None

    def to_json(self) -> Json:
        """MLflow's `Dataset` message."""
        data: Json = {"name": self.name, "digest": self.digest, "source_type": self.source_type, "source": self.source}
        if self.schema is not None:
            data["schema"] = self.schema
        if self.profile is not None:
            data["profile"] = self.profile
        return data

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """The inverse of `to_json`."""
        return cls(
            data["name"],
            data["digest"],
            data.get("source_type", "code"),
            data.get("source", "{}"),
            data.get("schema"),
            data.get("profile"),
        )


@dataclass(frozen=True, slots=True)
class DatasetInput:
    """A dataset as one run used it; the tag `mlflow.data.context` says what for."""

    dataset: Dataset
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def context(self) -> str | None:
        """What the run used the dataset for: "train", "eval"."""
        return self.tags.get("mlflow.data.context")

    def to_json(self) -> Json:
        """MLflow's `DatasetInput` message."""
        return {"tags": _pairs(self.tags), "dataset": self.dataset.to_json()}

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """The inverse of `to_json`."""
        return cls(Dataset.from_json(data["dataset"]), _from_pairs(data.get("tags", ())))


@dataclass(frozen=True, slots=True)
class ModelInput:
    """A logged model that a run read."""

    model_id: str


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """A logged model that a run made, and at which step."""

    model_id: str
    step: int = 0


@dataclass(frozen=True, slots=True)
class RunInputs:
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
class RunOutputs:
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
class Run:
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


@dataclass(frozen=True, slots=True)
class LoggedModel:
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
                "tags": _pairs(self.tags),
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
            _from_pairs(info.get("tags", ())),
        )


class Page(list[T]):
    """A page of results: a list that knows whether there is more.

    Attributes:
        token: pass it as `page_token` to get the next page; None on the last one.
    """

    def __init__(self, items: Sequence[T] = (), token: str | None = None) -> None:
        super().__init__(items)
        self.token = token


def _pairs(items: Mapping[str, str]) -> list[Json]:
    return [{"key": key, "value": value} for key, value in items.items()]


def _from_pairs(rows: Sequence[Json]) -> dict[str, str]:
    return {row["key"]: row.get("value", "") for row in rows}


def _optional_int(value: Any) -> int | None:
    return None if value is None else int(value)
