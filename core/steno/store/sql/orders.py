"""Orders as SQL: columns to sort by, and the stretches of an index that hold them in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import sqlalchemy as sa

from steno.store.paging import Position
from steno.store.places import Places
from steno.store.search import Order
from steno.store.sql.clauses import Clause, location, status_name
from steno.store.sql.tables import metric, param, run, tag
from steno.store.text import joined, split

__all__ = ["Found", "Phase", "SortColumns", "index_phases", "sort_columns", "time_phase"]

_TABLES = {"metric": metric, "param": param, "tag": tag}
_PRESENT, _SECOND, _MISSING = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Found:
    """A run and its place in the order."""

    number: int
    position: Position

    @classmethod
    def of_row(cls, row: Sequence[Any]) -> Self:
        """From a row of the number and then rank, value and text for each term."""
        number, *rest = row
        key = tuple(
            (rank, text if value is None else value) for rank, value, text in zip(*[iter(rest)] * 3, strict=True)
        )
        return cls(number, Position(key, number))


# ---------------------------------------------------------------- sorting


@dataclass(frozen=True, slots=True)
class SortColumns:
    """What one term sorts by: rank ascending, then `value` and `text` in the direction asked for.

    Where a run has a number the text is NULL and the other way round; both are NULL where it has neither.
    """

    rank: Any
    value: Any
    text: Any
    descending: bool

    def ways(self) -> list[Any]:
        """For ORDER BY."""
        return [self.rank] + [column.desc() if self.descending else column for column in (self.value, self.text)]

    def places(self, rank: int, value: Any) -> Iterator[tuple[Any, Any, Any]]:
        """Column, condition of being behind, and place, for each column that is not NULL there."""
        yield self.rank, self.rank > rank, rank
        if value is not None:
            column = self.text if isinstance(value, str) else self.value
            yield column, column < value if self.descending else column > value, value


def sort_columns(term: Order, key_id: int | None, source: Any, places: Places) -> tuple[SortColumns, Any]:
    """The columns of a term, and the source joined with what they need."""
    nothing = sa.null()
    if term.field.entity == "attribute":
        value, text = _attribute(term.field.key, places)
        rank = (
            sa.case((run.c.end_time.is_(None), _MISSING), else_=_PRESENT) if value is run.c.end_time else sa.literal(0)
        )
        return SortColumns(
            rank, nothing if value is None else value, nothing if text is None else text, term.descending
        ), source
    table = _TABLES[term.field.entity].alias()
    mine = (table.c.run_id == run.c.id) & (table.c.key_id == (-1 if key_id is None else key_id))
    source = sa.outerjoin(source, table, mine)
    missing = (table.c.run_id.is_(None), _MISSING)
    if term.field.entity == "metric":
        rank = sa.case(missing, (table.c.value.is_(None), _SECOND), else_=_PRESENT)
        return SortColumns(rank, table.c.value, nothing, term.descending), source
    whole = table.c.value + sa.func.coalesce(table.c.rest, "")
    if term.field.entity == "tag":
        return SortColumns(sa.case(missing, else_=_PRESENT), nothing, whole, term.descending), source
    rank = sa.case(missing, (table.c.number.is_(None), _SECOND), else_=_PRESENT)
    text = sa.case((table.c.number.is_(None), whole))
    return SortColumns(rank, table.c.number, text, term.descending), source


def _attribute(name: str, places: Places) -> tuple[Any, Any]:
    if name in ("start_time", "end_time"):
        return run.c[name], None
    texts: dict[str, Any] = {"run_id": run.c.uuid, "run_name": run.c.name, "user_id": run.c.owner}
    if name == "status":
        return None, status_name()
    return None, texts.get(name, location(places) if name not in texts else None)


# ---------------------------------------------------------------- walking


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of an index that holds the runs of one rank in order.

    Attributes:
        rank: which.
        source: the table walked; its rows name runs by `number`.
        number: the column with the run's number.
        where: which rows.
        columns: what they are sorted by before their numbers, in the index's order; at most a value and its rest.
        descending: the direction.
        oldest_first: the direction of the numbers.
        absent_from: a table alias in which the run must have no row, with the condition on it.
    """

    rank: int
    source: Any
    number: Any
    where: tuple[Any, ...]
    columns: tuple[Any, ...]
    descending: bool
    absent_from: tuple[Any, Any] | None = None
    oldest_first: bool = False

    def narrowed(self, clauses: Sequence[Clause]) -> Self:
        """The same rows, but only those that pass clauses on the very table that is walked."""
        if self.rank == _MISSING:
            return self
        return replace(self, where=(*self.where, *[item.on(self.source) for item in clauses if item.on is not None]))

    def window(self, at: Position | None, rows: int) -> sa.Subquery:
        """The next rows behind a place."""
        shown = [column.label(f"sort{place}") for place, column in enumerate(self.columns)]
        query = sa.select(self.number.label("number"), *shown).select_from(self.source).where(*self.where)
        if at is not None:
            query = query.where(self._behind(at))
        ways = [column.desc() if self.descending else column for column in self.columns]
        return query.order_by(*ways, self._by_number(self.number)).limit(rows).subquery("walked")

    def _by_number(self, number: Any) -> Any:
        return number.asc() if self.oldest_first else number.desc()

    def _behind(self, at: Position) -> Any:
        value = at.key[0][1]
        parts = [value] if len(self.columns) < 2 else [split(value)[0], split(value)[1] or ""]
        cases: list[Any] = []
        equal: list[Any] = []
        for column, place in zip(self.columns, parts, strict=False):
            cases.append(sa.and_(*equal, column < place if self.descending else column > place))
            equal.append(column == place)
        later = self.number > at.number if self.oldest_first else self.number < at.number
        behind = sa.or_(*cases, sa.and_(*equal, later))
        if not self.columns:
            return behind
        first = self.columns[0]  # said once more, alone, since this is what an index can begin at
        return sa.and_(first <= parts[0] if self.descending else first >= parts[0], behind)

    def ways(self, window: sa.Subquery) -> list[Any]:
        """For ORDER BY over a window."""
        columns = [window.c[f"sort{place}"] for place in range(len(self.columns))]
        ways = [column.desc() if self.descending else column for column in columns]
        return [*ways, self._by_number(window.c.number)]

    def position(self, row: Any) -> Position:
        """The place of a row of a window."""
        values = row[1:]
        value = None if not values else values[0] if len(values) == 1 else joined(values[0], values[1] or None)
        return Position(((self.rank, value),), row.number)

    def tests(self, number: Any) -> list[Any]:
        """Conditions on the run beside those of the filter."""
        if self.absent_from is None:
            return []
        table, mine = self.absent_from
        row: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(table).where(table.c.run_id == number, mine)
        return [sa.not_(sa.exists(row.correlate_except(table)))]


def time_phase(experiment_id: int, *, descending: bool) -> Phase:
    """The runs of one experiment by the time of their start."""
    walked = run.alias()
    mine = (walked.c.experiment_id == experiment_id,)
    time = (walked.c.start_time,)
    return Phase(_PRESENT, walked, walked.c.id, mine, time, descending, oldest_first=not descending)


def index_phases(term: Order, key_id: int | None, *, everywhere: bool) -> list[Phase]:
    """The runs by a metric, a param or a tag.

    Args:
        term: of the order.
        key_id: number of the key; None if no run ever had it.
        everywhere: every run that is looked for has a value, so that those without need not be walked.
    """
    if key_id is None:
        return [_rest(None, term)]
    table = _TABLES[term.field.entity].alias()
    mine, down = table.c.key_id == key_id, term.descending

    def phase(rank: int, where: Any, *columns: Any) -> Phase:
        return Phase(rank, table, table.c.run_id, (mine, where), columns, down)

    if term.field.entity == "metric":
        value = table.c.value
        phases = [phase(_PRESENT, value.is_not(None), value), phase(_SECOND, value.is_(None))]
        return phases if everywhere else [*phases, _rest(key_id, term)]
    text = table.c.value, sa.func.coalesce(table.c.rest, "")
    if term.field.entity == "param":
        number = table.c.number
        phases = [phase(_PRESENT, number.is_not(None), number), phase(_SECOND, number.is_(None), *text)]
    else:
        phases = [phase(_PRESENT, sa.true(), *text)]
    return phases if everywhere else [*phases, _rest(key_id, term)]


def _rest(key_id: int | None, term: Order) -> Phase:
    walked, table = run.alias(), _TABLES[term.field.entity].alias()
    absent = None if key_id is None else (table, table.c.key_id == key_id)
    return Phase(_MISSING, walked, walked.c.id, (), (), term.descending, absent)
