"""One batch of records in one transaction: sorted by what they touch, then written with few statements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import sqlalchemy as sa

from steno.clock import now
from steno.store import rules
from steno.store.base import Rejection
from steno.store.columns import MetricRecord, transposed
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
from steno.store.sql import hydrate, inputs, metrics, models
from steno.store.sql.keys import Keys
from steno.store.sql.metrics import OpenChunks, SeriesId
from steno.store.sql.statements import Among, Insert, Statement, replacing
from steno.store.sql.tables import experiment, param, run, tag
from steno.store.text import joined, split, storable

__all__ = ["Batch", "RunRow"]


@dataclass
class RunRow:
    """One run as this batch finds and leaves it."""

    id: int
    uuid: str
    experiment_id: int
    name: str
    status: int
    end_time: int | None
    deleted_at: int | None
    has_doc: bool = False
    created: dict[str, Any] | None = None  # the rest of its row, when this batch makes it
    updated: bool = False  # its own columns changed
    touched: bool = False  # something that hangs on it changed


@dataclass
class Batch:
    """The records of one transaction, on their way into the tables.

    After the commit `ids` and `open_chunks` may be remembered; before it they may still be rolled back.
    """

    connection: sa.Connection
    keys: Keys
    known: OpenChunks
    places: Places
    ids: dict[str, int] = field(default_factory=dict)
    open_chunks: dict[SeriesId, tuple[int, int]] = field(default_factory=dict)
    folded: list[SeriesId] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    runs: dict[str, RunRow] = field(default_factory=dict)
    _experiments: dict[str, Any] = field(default_factory=dict)
    _metrics: list[MetricRecord] = field(default_factory=list)
    _params: dict[tuple[str, str], list[tuple[str, str]]] = field(default_factory=dict)
    _tags: dict[tuple[str, str], str | None] = field(default_factory=dict)
    _datasets: list[tuple[RunRow, DatasetUsed]] = field(default_factory=list)
    _models: list[tuple[RunRow, ModelLogged]] = field(default_factory=list)

    def apply(self, records: Sequence[Record]) -> list[Rejection]:
        """Write the records; what could not be kept is returned."""
        self._read(records)
        self._sort(records)
        self._insert_runs()
        self._write_metrics()
        self._name_keys()
        self._write_params()
        self._write_tags()
        inputs.write(self.connection, [(row.id, record) for row, record in self._datasets])
        logged = [(row.id, row.experiment_id, record) for row, record in self._models]
        models.write(self.connection, logged, self.ids, self.places)
        self._write_runs()
        return self.rejections

    # -- what is there already

    def _read(self, records: Sequence[Record]) -> None:
        uuids = list(dict.fromkeys(storable(record.run_id) for record in records))
        for number, uuid, *fields in _RUNS.rows(self.connection, uuids):
            self.runs[uuid] = RunRow(number, uuid, *fields)
        wanted = {record.experiment_id for record in records if type(record) is RunCreated}
        numbers = [number for number in map(rules.experiment_number, wanted) if number is not None]
        self._experiments = {str(number): uri for number, uri in _PLACES.rows(self.connection, numbers)}

    # -- sorting

    def _sort(self, records: Sequence[Record]) -> None:
        runs, metric_records = self.runs, self._metrics
        take: Mapping[type, Callable[[RunRow, Any], None]] = {
            RunUpdated: self._run_updated,
            Params: self._params_sent,
            Tags: self._tags_sent,
            TagDeleted: self._tag_deleted,
            DatasetUsed: self._dataset_used,
            ModelLogged: self._model_logged,
        }
        for record in records:
            row = runs.get(record.run_id)
            kind = type(record)
            if row is None and kind is not RunCreated:
                row = runs.get(storable(record.run_id))
                if row is None:
                    self.rejections += rules.unknown_run(record)
                    continue
            if kind is Point or kind is Points or kind is Curve:
                metric_records.append(cast("MetricRecord", record))
            elif row is None or kind is RunCreated:
                self._run_created(cast("RunCreated", record))
            else:
                take[kind](row, record)

    def _run_created(self, record: RunCreated) -> None:
        uuid = storable(record.run_id)
        if uuid in self.runs:
            return
        place = self._experiments.get(record.experiment_id)
        refused = rules.refused_run(record, known_experiment=place is not None)
        if refused is not None:
            self.rejections.append(refused)
            return
        rest = {
            "owner": storable(record.user_id),
            "start_time": record.start_time,
            "artifact_uri": self.places.kept(record.artifact_uri, f"{place}/{uuid}/artifacts"),
        }
        row = RunRow(
            0, uuid, int(record.experiment_id), storable(record.name), 1, None, None, created=rest, touched=True
        )
        self.runs[uuid] = row
        self._tags.update({(uuid, storable(key)): storable(value) for key, value in record.tags.items()})

    def _run_updated(self, row: RunRow, record: RunUpdated) -> None:
        self.rejections += rules.refused_update(record)
        row.updated = True
        if record.status in rules.STATUSES:
            row.status = rules.STATUSES[record.status]
        if record.end_time is not None and rules.is_int64(record.end_time):
            row.end_time = None if record.end_time == -1 else record.end_time
        if record.name is not None:
            row.name = storable(record.name)
        if record.lifecycle_stage in rules.STAGES:
            row.deleted_at = None if record.lifecycle_stage == "active" else row.deleted_at or now()

    def _params_sent(self, row: RunRow, record: Params) -> None:
        for key, (text, kind) in record.values.items():
            self._params.setdefault((row.uuid, storable(key)), []).append((storable(text), kind))

    def _tags_sent(self, row: RunRow, record: Tags) -> None:
        row.touched = True
        for key, value in record.values.items():
            self._tags[row.uuid, storable(key)] = storable(value)

    def _tag_deleted(self, row: RunRow, record: TagDeleted) -> None:
        row.touched = True
        self._tags[row.uuid, storable(record.key)] = None

    def _dataset_used(self, row: RunRow, record: DatasetUsed) -> None:
        row.touched = True
        self._datasets.append((row, record))

    def _model_logged(self, row: RunRow, record: ModelLogged) -> None:
        refused = rules.refused_model(record)
        if refused is not None:
            self.rejections.append(refused)
            return
        row.touched = True
        self._models.append((row, record))

    # -- writing

    def _insert_runs(self) -> None:
        new = [row for row in self.runs.values() if row.created is not None]
        if not new:
            return
        blank = dict.fromkeys(("end_time", "deleted_at", "doc"))
        rows = [
            {"uuid": row.uuid, "experiment_id": row.experiment_id, "name": row.name, "status": row.status}
            | blank
            | (row.created or {})
            for row in new
        ]
        _ADD_RUNS.many(self.connection, rows)
        for uuid, number in _NUMBERS.rows(self.connection, [row.uuid for row in new]):
            self.runs[uuid].id = number

    def _write_metrics(self) -> None:
        columns = transposed(self._metrics, self.rejections)
        if not columns:
            return
        self._make_keys(name for _, name in columns)
        series: dict[SeriesId, Any] = {}
        for (run_id, name), points in columns.items():
            row = self.runs[storable(run_id)]
            row.touched = True
            series[row.id, self.ids[name]] = points
        fresh = {row.id for row in self.runs.values() if row.created is not None}
        self.open_chunks = metrics.write(self.connection, series, self.known, fresh)

    def _name_keys(self) -> None:
        names = {name for _, name in self._params}
        names.update(name for (_, name), value in self._tags.items() if value is not None)
        for _, record in self._models:
            names.update(map(storable, record.tags))
        self._make_keys(names)

    def _make_keys(self, names: Iterable[str]) -> None:
        self.ids.update(self.keys.made(self.connection, [name for name in names if name not in self.ids]))

    def _write_params(self) -> None:
        if not self._params:
            return
        kept, new = self._kept_params(), []
        for (uuid, name), sent in self._params.items():
            row = self.runs[uuid]
            value = kept.get((row.id, self.ids[name]))
            if value is None:
                value, kind = sent[0]
                new.append(_param_row(row.id, self.ids[name], value, kind))
                row.touched = True
            self.rejections += [rules.conflict(uuid, name, value, other) for other, _ in sent if other != value]
        if new:
            _ADD_PARAMS.many(self.connection, new)

    def _kept_params(self) -> dict[tuple[int, int], str]:
        owners = {self.runs[uuid].id for uuid, _ in self._params if self.runs[uuid].created is None}
        rows = _KEPT_PARAMS.rows(self.connection, sorted(owners))
        return {(run_id, key_id): joined(value, rest) for run_id, key_id, value, rest in rows}

    def _write_tags(self) -> None:
        rows = []
        for (uuid, name), text in self._tags.items():
            number = self.runs[uuid].id
            if text is not None:
                value, rest = split(text)
                rows.append({"run_id": number, "key_id": self.ids[name], "value": value, "rest": rest})
            elif (key_id := self.keys.find(self.connection, name)) is not None:
                _DELETE_TAG.run(self.connection, run=number, key=key_id)
        if rows:
            rows.sort(key=lambda row: (row["run_id"], row["key_id"]))
            _SET_TAGS.many(self.connection, rows)

    def _write_runs(self) -> None:
        over = {rules.STATUSES[name] for name in rules.FINISHED}
        ended = [row for row in self.runs.values() if row.status in over and (row.touched or not row.has_doc)]
        older = [row.id for row in ended if row.updated and row.created is None]  # new ones have one chunk a series
        self.folded = metrics.fold(self.connection, older)
        inside = hydrate.contents(self.connection, [row.id for row in ended]) if ended else {}
        rows: list[dict[str, Any]] = []
        for row in self.runs.values():
            doc = inside.get(row.id)
            if not row.updated and doc is None:
                continue
            keeps = doc is None and row.has_doc and row.status in over
            rows.append(_run_row(row) | ({} if keeps else {"doc": None if doc is None else hydrate.document(doc)}))
        for group in (True, False):  # one statement for each set of columns
            part = [row for row in rows if ("doc" in row) is group]
            if part:
                (_UPDATE_WITH_DOC if group else _UPDATE).many(self.connection, part)


_COLUMNS = ("name", "status", "end_time", "deleted_at")


def _update_run(*columns: str) -> Statement:
    values: dict[str, Any] = {name: sa.bindparam(name) for name in columns}
    return Statement(lambda _dialect: sa.update(run).where(run.c.id == sa.bindparam("number")).values(values))


_r, _p = run.c, param.c
_head = _r.id, _r.uuid, _r.experiment_id, *(_r[name] for name in _COLUMNS), _r.doc.is_not(None)
_RUNS = Among(lambda uuids: sa.select(*_head).where(_r.uuid.in_(uuids)).with_for_update())
_NUMBERS = Among(lambda uuids: sa.select(_r.uuid, _r.id).where(_r.uuid.in_(uuids)))
_PLACES = Among(
    lambda numbers: sa.select(experiment.c.id, experiment.c.artifact_uri).where(experiment.c.id.in_(numbers))
)
_KEPT_PARAMS = Among(lambda runs: sa.select(_p.run_id, _p.key_id, _p.value, _p.rest).where(_p.run_id.in_(runs)))
_ADD_RUNS, _ADD_PARAMS, _SET_TAGS = Insert(run), Insert(param), Insert(tag, replacing("value", "rest"))
_DELETE_TAG = Statement(
    lambda _dialect: sa.delete(tag).where(tag.c.run_id == sa.bindparam("run"), tag.c.key_id == sa.bindparam("key"))
)
_UPDATE, _UPDATE_WITH_DOC = _update_run(*_COLUMNS), _update_run(*_COLUMNS, "doc")


def _run_row(row: RunRow) -> dict[str, Any]:
    return {
        "number": row.id,
        "name": row.name,
        "status": row.status,
        "end_time": row.end_time,
        "deleted_at": row.deleted_at,
    }


def _param_row(run_id: int, key_id: int, text: str, kind: str) -> dict[str, Any]:
    value, rest = split(text)
    known = rules.param_value(text, kind)
    number = rules.param_number(known)
    return {"run_id": run_id, "key_id": key_id, "value": value, "rest": rest, "kind": known.kind, "number": number}
