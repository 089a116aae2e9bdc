"""A tag as an object, which MLflow's calls list tags by."""

from __future__ import annotations

from dataclasses import dataclass

from steno.entities.entity import Entity

__all__ = ["ExperimentTag", "InputTag", "RunTag"]


@dataclass(frozen=True, slots=True)
class _Tag(Entity):
    key: str
    value: str


class RunTag(_Tag):
    """A tag of a run, for `Client.log_batch`."""

    __slots__ = ()


class ExperimentTag(_Tag):
    """A tag of an experiment."""

    __slots__ = ()


class InputTag(_Tag):
    """A tag of a dataset as a run used it; `mlflow.data.context` says what for."""

    __slots__ = ()
