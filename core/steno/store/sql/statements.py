"""Statements of the hot paths, compiled once; what differs between dialects; lists too long for one statement.

SQLAlchemy builds and looks up an expression each time it is executed, which costs several times what SQLite does. The
statements that every flush and every page runs are therefore compiled once for each dialect, to text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["LIKE_FUNCTION", "Among", "Insert", "Statement", "in_pieces", "is_like", "new_only", "replacing", "upsert"]

T = TypeVar("T")
Row: TypeAlias = Mapping[str, Any]
_PIECE = 500
_LONGEST_PATTERN = 1000
_SIZES = (1, 8, 64, _PIECE)
LIKE_FUNCTION = "steno_like"
"""In SQLite, whose own LIKE knows no case: (text, pattern, ignore_case) as `steno.store.search.like` has it."""


# ---------------------------------------------------------------- compiled once


class Statement:
    """A statement with named parameters, `sa.bindparam`; its constants are `sa.literal_column`.

    Args:
        build: makes it for a dialect; called once for each.
        columns: for an insert or update, the columns that rows have.
    """

    def __init__(self, build: Callable[[str], sa.Executable], columns: Sequence[str] | None = None) -> None:
        self._build, self._columns = build, columns
        self._compiled: dict[str, tuple[str, list[str] | None]] = {}

    def run(self, connection: sa.Connection, **values: Any) -> sa.CursorResult[Any]:
        """Execute it once."""
        text, names = self._text(connection)
        return connection.exec_driver_sql(text, values if names is None else tuple([values[name] for name in names]))

    def many(self, connection: sa.Connection, rows: Sequence[Row]) -> None:
        """Execute it for each row."""
        text, names = self._text(connection)
        if names is None:
            connection.exec_driver_sql(text, [dict(row) for row in rows])
        else:
            connection.exec_driver_sql(text, [tuple([row[name] for name in names]) for row in rows])

    def _text(self, connection: sa.Connection) -> tuple[str, list[str] | None]:
        found = self._compiled.get(connection.dialect.name)
        if found is None:
            statement: Any = self._build(connection.dialect.name)
            made = statement.compile(dialect=connection.dialect, column_keys=self._columns)
            found = self._compiled[connection.dialect.name] = str(made), made.positiontup
        return found


class Among:
    """A query with `IN (...)`, compiled for a few lengths of the list; shorter lists repeat their last item.

    Args:
        build: makes the query, given the list's parameters.
    """

    def __init__(self, build: Callable[[Sequence[sa.BindParameter[Any]]], sa.Executable]) -> None:
        self._by_size = {size: Statement(_with_list(build, size)) for size in _SIZES}

    def rows(self, connection: sa.Connection, items: Sequence[Any], **values: Any) -> Iterator[Any]:
        """The rows for all items, piece by piece."""
        for piece in in_pieces(items):
            size = next(size for size in _SIZES if size >= len(piece))
            listed = {f"item{at}": piece[min(at, len(piece) - 1)] for at in range(size)}
            yield from self._by_size[size].run(connection, **listed, **values)


def _with_list(
    build: Callable[[Sequence[sa.BindParameter[Any]]], sa.Executable], size: int
) -> Callable[[str], sa.Executable]:
    return lambda _dialect: build([sa.bindparam(f"item{at}") for at in range(size)])


def Insert(table: sa.Table, change: Callable[[Any], Any] | None = None) -> Statement:  # noqa: N802  reads as a class
    """A plain insert of whole rows but for a number the database gives, or an upsert.

    Args:
        table: with the columns.
        change: turns the dialect's insert into an upsert, such as `new_only` or `replacing(...)`.
    """
    columns = [column.name for column in table.columns if column.name != "id"]
    return Statement(lambda dialect: (change or _as_it_is)(upsert(dialect, table)), columns)


def _as_it_is(statement: Any) -> Any:
    return statement


# ---------------------------------------------------------------- dialects


def upsert(dialect: str, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def new_only(statement: Any) -> Any:
    """An insert that leaves rows alone that are there already."""
    return statement.on_conflict_do_nothing()


def replacing(*columns: str, unique: Sequence[sa.Column[Any]] = ()) -> Callable[[Any], Any]:
    """An insert whose new values win.

    Args:
        columns: what is replaced where the row is there already.
        unique: the columns that say whether it is; the primary key unless named.
    """

    def change(statement: Any) -> Any:
        return statement.on_conflict_do_update(
            index_elements=list(unique or statement.table.primary_key.columns),
            set_={name: statement.excluded[name] for name in columns},
        )

    return change


def is_like(
    connection: sa.Connection, column: sa.ColumnElement[str], pattern: str, *, ignore_case: bool
) -> sa.ColumnElement[bool]:
    """LIKE without an escape character, as `steno.store.search.like` has it."""
    if connection.dialect.name == "sqlite":
        exact = sa.Function(LIKE_FUNCTION, column, pattern, int(ignore_case), type_=sa.Boolean()).is_(sa.true())
        # SQLite's LIKE lets everything through that ours does, and spares the call for most rows
        return exact if ignore_case or len(pattern) > _LONGEST_PATTERN else column.like(pattern) & exact
    plain = pattern.replace("\\", "\\\\")
    return column.ilike(plain) if ignore_case else column.like(plain)


def in_pieces(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """The items, at most as many at once as one `IN (...)` should have."""
    for start in range(0, len(items), _PIECE):
        yield items[start : start + _PIECE]
