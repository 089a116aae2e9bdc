"""The few statements in which dialects differ, and lists too long for one statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["LIKE_FUNCTION", "in_pieces", "insert_new", "is_like", "replace_values", "upsert"]

T = TypeVar("T")
_PIECE = 500
LIKE_FUNCTION = "steno_like"
"""In SQLite, whose own LIKE knows no case: (text, pattern, ignore_case) as `steno.store.search.like` has it."""


def upsert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def insert_new(connection: sa.Connection, table: sa.Table) -> sa.Insert:
    """An insert that leaves rows alone that are there already."""
    return upsert(connection, table).on_conflict_do_nothing()


def in_pieces(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """The items, at most as many at once as one `IN (...)` should have."""
    for start in range(0, len(items), _PIECE):
        yield items[start : start + _PIECE]


def replace_values(
    connection: sa.Connection,
    table: sa.Table,
    columns: Sequence[str],
    unique: Sequence[sa.Column[Any]] | None = None,
) -> sa.Insert:
    """An upsert whose new values win.

    Args:
        connection: says which dialect.
        table: with the columns.
        columns: what is replaced where the row is there already.
        unique: the columns that say whether it is; the primary key unless named.
    """
    statement: Any = upsert(connection, table)
    return statement.on_conflict_do_update(  # type: ignore[no-any-return]
        index_elements=list(unique or table.primary_key.columns),
        set_={name: statement.excluded[name] for name in columns},
    )


def is_like(
    connection: sa.Connection, column: sa.ColumnElement[str], pattern: str, *, ignore_case: bool
) -> sa.ColumnElement[bool]:
    """LIKE without an escape character, as `steno.store.search.like` has it."""
    if connection.dialect.name == "sqlite":
        return sa.Function(LIKE_FUNCTION, column, pattern, int(ignore_case), type_=sa.Boolean()).is_(sa.true())
    plain = pattern.replace("\\", "\\\\")
    return column.ilike(plain) if ignore_case else column.like(plain)
