"""The reference store: plain Python objects in memory. Every other store gives the same answers."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from steno.clock import now
from steno.entities import (
    DEFAULT_EXPERIMENT_ID,
    Dataset,
    DatasetInput,
    Experiment,
    LoggedModel,
    Metric,
    ModelOutput,
    Page,
    ParamValue,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    StageName,
    ViewType,
)
from steno.errors import AlreadyExistsError, NotFoundError, shown
from steno.store import rules
from steno.store.base import Chart, JournalPosition, Rejection, Series, Store
from steno.store.columns import MetricRecord, transposed
from steno.store.meaning import experiment_matches, experiment_sort_key, run_matches, run_sort_key
from steno.store.paging import Position, checked_size, fingerprint, page_of
from steno.store.places import Places
from steno.store.records import (
    Curve,
    DatasetUsed,
    ModelLogged,
    Params,
    Point,
    Points,
    Record,
    RunCreated,
    RunUpdated,
    TagDeleted,
    Tags,
)
from steno.store.search import EXPERIMENTS, Field, Order, parse_filter, parse_order
from steno.store.series import buckets, in_order
from steno.store.text import experiment_name, storable

__all__ = ["MemoryStore"]


@dataclass
class _Run:
    info: RunInfo
    number: int
    series: dict[str, list[Metric]] = field(default_factory=dict)
    params: dict[str, ParamValue] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    datasets: dict[tuple[str, str, str], DatasetInput] = field(default_factory=dict)
    models: dict[str, ModelOutput] = field(default_factory=dict)


class MemoryStore(Store):
    """Runs in this process's memory.

    Args:
        root: the folder under which artifacts go by default; locations are relative paths without one.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.uri = "memory:"
        self._places = Places(root)
        self._lock = threading.RLock()
        self._runs: dict[str, _Run] = {}
        self._models: dict[str, LoggedModel] = {}
        self._journals: dict[str, int] = {}
        self._experiments: dict[str, Experiment] = {}
        self._deleted: list[str] = []  # experiments in the order of their deletion
        self._add_experiment("Default", None, {})

    # -- writing

    def apply(
        self, records: Sequence[Record], *, position: JournalPosition | None = None, timeout_s: float = 60.0
    ) -> list[Rejection]:
        """See `Store.apply`."""
        del timeout_s  # nobody else can hold this store
        with self._lock:
            if position is not None and self._journals.get(position.journal_id, 0) >= position.offset:
                return []
            rejections: list[Rejection] = []
            for record in records:
                rejections += self._one(record)
            if position is not None:
                self._journals[position.journal_id] = position.offset
            return rejections

    def _one(self, record: Record) -> list[Rejection]:
        if isinstance(record, RunCreated):
            return self._create_run(record)
        run = self._runs.get(storable(record.run_id))
        if run is None:
            return rules.unknown_run(record)
        match record:
            case RunUpdated():
                return _update(run, record)
            case Point() | Points() | Curve():
                return _add_points(run, record)
            case Params():
                return _add_params(run, record)
            case Tags():
                run.tags.update({storable(key): storable(value) for key, value in record.values.items()})
            case TagDeleted():
                run.tags.pop(storable(record.key), None)
            case DatasetUsed():
                _add_dataset(run, record)
            case ModelLogged():
                return self._add_model(run, record)
        return []

    def _create_run(self, record: RunCreated) -> list[Rejection]:
        run_id = storable(record.run_id)
        if run_id in self._runs:
            return []
        experiment = self._experiments.get(record.experiment_id)
        refused = rules.refused_run(record, known_experiment=experiment is not None)
        if refused is not None or experiment is None:
            return [refused] if refused is not None else []
        uri = self._places.told(self._places.kept(record.artifact_uri, ""))
        info = RunInfo(
            run_id,
            storable(record.name),
            experiment.experiment_id,
            storable(record.user_id),
            start_time=record.start_time,
            artifact_uri=uri or f"{experiment.artifact_location}/{run_id}/artifacts",
        )
        tags = {storable(key): storable(value) for key, value in record.tags.items()}
        self._runs[run_id] = _Run(info, len(self._runs) + 1, tags=tags)
        return []

    def _add_model(self, run: _Run, record: ModelLogged) -> list[Rejection]:
        refused = rules.refused_model(record)
        if refused is not None:
            return [refused]
        model_id = storable(record.model_id)
        model = self._models.get(model_id)
        if model is None:
            model = LoggedModel(
                model_id, "", run.info.experiment_id, run.info.run_id, creation_timestamp=record.created_at
            )
            run.models[model_id] = ModelOutput(model_id, record.step)
        self._models[model_id] = replace(
            model,
            name=storable(record.name),
            artifact_location=self._places.told(self._places.kept(record.artifact_location, "")),
            last_updated_timestamp=record.updated_at,
            status=cast("Any", record.status),
            model_type=storable(record.model_type),
            tags={**model.tags, **{storable(key): storable(value) for key, value in record.tags.items()}},
        )
        return []

    def journal_position(self, journal_id: str) -> int:
        """See `Store.journal_position`."""
        return self._journals.get(journal_id, 0)

    def forget_journal(self, journal_id: str) -> None:
        """See `Store.forget_journal`."""
        self._journals.pop(journal_id, None)

    # -- experiments

    def create_experiment(
        self, name: str, *, artifact_location: str | None = None, tags: Mapping[str, str] | None = None
    ) -> str:
        """See `Store.create_experiment`."""
        with self._lock:
            return self._add_experiment(experiment_name(name), artifact_location, tags or {})

    def _add_experiment(self, name: str, location: str | None, tags: Mapping[str, str]) -> str:
        self._claim(name)
        number, at = str(len(self._experiments) + int(DEFAULT_EXPERIMENT_ID)), now()
        uri = self._places.told(self._places.kept(location, f"./artifacts/{number}"))
        texts = {storable(key): storable(value) for key, value in tags.items()}
        self._experiments[number] = Experiment(number, name, uri, "active", texts, at, at)
        return number

    def _claim(self, name: str, but: str | None = None) -> None:
        for taken in self._experiments.values():
            if taken.name == name and taken.lifecycle_stage == "active" and taken.experiment_id != but:
                raise AlreadyExistsError(f"experiment name {shown(name)} is taken by id {taken.experiment_id}")

    def get_experiment(self, experiment_id: str) -> Experiment:
        """See `Store.get_experiment`."""
        if experiment_id not in self._experiments:
            raise rules.no_experiment(experiment_id)
        return self._experiments[experiment_id]

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """See `Store.get_experiment_by_name`."""
        named = [item for item in self._experiments.values() if item.name == storable(name)]
        active = [item for item in named if item.lifecycle_stage == "active"]
        named = active or sorted(named, key=lambda item: -self._deleted.index(item.experiment_id))
        return named[0] if named else None

    def search_experiments(
        self,
        *,
        filter_string: str = "",
        order_by: Sequence[str] = (),
        max_results: int = 1000,
        page_token: str | None = None,
        view_type: int = ViewType.ACTIVE_ONLY,
    ) -> Page[Experiment]:
        """See `Store.search_experiments`."""
        view_type = rules.checked_view(view_type)
        condition = parse_filter(filter_string, EXPERIMENTS)
        newest_first = (Order(Field("attribute", "creation_time"), descending=True),)
        order = parse_order(order_by, EXPERIMENTS) or newest_first
        items = [
            (Position(experiment_sort_key(order, item), int(item.experiment_id)), item)
            for item in self._experiments.values()
            if _in_view(item.lifecycle_stage, view_type) and experiment_matches(condition, item)
        ]
        search = fingerprint(filter_string, order, view_type)
        return page_of(items, order, checked_size(max_results), search, page_token)

    def update_experiment(
        self,
        experiment_id: str,
        *,
        name: str | None = None,
        lifecycle_stage: str | None = None,
        tags: Mapping[str, str | None] | None = None,
    ) -> None:
        """See `Store.update_experiment`."""
        with self._lock:
            before = self.get_experiment(experiment_id)
            stage = before.lifecycle_stage if lifecycle_stage is None else rules.checked_stage(lifecycle_stage)
            name = before.name if name is None else experiment_name(name)
            if stage == "active":
                self._claim(name, but=experiment_id)
            if stage != before.lifecycle_stage:
                self._deleted = [number for number in self._deleted if number != experiment_id]
                self._deleted += [experiment_id] if stage == "deleted" else []
            merged = {**before.tags, **{storable(key): value for key, value in (tags or {}).items()}}
            self._experiments[experiment_id] = replace(
                before,
                name=name,
                lifecycle_stage=cast("StageName", stage),
                tags={key: storable(value) for key, value in merged.items() if value is not None},
                last_update_time=now(),
            )

    # -- runs

    def get_run(self, run_id: str) -> Run:
        """See `Store.get_run`."""
        with self._lock:
            if storable(run_id) not in self._runs:
                raise rules.no_run(run_id)
            return self._entity(self._runs[storable(run_id)])

    def _entity(self, run: _Run) -> Run:
        info = run.info
        if self._experiments[info.experiment_id].lifecycle_stage == "deleted":
            info = replace(info, lifecycle_stage="deleted")
        data = RunData({key: _latest(points) for key, points in run.series.items()}, dict(run.params), dict(run.tags))
        inputs, outputs = RunInputs(tuple(run.datasets.values())), RunOutputs(tuple(run.models.values()))
        return Run(info, data, inputs, outputs)

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
        """See `Store.search_runs`."""
        view_type = rules.checked_view(view_type)
        condition = parse_filter(filter_string)
        order = parse_order(order_by) or (Order(Field("attribute", "start_time"), descending=True),)
        with self._lock:
            runs = [(self._entity(run), run.number) for run in self._runs.values()]
        items = [
            (Position(run_sort_key(order, run), number), run)
            for run, number in runs
            if run.info.experiment_id in experiment_ids
            and _in_view(run.info.lifecycle_stage, view_type)
            and run_matches(condition, run)
        ]
        search = fingerprint(sorted(experiment_ids), filter_string, order, view_type)
        return page_of(items, order, checked_size(max_results), search, page_token)

    def count_runs(self, experiment_id: str, view_type: int = ViewType.ACTIVE_ONLY) -> int:
        """See `Store.count_runs`."""
        with self._lock:
            infos = [self._entity(run).info for run in self._runs.values()]
        return sum(info.experiment_id == experiment_id and _in_view(info.lifecycle_stage, view_type) for info in infos)

    def metric_history(self, run_id: str, key: str) -> Series:
        """See `Store.metric_history`."""
        with self._lock:
            run = self._runs.get(storable(run_id))
            points = [] if run is None else list(run.series.get(storable(key), ()))
        steps = np.array([point.step for point in points], np.int64)
        timestamps = np.array([point.timestamp for point in points], np.int64)
        values = np.array([point.value for point in points], np.float64)
        return Series(key, *in_order(steps, timestamps, values))

    def chart(self, run_id: str, key: str, points: int = 2000) -> Chart:
        """See `Store.chart`."""
        series = self.metric_history(run_id, key)
        return Chart(key, *buckets(series.steps, series.values, max(1, points // 2)))

    # -- models

    def get_logged_model(self, model_id: str) -> LoggedModel:
        """See `Store.get_logged_model`."""
        if storable(model_id) not in self._models:
            raise NotFoundError(f"no logged model has the id {shown(model_id)}")
        return self._models[storable(model_id)]

    def logged_models(self, run_id: str) -> list[LoggedModel]:
        """See `Store.logged_models`."""
        return [model for model in self._models.values() if model.source_run_id == storable(run_id)]

    # -- life

    def close(self) -> None:
        """See `Store.close`. There is nothing to release."""

    def discard(self) -> None:
        """See `Store.discard`."""
        self._lock = threading.RLock()


def _in_view(stage: str, view_type: int) -> bool:
    return view_type == ViewType.ALL or (stage == "active") is (view_type == ViewType.ACTIVE_ONLY)


def _latest(points: Sequence[Metric]) -> Metric:
    return max(reversed(points), key=lambda point: rules.rank(point.step, point.timestamp, point.value))


def _update(run: _Run, record: RunUpdated) -> list[Rejection]:
    info = run.info
    if record.status in rules.STATUSES:
        info = replace(info, status=record.status)
    if record.end_time is not None and rules.is_int64(record.end_time):
        info = replace(info, end_time=None if record.end_time == -1 else record.end_time)
    if record.name is not None:
        info = replace(info, run_name=storable(record.name))
    if record.lifecycle_stage in rules.STAGES:
        info = replace(info, lifecycle_stage=record.lifecycle_stage)
    run.info = info
    return rules.refused_update(record)


def _add_points(run: _Run, record: MetricRecord) -> list[Rejection]:
    rejections: list[Rejection] = []
    for (_, key), columns in transposed([record], rejections).items():
        points = [Metric(key, value, at, step) for step, at, value in zip(*columns, strict=True)]
        run.series.setdefault(key, []).extend(points)
    return rejections


def _add_params(run: _Run, record: Params) -> list[Rejection]:
    rejections = []
    for key, (text, kind) in record.values.items():
        value = rules.param_value(storable(text), kind)
        kept = run.params.setdefault(storable(key), value)
        if kept != value:
            rejections.append(rules.conflict(run.info.run_id, storable(key), kept, value))
    return rejections


def _add_dataset(run: _Run, record: DatasetUsed) -> None:
    texts = (record.source_type, record.source)
    optional = (record.schema, record.profile)
    name, digest = storable(record.name), storable(record.digest)
    new = Dataset(
        name,
        digest,
        *(storable(text) for text in texts),
        *(None if text is None else storable(text) for text in optional),
    )
    tags = {storable(key): storable(value) for key, value in record.tags.items()}
    place = name, digest, rules.context(tags)
    kept = run.datasets.get(place, DatasetInput(new))
    run.datasets[place] = replace(kept, tags={**kept.tags, **tags})
