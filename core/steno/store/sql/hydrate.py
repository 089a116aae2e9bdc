"""Whole runs read from the tables, many in few queries, and the documents that spare those queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

import msgspec
import sqlalchemy as sa

from steno.entities import (
    Dataset,
    DatasetInput,
    Metric,
    ModelOutput,
    ParamKind,
    ParamValue,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    StageName,
)
from steno.store.places import Places
from steno.store.rules import STATUSES
from steno.store.sql.keys import NAME
from steno.store.sql.metrics import number_out
from steno.store.sql.statements import Among
from steno.store.sql.tables import (
    dataset,
    experiment,
    experiment_tag,
    key,
    logged_model,
    logged_model_tag,
    metric,
    param,
    run,
    run_dataset,
    tag,
)
from steno.store.text import joined

__all__ = ["Contents", "contents", "document", "from_document", "runs", "tags_of"]

Contents: TypeAlias = tuple[RunData, RunInputs, RunOutputs]
STATUS_NAMES = {number: name for name, number in STATUSES.items()}
_NO_INPUTS, _NO_OUTPUTS = RunInputs(), RunOutputs()
_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode


def runs(connection: sa.Connection, ids: Sequence[int], places: Places) -> list[Run]:
    """The runs of these numbers, in this order; a number without a run is left out."""
    rows: dict[int, Any] = {}
    rows.update({row.id: row for row in _RUNS.rows(connection, ids)})
    without = [number for number, row in rows.items() if row.doc is None]
    read = contents(connection, without) if without else {}
    found = [rows[number] for number in ids if number in rows]
    return [_run(row, read.get(row.id) or from_document(row.doc), places) for row in found]


def _run(row: Any, inside: Contents, places: Places) -> Run:
    stage: StageName = "active" if row.deleted_at is None and row.experiment_deleted_at is None else "deleted"
    info = RunInfo(
        row.uuid,
        row.name,
        str(row.experiment_id),
        row.owner,
        STATUS_NAMES[row.status],
        row.start_time,
        row.end_time,
        places.told(row.artifact_uri),
        stage,
    )
    return Run(info, *inside)


# ---------------------------------------------------------------- documents


def document(inside: Contents) -> str:
    """What hangs on a run as JSON, in the shape of MLflow's `Run` message without its `info`."""
    data, inputs, outputs = inside
    return _encode({"data": data.to_json(), "inputs": inputs.to_json(), "outputs": outputs.to_json()}).decode()


def from_document(text: str) -> Contents:
    """The inverse of `document`."""
    doc = _decode(text)
    data, inputs, outputs = doc["data"], doc["inputs"], doc["outputs"]
    latest = {
        row["key"]: Metric(row["key"], float(row["value"]), row["timestamp"], row["step"]) for row in data["metrics"]
    }
    params = {row["key"]: ParamValue(row["value"], row.get("kind", "str")) for row in data["params"]}
    tags = {row["key"]: row["value"] for row in data["tags"]}
    return (
        RunData(latest, params, tags),
        RunInputs.from_json(inputs) if inputs["dataset_inputs"] else _NO_INPUTS,
        RunOutputs.from_json(outputs) if outputs["model_outputs"] else _NO_OUTPUTS,
    )


# ---------------------------------------------------------------- from the tables


def contents(connection: sa.Connection, ids: Sequence[int]) -> dict[int, Contents]:
    """What hangs on each of these runs, from the tables."""
    latest: dict[int, dict[str, Metric]] = {number: {} for number in ids}
    params: dict[int, dict[str, ParamValue]] = {number: {} for number in ids}
    tags: dict[int, dict[str, str]] = {number: {} for number in ids}
    inputs: dict[int, list[DatasetInput]] = {number: [] for number in ids}
    outputs: dict[int, list[ModelOutput]] = {number: [] for number in ids}
    _metrics(connection, ids, latest)
    _params(connection, ids, params)
    tags_of(connection, tag, ids, tags)
    _datasets(connection, ids, inputs)
    _models(connection, ids, outputs)
    return {
        number: (
            RunData(latest[number], params[number], tags[number]),
            RunInputs(tuple(inputs[number])),
            RunOutputs(tuple(outputs[number])),
        )
        for number in ids
    }


def _metrics(connection: sa.Connection, ids: Sequence[int], out: Mapping[int, dict[str, Metric]]) -> None:
    for number, name, value, bits, timestamp, step in _METRICS.rows(connection, ids):
        out[number][name] = Metric(name, number_out(value, bits), timestamp, step)


def _params(connection: sa.Connection, ids: Sequence[int], out: Mapping[int, dict[str, ParamValue]]) -> None:
    for number, name, value, rest, kind in _PARAMS.rows(connection, ids):
        out[number][name] = ParamValue(joined(value, rest), cast("ParamKind", kind))


def tags_of(connection: sa.Connection, table: sa.Table, ids: Sequence[int], out: Mapping[int, dict[str, str]]) -> None:
    """Fill in the tags of any kind of owner: `table` is `tag`, `experiment_tag` or `logged_model_tag`."""
    for number, name, value, rest in _TAGS[table.name].rows(connection, ids):
        out[number][name] = joined(value, rest)


def _datasets(connection: sa.Connection, ids: Sequence[int], out: Mapping[int, list[DatasetInput]]) -> None:
    for number, tags, *fields in _DATASETS.rows(connection, ids):
        out[number].append(DatasetInput(Dataset(*fields), _decode(tags)))


def _models(connection: sa.Connection, ids: Sequence[int], out: Mapping[int, list[ModelOutput]]) -> None:
    for number, model_id, step in _MODELS.rows(connection, ids):
        out[number].append(ModelOutput(model_id, step))


# ---------------------------------------------------------------- the queries


def _keyed(table: sa.Table, *columns: sa.Column[Any]) -> Among:
    owner = next(iter(table.primary_key.columns))
    query = sa.select(owner, NAME, *columns).join_from(table, key, key.c.id == table.c.key_id)
    return Among(lambda owners: query.where(owner.in_(owners)).order_by(owner, table.c.key_id))


_RUNS = Among(
    lambda numbers: (
        sa.select(run, experiment.c.deleted_at.label("experiment_deleted_at"))
        .join(experiment, experiment.c.id == run.c.experiment_id)
        .where(run.c.id.in_(numbers))
    )
)
_METRICS = _keyed(metric, metric.c.value, metric.c.bits, metric.c.ts, metric.c.step)
_PARAMS = _keyed(param, param.c.value, param.c.rest, param.c.kind)
_TAGS = {table.name: _keyed(table, table.c.value, table.c.rest) for table in (tag, experiment_tag, logged_model_tag)}
_d, _used, _model = dataset.c, run_dataset.c, logged_model.c
_DATASETS = Among(
    lambda numbers: (
        sa.select(_used.run_id, _used.tags, _d.name, _d.digest, _d.source_type, _d.source, _d.schema, _d.profile)
        .join_from(run_dataset, dataset, _d.id == _used.dataset_id)
        .where(_used.run_id.in_(numbers))
        .order_by(_used.id)
    )
)
_MODELS = Among(
    lambda numbers: (
        sa.select(_model.run_id, _model.uuid, _model.step)
        .where(_model.run_id.in_(numbers))
        .order_by(_model.run_id, _model.id)
    )
)
