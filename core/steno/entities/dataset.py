"""What a run was trained or evaluated on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from steno.entities.entity import Entity
from steno.entities.json import Json, from_pairs, pairs

__all__ = ["Dataset", "DatasetInput"]


@dataclass(frozen=True, slots=True)
class Dataset(Entity):
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
class DatasetInput(Entity):
    """A dataset as one run used it; the tag `mlflow.data.context` says what for.

    Tags may be given as a list of `InputTag`, too.
    """

    dataset: Dataset
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given: Any = self.tags
        if not isinstance(given, Mapping):
            object.__setattr__(self, "tags", {tag.key: tag.value for tag in given or ()})

    @property
    def context(self) -> str | None:
        """What the run used the dataset for: "train", "eval"."""
        return self.tags.get("mlflow.data.context")

    def to_json(self) -> Json:
        """MLflow's `DatasetInput` message."""
        return {"tags": pairs(self.tags), "dataset": self.dataset.to_json()}

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """The inverse of `to_json`."""
        return cls(Dataset.from_json(data["dataset"]), from_pairs(data.get("tags", ())))
