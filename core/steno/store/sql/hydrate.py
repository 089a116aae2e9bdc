"""Whole runs read from the tables, many in few queries, and the documents that spare those queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

import msgspec
import sqlalchemy as sa

from steno.entities import (
    Dataset,
    DatasetInput,
    LifecycleStage,
    Metric,
    ModelOutput,
    ParamKind,
    ParamValue,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
)
from steno.store.places import Places
from steno.store.rules import STATUSES
from steno.store.sql.keys import NAME
from steno.store.sql.metrics import number_out
from steno.store.sql.statements import in_pieces
from steno.store.sql.tables import dataset, experiment, key, logged_model, metric, param, run, run_dataset, tag
from steno.store.text import joined

__all__ = ["Contents", "contents", "document", "runs"]

Contents: TypeAlias = tuple[RunData, RunInputs, RunOutputs]
STATUS_NAMES = {number: name for name, number in STATUSES.items()}
_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode


def runs(connection: sa.Connection, ids: Sequence[int], places: Places) -> list[Run]:
    """The runs of these numbers, in this order; a number without a run is left out."""
    rows: dict[int, Any] = {}
    for piece in in_pieces(ids):
        query = (
            sa.select(run, experiment.c.deleted_at.label("experiment_deleted_at"))
            .join(experiment, experiment.c.id == run.c.experiment_id)
            .where(run.c.id.in_(piece))
        )
        rows.update({row.id: row for row in connection.execute(query)})
    without = [number for number, row in rows.items() if row.doc is None]
    read = contents(connection, without) if without else {}
    found = [rows[number] for number in ids if number in rows]
    return [_run(row, read.get(row.id) or from_document(row.doc), places) for row in found]


def _run(row: Any, inside: Contents, places: Places) -> Run:
    stage: LifecycleStage = "active" if row.deleted_at is None and row.experiment_deleted_at is None else "deleted"
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
    return RunData.from_json(doc["data"]), RunInputs.from_json(doc["inputs"]), RunOutputs.from_json(doc["outputs"])


# ---------------------------------------------------------------- from the tables


def contents(connection: sa.Connection, ids: Sequence[int]) -> dict[int, Contents]:
    """What hangs on each of these runs, from the tables."""
    latest: dict[int, dict[str, Metric]] = {number: {} for number in ids}
    params: dict[int, dict[str, ParamValue]] = {number: {} for number in ids}
    tags: dict[int, dict[str, str]] = {number: {} for number in ids}
    inputs: dict[int, list[DatasetInput]] = {number: [] for number in ids}
    outputs: dict[int, list[ModelOutput]] = {number: [] for number in ids}
    for piece in in_pieces(ids):
        _metrics(connection, piece, latest)
        _params(connection, piece, params)
        tags_of(connection, tag, piece, tags)
        _datasets(connection, piece, inputs)
        _models(connection, piece, outputs)
    return {
        number: (
            RunData(latest[number], params[number], tags[number]),
            RunInputs(tuple(inputs[number])),
            RunOutputs(tuple(outputs[number])),
        )
        for number in ids
    }


def _metrics(connection: sa.Connection, ids: Sequence[int], out: Mapping[int, dict[str, Metric]]) -> None:
    m = metric.c
    query = (
        sa.select(m.run_id, NAME, m.value, m.bits, m.ts, m.step)
        .join_from(metric, key, key.c.id == m.key_id)
        .where(m.run_id.in_(ids))
        .order_by(m.run_id, m.key_id)
    )
    for number, name, value, bits, timestamp, step in connection.execute(query):
        out[number][name] = Metric(name, number_out(value, bits), timestamp, step)


def _params(connection: sa.Connection, ids: Sequence[int], out: Mapping[int, dict[str, ParamValue]]) -> None:
    p = param.c
    query = (
        sa.select(p.run_id, NAME, p.value, p.rest, p.kind)
        .join_from(param, key, key.c.id == p.key_id)
        .where(p.run_id.in_(ids))
        .order_by(p.run_id, p.key_id)
    )
    for number, name, value, rest, kind in connection.execute(query):
        out[number][name] = ParamValue(joined(value, rest), cast("ParamKind", kind))


def tags_of(connection: sa.Connection, table: sa.Table, ids: Sequence[int], out: Mapping[int, dict[str, str]]) -> None:
    """Fill in the tags of any kind of owner: `table` is `tag`, `experiment_tag` or `logged_model_tag`."""
    owner = next(iter(table.primary_key.columns))
    query = (
        sa.select(owner, NAME, table.c.value, table.c.rest)
        .join_from(table, key, key.c.id == table.c.key_id)
        .where(owner.in_(ids))
        .order_by(owner, table.c.key_id)
    )
    for number, name, value, rest in connection.execute(query):
        out[number][name] = joined(value, rest)


def _datasets(connection: sa.Connection, ids: Sequence[int], out: Mapping[int, list[DatasetInput]]) -> None:
    d, used = dataset.c, run_dataset.c
    query = (
        sa.select(used.run_id, used.tags, d.name, d.digest, d.source_type, d.source, d.schema, d.profile)
        .join_from(run_dataset, dataset, d.id == used.dataset_id)
        .where(used.run_id.in_(ids))
        .order_by(used.id)
    )
    for number, tags, *fields in connection.execute(query):
        out[number].append(DatasetInput(Dataset(*fields), _decode(tags)))


def _models(connection: sa.Connection, ids: Sequence[int], out: Mapping[int, list[ModelOutput]]) -> None:
    m = logged_model.c
    query = sa.select(m.run_id, m.uuid, m.step).where(m.run_id.in_(ids)).order_by(m.run_id, m.id)
    for number, model_id, step in connection.execute(query):
        out[number].append(ModelOutput(model_id, step))
