"""Experiments. They are few, so a search reads them all and asks the reference what fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from steno.clock import now
from steno.entities import Experiment, Page, StageName, ViewType
from steno.errors import AlreadyExistsError, shown
from steno.store import rules
from steno.store.meaning import experiment_matches, experiment_sort_key
from steno.store.paging import Position, checked_size, fingerprint, page_of
from steno.store.places import INSIDE, Places
from steno.store.search import EXPERIMENTS, Field, Order, parse_filter, parse_order
from steno.store.sql.hydrate import tags_of
from steno.store.sql.keys import Keys
from steno.store.sql.statements import Insert, in_pieces, replacing
from steno.store.sql.tables import experiment, experiment_tag
from steno.store.text import experiment_name, split, storable

__all__ = ["by_name", "create", "get", "search", "update"]

_SET_TAGS = Insert(experiment_tag, replacing("value", "rest"))
NEWEST_FIRST = (Order(Field("attribute", "creation_time"), descending=True),)


def create(
    connection: sa.Connection, keys: Keys, places: Places, name: str, location: str | None, tags: Mapping[str, str]
) -> str:
    """Create an experiment and return its id.

    Raises:
        AlreadyExistsError: an active one has this name.
    """
    name, at = experiment_name(name), now()
    _claim(connection, name)
    row = {"name": name, "artifact_uri": "", "created_at": at, "updated_at": at}
    number: int = connection.execute(sa.insert(experiment).returning(experiment.c.id), row).scalar_one()
    kept = places.kept(location, f"{INSIDE}artifacts/{number}")
    connection.execute(sa.update(experiment).where(experiment.c.id == number).values(artifact_uri=kept))
    _write_tags(connection, keys, number, tags)
    return str(number)


def _claim(connection: sa.Connection, name: str, but: int | None = None) -> None:
    """Make sure that no active experiment has this name. The write lock is held, so nobody can take it meanwhile."""
    e = experiment.c
    taken = connection.execute(sa.select(e.id).where(e.name == name, e.deleted_at.is_(None))).scalar()
    if taken is not None and taken != but:
        raise AlreadyExistsError(
            f"experiment name {shown(name)} is taken by the experiment with id {taken}: "
            "choose another name, or use that experiment with set_experiment(...)"
        )


def get(connection: sa.Connection, places: Places, experiment_id: str) -> Experiment:
    """One experiment, deleted or not.

    Raises:
        NotFoundError: no such id.
    """
    number = rules.experiment_number(experiment_id)
    found = [] if number is None else _read(connection, places, [experiment.c.id == number])
    if not found:
        raise rules.no_experiment(experiment_id)
    return found[0]


def by_name(connection: sa.Connection, places: Places, name: str) -> Experiment | None:
    """The active experiment of this name, else the one deleted last, else None."""
    found = _read(connection, places, [experiment.c.name == storable(name)])
    active = [item for item in found if item.lifecycle_stage == "active"]
    named = active or _latest_deleted(connection, places, name)
    return named[0] if named else None


def _latest_deleted(connection: sa.Connection, places: Places, name: str) -> list[Experiment]:
    e = experiment.c
    latest = sa.select(e.id).where(e.name == storable(name)).order_by(e.deleted_at.desc(), e.id.desc()).limit(1)
    return _read(connection, places, [e.id == latest.scalar_subquery()])


def search(
    connection: sa.Connection,
    places: Places,
    filter_string: str,
    order_by: Sequence[str],
    max_results: int,
    page_token: str | None,
    view_type: int,
) -> Page[Experiment]:
    """One page of experiments, newest first unless ordered."""
    condition = parse_filter(filter_string, EXPERIMENTS)
    order = parse_order(order_by, EXPERIMENTS) or NEWEST_FIRST
    size = checked_size(max_results)
    deleted = experiment.c.deleted_at
    views = {ViewType.ACTIVE_ONLY: [deleted.is_(None)], ViewType.DELETED_ONLY: [deleted.is_not(None)]}
    found = _read(connection, places, views.get(rules.checked_view(view_type), []))
    items = [
        (Position(experiment_sort_key(order, item), int(item.experiment_id)), item)
        for item in found
        if experiment_matches(condition, item)
    ]
    return page_of(items, order, size, fingerprint("experiments", filter_string, order, view_type), page_token)


def update(
    connection: sa.Connection,
    keys: Keys,
    places: Places,
    experiment_id: str,
    name: str | None,
    stage: str | None,
    tags: Mapping[str, str | None],
) -> None:
    """Change what is not None; a tag of None is deleted.

    Raises:
        NotFoundError: no such id.
        AlreadyExistsError: the name is taken.
        InvalidInputError: the name or the stage cannot be.
    """
    before = get(connection, places, experiment_id)
    number, at = int(before.experiment_id), now()
    stage = before.lifecycle_stage if stage is None else rules.checked_stage(stage)
    name = before.name if name is None else experiment_name(name)
    if stage == "active":
        _claim(connection, name, but=number)
    values: dict[str, object] = {"name": name, "updated_at": at}
    if stage != before.lifecycle_stage:
        values["deleted_at"] = at if stage == "deleted" else None
    connection.execute(sa.update(experiment).where(experiment.c.id == number).values(**values))
    _write_tags(connection, keys, number, tags)


def _write_tags(connection: sa.Connection, keys: Keys, number: int, tags: Mapping[str, str | None]) -> None:
    texts = {storable(name): None if text is None else storable(text) for name, text in tags.items()}
    if not texts:
        return
    ids = keys.made(connection, texts)
    gone = [ids[name] for name, text in texts.items() if text is None]
    for piece in in_pieces(gone):
        mine = (experiment_tag.c.experiment_id == number) & experiment_tag.c.key_id.in_(piece)
        connection.execute(sa.delete(experiment_tag).where(mine))
    rows = [_tag_row(number, ids[name], text) for name, text in texts.items() if text is not None]
    if rows:
        _SET_TAGS.many(connection, rows)


def _tag_row(number: int, key_id: int, text: str) -> dict[str, object]:
    value, rest = split(text)
    return {"experiment_id": number, "key_id": key_id, "value": value, "rest": rest}


def _read(connection: sa.Connection, places: Places, where: Sequence[sa.ColumnElement[bool]]) -> list[Experiment]:
    rows = connection.execute(sa.select(experiment).where(*where).order_by(experiment.c.id)).all()
    tags: dict[int, dict[str, str]] = {row.id: {} for row in rows}
    tags_of(connection, experiment_tag, list(tags), tags)
    stages: dict[bool, StageName] = {True: "active", False: "deleted"}
    return [
        Experiment(
            str(row.id),
            row.name,
            places.told(row.artifact_uri),
            stages[row.deleted_at is None],
            tags[row.id],
            row.created_at,
            row.updated_at,
        )
        for row in rows
    ]
