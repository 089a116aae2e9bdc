"""Names of metrics, params and tags as numbers; remembered per process, since a name never changes its number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from steno.store.sql.statements import Among, Insert, Statement, new_only
from steno.store.sql.tables import key
from steno.store.text import index_key

__all__ = ["NAME", "Keys"]

_REMEMBERED = 50_000
NAME = sa.func.coalesce(key.c.full_name, key.c.name)
"""The whole name, in SQL."""
_FIND = Statement(lambda _dialect: sa.select(key.c.id).where(key.c.name == sa.bindparam("name")))
_READ = Among(lambda names: sa.select(key.c.name, key.c.id).where(key.c.name.in_(names)))
_MAKE = Insert(key, new_only)


class Keys:
    """The numbers of names."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def find(self, connection: sa.Connection, name: str) -> int | None:
        """The number of a name; None if nothing ever had it."""
        known = self._ids.get(name)
        if known is not None:
            return known
        return _FIND.run(connection, name=index_key(name)).scalar()

    def made(self, connection: sa.Connection, names: Iterable[str]) -> Mapping[str, int]:
        """The numbers of all these names, made where there was none.

        They are remembered only by `remember`, once the transaction is through: a number made in a transaction that
        is rolled back does not exist.
        """
        wanted = set(names)
        ids = {name: self._ids[name] for name in wanted if name in self._ids}
        new = sorted(wanted - ids.keys())  # in order: two writers that make the same names cannot wait for each other
        if not new:
            return ids
        rows = [{"name": index_key(name), "full_name": name if index_key(name) != name else None} for name in new]
        _MAKE.many(connection, rows)
        by_index = {index_key(name): name for name in new}
        ids.update({by_index[name]: number for name, number in _READ.rows(connection, list(by_index))})
        return ids

    def remember(self, ids: Mapping[str, int]) -> None:
        """Keep numbers that a committed transaction made or used."""
        if len(self._ids) > _REMEMBERED:
            self._ids = {}
        self._ids.update(ids)
