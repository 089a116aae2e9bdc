"""Logged models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from steno.entities import LoggedModel
from steno.errors import NotFoundError, shown
from steno.store.places import Places
from steno.store.records import ModelLogged
from steno.store.sql.hydrate import tags_of
from steno.store.sql.statements import Among, Insert, replacing
from steno.store.sql.tables import logged_model, logged_model_tag, run
from steno.store.text import split, storable

__all__ = ["get", "of_run", "write"]

_change = replacing("name", "artifact_uri", "updated_at", "status", "model_type", unique=[logged_model.c.uuid])
_SET, _SET_TAGS = Insert(logged_model, _change), Insert(logged_model_tag, replacing("value", "rest"))
_NUMBERS = Among(lambda ids: sa.select(logged_model.c.uuid, logged_model.c.id).where(logged_model.c.uuid.in_(ids)))


def write(
    connection: sa.Connection,
    logged: Sequence[tuple[int, int, ModelLogged]],
    key_ids: Mapping[str, int],
    places: Places,
) -> None:
    """Add or change logged models; a model keeps the run and the time of its creation.

    Args:
        connection: in a write transaction.
        logged: run, experiment, record.
        key_ids: numbers of all tags' names.
        places: turns locations into what is kept.
    """
    if not logged:
        return
    rows = [_row(run_id, experiment_id, record, places) for run_id, experiment_id, record in logged]
    _SET.many(connection, rows)
    numbers = dict(tuple(row) for row in _NUMBERS.rows(connection, [row["uuid"] for row in rows]))
    tags: dict[tuple[int, int], str] = {}
    for row, (_, _, record) in zip(rows, logged, strict=True):
        for name, value in record.tags.items():
            tags[numbers[row["uuid"]], key_ids[storable(name)]] = storable(value)
    if tags:
        _SET_TAGS.many(connection, [_tag_row(*owner, text) for owner, text in sorted(tags.items())])


def _row(run_id: int, experiment_id: int, record: ModelLogged, places: Places) -> dict[str, Any]:
    return {
        "uuid": storable(record.model_id),
        "run_id": run_id,
        "experiment_id": experiment_id,
        "name": storable(record.name),
        "artifact_uri": places.kept(record.artifact_location, ""),
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "status": record.status,
        "model_type": storable(record.model_type),
        "step": record.step,
    }


def _tag_row(model_id: int, key_id: int, text: str) -> dict[str, Any]:
    value, rest = split(text)
    return {"model_id": model_id, "key_id": key_id, "value": value, "rest": rest}


def get(connection: sa.Connection, model_id: str, places: Places) -> LoggedModel:
    """One model.

    Raises:
        NotFoundError: no such model.
    """
    found = _read(connection, logged_model.c.uuid == storable(model_id), places)
    if not found:
        raise NotFoundError(
            f"no logged model has the id {shown(model_id)}: `run.outputs.model_outputs` lists a run's ids"
        )
    return found[0]


def of_run(connection: sa.Connection, run_id: str, places: Places) -> list[LoggedModel]:
    """The models that a run made, oldest first."""
    return _read(connection, run.c.uuid == storable(run_id), places)


def _read(connection: sa.Connection, which: sa.ColumnElement[bool], places: Places) -> list[LoggedModel]:
    m = logged_model.c
    query = sa.select(logged_model, run.c.uuid.label("source")).join(run, run.c.id == m.run_id).where(which)
    rows = connection.execute(query.order_by(m.id)).all()
    tags: dict[int, dict[str, str]] = {row.id: {} for row in rows}
    if rows:
        tags_of(connection, logged_model_tag, list(tags), tags)
    return [
        LoggedModel(
            row.uuid,
            row.name,
            str(row.experiment_id),
            row.source,
            places.told(row.artifact_uri),
            row.created_at,
            row.updated_at,
            row.status,
            row.model_type,
            tags[row.id],
        )
        for row in rows
    ]
