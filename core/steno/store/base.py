"""The contract of a store: where runs are kept.

A store is told what happened by *records* (`steno.store.records`), many at a time, and is asked by the methods
below. `steno.store.memory.MemoryStore` is the reference: every other store gives the same answers.

**Writing.** `apply` takes records in the order in which they happened and applies them in one transaction: all or
nothing. It is told the journal and the position behind the last record; the store keeps that position in the same
transaction and ignores a batch whose position it has already passed. So a batch may be applied twice (after a lost
answer, a crash, by another process) and counts once. A record for a run that the store does not know is dropped and
reported back, never an error that loses the others.

**Latest value** of a metric is the greatest point by (step, timestamp, value), NaN below every number.
**A param** keeps its first value; another value for the same key is reported back as a rejection.
**A deleted** run or experiment keeps everything and is left out of searches. An experiment's name is free again as
soon as it is deleted.

**Threads and processes.** Every method may be called from any thread and from any number of processes at once. After
a fork the child must not use an inherited store: it calls `discard` and opens its own.

**Errors.** `StoreError` if the store cannot be read or written (locked for longer than `timeout_s`, full, corrupt,
unreachable), whatever the driver's own exception was; it is chained. `NotFoundError` for an unknown id.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steno.entities import Experiment, LoggedModel, Metric, Page, Run, ViewType

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from steno.store.records import Record

__all__ = ["Chart", "JournalPosition", "Rejection", "Series", "Store"]


@dataclass(frozen=True, slots=True)
class JournalPosition:
    """How far a journal has been applied: `offset` bytes of the journal `journal_id`."""

    journal_id: str
    offset: int


@dataclass(frozen=True, slots=True)
class Rejection:
    """One value that the store did not keep, and why. `logged + rejected == sent`.

    Attributes:
        count: how many values this speaks for: the points of a curve that was rejected whole.
    """

    run_id: str
    key: str
    reason: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Series:
    """The points of one metric, as three arrays of equal length, in order of (step, timestamp) as recorded.

    Attributes:
        steps: int64.
        timestamps: int64, milliseconds since 1970.
        values: float64.
    """

    key: str
    steps: NDArray[np.int64]
    timestamps: NDArray[np.int64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.values)

    def points(self) -> list[Metric]:
        """The same as `Metric` entities."""
        rows = zip(self.values.tolist(), self.timestamps.tolist(), self.steps.tolist(), strict=True)
        return [Metric(self.key, value, timestamp, step) for value, timestamp, step in rows]


@dataclass(frozen=True, slots=True)
class Chart:
    """A metric as a line of few points: arrays of equal length, one entry a bucket of neighbouring points.

    Attributes:
        steps: int64, the first step of the bucket; ascending.
        lows: float64, the least value in the bucket, NaN where it has nothing but NaN.
        highs: float64, the greatest.
    """

    key: str
    steps: NDArray[np.int64]
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.steps)


class Store(ABC):
    """Where runs are kept. See the module's text for what holds for every method."""

    uri: str

    # -- writing

    @abstractmethod
    def apply(
        self, records: Sequence[Record], *, position: JournalPosition | None = None, timeout_s: float = 60.0
    ) -> list[Rejection]:
        """Apply records in one transaction, exactly once for a given `position`.

        Raises:
            StoreError: nothing was applied.
        """

    @abstractmethod
    def journal_position(self, journal_id: str) -> int:
        """How many bytes of this journal have been applied; 0 if it is unknown."""

    @abstractmethod
    def forget_journal(self, journal_id: str) -> None:
        """The journal is gone: its position need not be kept any longer."""

    # -- experiments

    @abstractmethod
    def create_experiment(
        self, name: str, *, artifact_location: str | None = None, tags: Mapping[str, str] | None = None
    ) -> str:
        """Create an experiment and return its id.

        Raises:
            AlreadyExistsError: an active experiment has this name. Under concurrent calls exactly one creates it.
        """

    @abstractmethod
    def get_experiment(self, experiment_id: str) -> Experiment:
        """One experiment, deleted or not.

        Raises:
            NotFoundError: no such id.
        """

    @abstractmethod
    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """The active experiment of this name, else the last deleted one, else None."""

    @abstractmethod
    def search_experiments(
        self,
        *,
        filter_string: str = "",
        order_by: Sequence[str] = (),
        max_results: int = 1000,
        page_token: str | None = None,
        view_type: int = ViewType.ACTIVE_ONLY,
    ) -> Page[Experiment]:
        """One page of experiments, newest first unless ordered."""

    @abstractmethod
    def update_experiment(
        self,
        experiment_id: str,
        *,
        name: str | None = None,
        lifecycle_stage: str | None = None,
        tags: Mapping[str, str | None] | None = None,
    ) -> None:
        """Change what is not None; a tag of None is deleted. Deleting an experiment deletes its runs' view of it."""

    # -- runs

    @abstractmethod
    def get_run(self, run_id: str) -> Run:
        """One run, whole.

        Raises:
            NotFoundError: no such run.
        """

    @abstractmethod
    def search_runs(
        self,
        experiment_ids: Sequence[str],
        *,
        filter_string: str = "",
        order_by: Sequence[str] = (),
        max_results: int = 1000,
        page_token: str | None = None,
        view_type: int = ViewType.ACTIVE_ONLY,
    ) -> Page[Run]:
        """One page of runs, latest start first unless ordered.

        Of runs that are equal in the order the later created comes first; where times ascend, the earlier one.

        Raises:
            FilterError: the filter or the order does not parse.
        """

    @abstractmethod
    def count_runs(self, experiment_id: str, view_type: int = ViewType.ACTIVE_ONLY) -> int:
        """How many runs an experiment has."""

    @abstractmethod
    def metric_history(self, run_id: str, key: str) -> Series:
        """Every point of one metric of one run; empty if it has none."""

    @abstractmethod
    def chart(self, run_id: str, key: str, points: int = 2000) -> Chart:
        """One metric of one run as at most `points` values, spikes included: least and greatest by bucket."""

    # -- models

    @abstractmethod
    def get_logged_model(self, model_id: str) -> LoggedModel:
        """One logged model.

        Raises:
            NotFoundError: no such model.
        """

    @abstractmethod
    def logged_models(self, run_id: str) -> list[LoggedModel]:
        """The models that a run made, oldest first."""

    # -- life

    @abstractmethod
    def close(self) -> None:
        """Release connections. The store may be used again; it opens new ones."""

    @abstractmethod
    def discard(self) -> None:
        """Forget connections without touching them: what a forked child does with its parent's store."""
