"""Datasets, kept once for all runs, and which run used which."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from steno.store import rules
from steno.store.records import DatasetUsed
from steno.store.sql.statements import Among, Insert, new_only, replacing
from steno.store.sql.tables import dataset, run_dataset
from steno.store.text import storable

__all__ = ["write"]

_Place = tuple[int, str, str, str]  # run, name, digest, context
_FIELDS = ("name", "digest", "source_type", "source", "schema", "profile")


def write(connection: sa.Connection, used: Sequence[tuple[int, DatasetUsed]]) -> None:
    """Note which runs used which datasets.

    A second use of the same name and digest in the same context of a run merges its tags into the first.
    """
    if not used:
        return
    rows = [{name: _text(getattr(record, name)) for name in _FIELDS} for _, record in used]
    for row in rows:
        row["identity"] = hashlib.blake2b(msgspec.msgpack.encode(row), digest_size=32).hexdigest()
    by_identity = {str(row["identity"]): row for row in rows}
    _ADD.many(connection, [by_identity[name] for name in sorted(by_identity)])
    numbers = dict(tuple(row) for row in _NUMBERS.rows(connection, list(by_identity)))
    merged = _present(connection, sorted({run_id for run_id, _ in used}))
    touched: set[_Place] = set()
    for (run_id, record), row in zip(used, rows, strict=True):
        fresh = {storable(name): storable(value) for name, value in record.tags.items()}
        place = run_id, str(row["name"]), str(row["digest"]), rules.context(fresh)
        _number, tags = merged.setdefault(place, (numbers[str(row["identity"])], {}))
        tags.update(fresh)
        touched.add(place)
    _SET.many(connection, [_row(place[0], *merged[place]) for place in merged if place in touched])


def _text(value: str | None) -> str | None:
    return None if value is None else storable(value)


def _present(connection: sa.Connection, run_ids: list[int]) -> dict[_Place, tuple[int, dict[str, str]]]:
    return {
        (run_id, name, digest, context): (number, msgspec.json.decode(tags))
        for run_id, name, digest, context, number, tags in _PRESENT.rows(connection, run_ids)
    }


def _row(run_id: int, dataset_id: int, tags: dict[str, str]) -> dict[str, Any]:
    text = msgspec.json.encode(tags).decode()
    return {"run_id": run_id, "dataset_id": dataset_id, "context": rules.context(tags), "tags": text}


_ADD = Insert(dataset, new_only)
_u = run_dataset.c
_SET = Insert(run_dataset, replacing("tags", unique=[_u.run_id, _u.dataset_id, _u.context]))
_NUMBERS = Among(lambda names: sa.select(dataset.c.identity, dataset.c.id).where(dataset.c.identity.in_(names)))
_PRESENT = Among(
    lambda runs: (
        sa.select(_u.run_id, dataset.c.name, dataset.c.digest, _u.context, dataset.c.id, _u.tags)
        .join_from(run_dataset, dataset, dataset.c.id == _u.dataset_id)
        .where(_u.run_id.in_(runs))
    )
)
