"""Clauses of a filter as SQL: a test for one run, and where an index allows it, the runs that pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from steno.store.places import INSIDE, Places
from steno.store.rules import STATUSES
from steno.store.search import Comparison, holds, like
from steno.store.sql.keys import Keys
from steno.store.sql.statements import is_like
from steno.store.sql.tables import dataset, metric, param, run, run_dataset, tag
from steno.store.text import VALUE_LENGTH, split

__all__ = ["FEW", "Clause", "clause", "location", "required", "status_name"]

FEW = 5000
"""So many runs, or distinct values, are fetched to be looked at; with more of them an index is walked."""

Condition = sa.ColumnElement[bool]
_TABLES = {"metric": metric, "param": param, "tag": tag}


@dataclass(frozen=True, slots=True)
class Clause:
    """One comparison, ready to be asked.

    Attributes:
        comparison: what it says.
        source: the rows that pass, for the entities that have rows; None for attributes.
        condition: on a row of `source`, or on the run.
        negated: a run passes if it has no such row.
        indexed: whether an index finds the rows.
        on: the condition on another alias of the same table, for who walks that table anyway.
    """

    comparison: Comparison
    condition: Condition
    source: Any = None
    negated: bool = False
    indexed: bool = False
    on: Callable[[Any], Condition] | None = None

    def test(self, run_id: sa.ColumnElement[int]) -> Condition:
        """Whether the run of this number passes; for attributes the run's row must be in the query."""
        if self.source is None:
            return self.condition
        rows: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(self.source)
        rows = rows.where(self.source_run == run_id, self.condition)
        found = sa.exists(rows.correlate_except(*_tables_in(self.source)))
        return sa.not_(found) if self.negated else found

    @property
    def source_run(self) -> sa.ColumnElement[int]:
        """The column of `source` that names the run."""
        return _tables_in(self.source)[0].c.run_id  # type: ignore[no-any-return]

    def few_ids(self, connection: sa.Connection) -> set[int] | None:
        """The runs that pass, if they are few and an index finds them; else None."""
        if not self.indexed:
            return None
        column = run.c.id if self.source is None else self.source_run
        query = sa.select(column).where(self.condition)
        if connection.execute(query.offset(FEW).limit(1)).first() is not None:
            return None
        return set(connection.execute(query).scalars())


def _tables_in(source: Any) -> list[Any]:
    return [source.left, source.right] if isinstance(source, sa.Join) else [source]


def clause(connection: sa.Connection, keys: Keys, places: Places, comparison: Comparison) -> Clause:
    """The clause of one comparison."""
    entity = comparison.field.entity
    if entity == "attribute":
        return _on_attribute(connection, places, comparison)
    if entity == "dataset":
        return _on_dataset(connection, comparison)
    key_id = keys.find(connection, comparison.field.key)
    on = _on_key(connection, _TABLES[entity], key_id, comparison)
    table = _TABLES[entity].alias()
    if comparison.operator == "is null":
        return Clause(comparison, on(table), table, negated=True)
    return Clause(comparison, on(table), table, indexed=True, on=on)


def _on_key(
    connection: sa.Connection, base: sa.Table, key_id: int | None, comparison: Comparison
) -> Callable[[Any], Condition]:
    """The condition on a row of a table of keys and values, for any alias of it."""
    number = -1 if key_id is None else key_id
    if comparison.operator in ("is null", "is not null"):
        return lambda table: table.c.key_id == number
    if base is metric:
        return lambda table: (table.c.key_id == number) & _on_number(table.c.value, comparison, nan_is_null=True)
    if comparison.is_numeric:
        return lambda table: (table.c.key_id == number) & _on_number(table.c.number, comparison, nan_is_null=False)
    if comparison.operator in ("like", "ilike"):
        on = _on_pattern(connection, base, key_id, str(comparison.value), ignore_case=comparison.operator == "ilike")
        return lambda table: (table.c.key_id == number) & on(table)
    return lambda table: (table.c.key_id == number) & _on_text(table, comparison)


def _on_number(column: Any, comparison: Comparison, *, nan_is_null: bool) -> Condition:
    wanted: Any = comparison.value
    if isinstance(wanted, float) and math.isnan(wanted):
        return column.is_(None) if comparison.operator == "=" else column.is_not(None)  # type: ignore[no-any-return]
    condition = _compared(column, comparison)
    return condition | column.is_(None) if nan_is_null and comparison.operator == "!=" else condition


def _compared(column: Any, comparison: Comparison) -> Condition:
    wanted: Any = comparison.value
    made = {
        "=": column.__eq__,
        "!=": column.__ne__,
        "<": column.__lt__,
        "<=": column.__le__,
        ">": column.__gt__,
        ">=": column.__ge__,
        "in": column.in_,
        "not in": column.not_in,
    }[comparison.operator]
    return made(wanted)  # type: ignore[no-any-return]


def _on_text(table: Any, comparison: Comparison) -> Condition:
    """A test of text that is kept in two columns: `value`, and `rest` beyond 256 characters."""
    wanted: Any = comparison.value
    texts = wanted if isinstance(wanted, tuple) else (wanted,)
    short = [text for text in texts if len(text) < VALUE_LENGTH]  # these have no rest, so the index alone tells
    long = [split(text) for text in texts if len(text) >= VALUE_LENGTH]
    is_one = sa.or_(
        table.c.value.in_(short),
        *[(table.c.value == value) & table.c.rest.is_not_distinct_from(rest) for value, rest in long],
    )
    return is_one if comparison.operator in ("=", "in") else sa.not_(is_one)


def _on_pattern(
    connection: sa.Connection, base: sa.Table, key_id: int | None, pattern: str, *, ignore_case: bool
) -> Callable[[Any], Condition]:
    """LIKE by the distinct values, of which there are mostly few; else by looking at each row."""

    def fits(column: Any) -> Condition:
        return is_like(connection, column, pattern, ignore_case=ignore_case)

    def on_each(table: Any) -> Condition:
        value, rest = table.c.value, table.c.rest
        return sa.or_(rest.is_(None) & fits(value), rest.is_not(None) & fits(value + rest))

    distinct = [] if key_id is None else _distinct_values(connection, base, key_id)
    if distinct is None:
        return on_each
    fits_text = like(pattern, ignore_case=ignore_case)
    whole = [text for text in distinct if len(text) < VALUE_LENGTH and fits_text(text)]
    maybe_cut = [text for text in distinct if len(text) == VALUE_LENGTH]
    if not maybe_cut:
        return lambda table: table.c.value.in_(whole)
    return lambda table: sa.or_(table.c.value.in_(whole), table.c.value.in_(maybe_cut) & on_each(table))


def _distinct_values(connection: sa.Connection, table: sa.Table, key_id: int) -> list[str] | None:
    """The distinct values of a key, jumping from one to the next in the index; None if there are many."""
    first = sa.select(sa.func.min(table.c.value).label("value")).where(table.c.key_id == key_id)
    seen = first.cte("seen", recursive=True)
    after = sa.select(sa.func.min(table.c.value)).where(table.c.key_id == key_id, table.c.value > seen.c.value)
    seen = seen.union_all(sa.select(after.scalar_subquery()).where(seen.c.value.is_not(None)))
    query = sa.select(seen.c.value).where(seen.c.value.is_not(None)).limit(FEW + 1)
    values = list(connection.execute(query).scalars())
    return None if len(values) > FEW else values


# ---------------------------------------------------------------- attributes and datasets


def location(places: Places) -> sa.ColumnElement[str]:
    """`Places.told` of a run's location, in SQL."""
    uri = run.c.artifact_uri
    inside = sa.func.substr(uri, 1, len(INSIDE)) == INSIDE
    return sa.case((inside, sa.literal(places.prefix) + sa.func.substr(uri, len(INSIDE) + 1)), else_=uri)


def status_name() -> sa.ColumnElement[str]:
    """The name of a run's status, in SQL."""
    return sa.case({number: name for name, number in STATUSES.items()}, value=run.c.status)


def _on_attribute(connection: sa.Connection, places: Places, comparison: Comparison) -> Clause:
    key = comparison.field.key
    if key == "status":
        numbers = [number for name, number in STATUSES.items() if holds(comparison, name)]
        return Clause(comparison, run.c.status.in_(numbers))
    if key in ("start_time", "end_time"):
        return Clause(
            comparison, _compared(run.c[key], comparison), on=lambda table: _compared(table.c[key], comparison)
        )
    column: Any = {"run_id": run.c.uuid, "run_name": run.c.name, "user_id": run.c.owner}.get(key)
    condition = _on_plain_text(connection, location(places) if column is None else column, comparison)
    return Clause(comparison, condition, indexed=key == "run_id" and comparison.operator in ("=", "in"))


def _on_plain_text(connection: sa.Connection, column: Any, comparison: Comparison) -> Condition:
    if comparison.operator in ("like", "ilike"):
        return is_like(connection, column, str(comparison.value), ignore_case=comparison.operator == "ilike")
    return _compared(column, comparison)


def _on_dataset(connection: sa.Connection, comparison: Comparison) -> Clause:
    used, what = run_dataset.alias(), dataset.alias()
    said = sa.func.nullif(used.c.context, "")  # what was not said is neither equal nor unequal to anything
    column = said if comparison.field.key == "context" else what.c[comparison.field.key]
    source = sa.join(used, what, what.c.id == used.c.dataset_id)
    return Clause(comparison, _on_plain_text(connection, column, comparison), source)


def required(clauses: Sequence[Clause]) -> set[tuple[str, str]]:
    """The fields that every run has which passes all clauses, as (entity, key)."""
    fields = [item.comparison.field for item in clauses if item.source is not None and not item.negated]
    return {(field.entity, field.key) for field in fields}
