"""Searching runs: one of three plans, none of which needs statistics or ever skips rows by counting them.

1. A clause that few runs fit drives: its runs come from the index, the other clauses are tested on them.
2. Else, when the order is that of an index, the index is walked in windows until the page is full. Clauses are tested
   on the index row, before the run is read.
3. Else every run that fits is sorted.

The answers are those of `steno.store.meaning`.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import sqlalchemy as sa

from steno.entities import ViewType
from steno.store.paging import Position, checked_size, comparison, fingerprint, read_token, token
from steno.store.places import Places
from steno.store.rules import checked_view, experiment_number
from steno.store.search import All, Field, Order, oldest_first, parse_filter, parse_order
from steno.store.sql.clauses import Clause, clause, required
from steno.store.sql.keys import Keys
from steno.store.sql.orders import Found, Phase, index_phases, sort_columns, time_phase
from steno.store.sql.statements import in_pieces
from steno.store.sql.tables import experiment, run

__all__ = ["Search", "count", "page"]

LATEST_FIRST = (Order(Field("attribute", "start_time"), descending=True),)
_MANY_EXPERIMENTS = 20  # with more of them their runs are sorted, not merged
_FIRST_WINDOW, _WINDOW = 1000, 20_000  # rows of an index looked at in one statement


@dataclass(frozen=True, slots=True)
class Search:
    """One search, checked."""

    experiments: tuple[int, ...]
    condition: All
    order: tuple[Order, ...]
    size: int
    view: int
    mark: bytes
    start: Position | None

    @classmethod
    def of(
        cls,
        experiment_ids: Sequence[str],
        filter_string: str,
        order_by: Sequence[str],
        max_results: int,
        page_token: str | None,
        view_type: int,
    ) -> Self:
        """Check the arguments of `Store.search_runs`.

        Raises:
            FilterError: the filter or the order does not parse.
            InvalidInputError: the size or the token cannot be.
        """
        condition, order = parse_filter(filter_string), parse_order(order_by) or LATEST_FIRST
        numbers = sorted({number for number in map(experiment_number, experiment_ids) if number is not None})
        mark = fingerprint("runs", numbers, filter_string, order, view_type)
        start = read_token(mark, page_token, len(order))
        return cls(tuple(numbers), condition, order, checked_size(max_results), checked_view(view_type), mark, start)


@dataclass(frozen=True, slots=True)
class _Scope:
    """The runs that are looked at: whose experiments, and the condition on a run's own row."""

    experiments: tuple[int, ...]
    condition: sa.ColumnElement[bool]


def count(connection: sa.Connection, experiment_id: str, view_type: int) -> int:
    """How many runs an experiment has."""
    number = experiment_number(experiment_id)
    scope = _scope(connection, () if number is None else (number,), view_type)
    query = sa.select(sa.func.count()).select_from(run)
    query = query.where(run.c.experiment_id.in_(scope.experiments), scope.condition)
    return connection.execute(query).scalar_one()


def page(connection: sa.Connection, keys: Keys, places: Places, search: Search) -> tuple[list[int], str | None]:
    """The numbers of the runs on one page, and the token of the next."""
    scope = _scope(connection, search.experiments, search.view)
    if not scope.experiments:
        return [], None
    clauses = [clause(connection, keys, places, part) for part in search.condition.parts]  # type: ignore[arg-type]
    few, others = _drivers(connection, clauses)
    found = _found(connection, keys, places, search, scope, few, others)
    more = len(found) > search.size
    found = found[: search.size]
    return [item.number for item in found], token(search.mark, found[-1].position) if more else None


def _found(
    connection: sa.Connection,
    keys: Keys,
    places: Places,
    search: Search,
    scope: _Scope,
    few: set[int] | None,
    clauses: list[Clause],
) -> list[Found]:
    """One more than a page holds, if there are that many."""
    if few is not None:
        within = run.c.id.in_(sa.bindparam("few", sorted(few), expanding=True, literal_execute=True))
        return _sorted(connection, keys, places, search, scope, clauses, within) if few else []
    if len(search.order) == 1:
        term = search.order[0]
        if term.field == LATEST_FIRST[0].field and len(scope.experiments) <= _MANY_EXPERIMENTS:
            return _merged(connection, search, scope, clauses)
        if term.field.entity in ("metric", "param", "tag"):
            everywhere = (term.field.entity, term.field.key) in required(clauses)
            phases = index_phases(term, keys.find(connection, term.field.key), everywhere=everywhere)
            return _walk(connection, phases, search, scope, clauses)
    return _sorted(connection, keys, places, search, scope, clauses)


def _scope(connection: sa.Connection, numbers: Sequence[int], view: int) -> _Scope:
    deleted: dict[int, bool] = {}
    for piece in in_pieces(list(numbers)):
        query = sa.select(experiment.c.id, experiment.c.deleted_at.is_not(None)).where(experiment.c.id.in_(piece))
        deleted.update({number: bool(gone) for number, gone in connection.execute(query)})
    if view == ViewType.ACTIVE_ONLY:
        active = tuple(number for number, gone in deleted.items() if not gone)
        return _Scope(active, run.c.deleted_at.is_(None))
    everything = tuple(deleted)
    if view == ViewType.ALL:
        return _Scope(everything, sa.true())
    gone = [number for number, is_gone in deleted.items() if is_gone]
    return _Scope(everything, run.c.deleted_at.is_not(None) | run.c.experiment_id.in_(gone))


def _drivers(connection: sa.Connection, clauses: Sequence[Clause]) -> tuple[set[int] | None, list[Clause]]:
    """The runs that fit all clauses which few runs fit, None if there is no such clause; and the other clauses."""
    few: set[int] | None = None
    others = []
    for item in clauses:
        if few is not None and len(few) < 200:
            others.append(item)
            continue
        ids = item.few_ids(connection)
        if ids is None:
            others.append(item)
        else:
            few = ids if few is None else few & ids
    return few, others


# ---------------------------------------------------------------- plan 1 and 3: sort what fits


def _sorted(
    connection: sa.Connection,
    keys: Keys,
    places: Places,
    search: Search,
    scope: _Scope,
    clauses: Sequence[Clause],
    *within: sa.ColumnElement[bool],
) -> list[Found]:
    source: Any = run
    terms = []
    for term in search.order:
        columns, source = sort_columns(term, keys.find(connection, term.field.key), source, places)
        terms.append(columns)
    shown = [column for columns in terms for column in (columns.rank, columns.value, columns.text)]
    query = sa.select(run.c.id, *shown).select_from(source)
    of = run.c.experiment_id + 0 if within else run.c.experiment_id  # with `+ 0` SQLite leaves that index alone
    query = query.where(of.in_(scope.experiments), scope.condition, *within)
    query = query.where(*(item.test(run.c.id) for item in clauses))
    up = oldest_first(search.order)
    if search.start is not None:
        query = query.where(_behind(terms, search.start, up))
    ways = [way for columns in terms for way in columns.ways()]
    query = query.order_by(*ways, run.c.id.asc() if up else run.c.id.desc()).limit(search.size + 1)
    return [Found.of_row(row) for row in connection.execute(query)]


def _behind(terms: Sequence[Any], start: Position, up: bool) -> sa.ColumnElement[bool]:
    """Behind a place in the order: equal in the first terms and behind in the next."""
    cases: list[Any] = []
    equal: list[Any] = []
    for columns, (rank, value) in zip(terms, start.key, strict=True):
        for column, is_behind, place in columns.places(rank, value):
            cases.append(sa.and_(*equal, is_behind))
            equal.append(column == place)
    cases.append(sa.and_(*equal, run.c.id > start.number if up else run.c.id < start.number))
    return sa.or_(*cases)


# ---------------------------------------------------------------- plan 2: walk an index


def _merged(connection: sa.Connection, search: Search, scope: _Scope, clauses: Sequence[Clause]) -> list[Found]:
    """Runs by time: the index has them by experiment, and the experiments' pages are merged."""
    descending = search.order[0].descending
    found: list[Found] = []
    for number in scope.experiments:
        found += _walk(connection, [time_phase(number, descending=descending)], search, scope, clauses)
    compare = comparison(search.order)
    by_place = functools.cmp_to_key(compare)
    found.sort(key=lambda item: by_place(item.position))
    return found[: search.size + 1]


def _walk(
    connection: sa.Connection, phases: Sequence[Phase], search: Search, scope: _Scope, clauses: Sequence[Clause]
) -> list[Found]:
    wanted = search.size + 1
    found: list[Found] = []
    field = search.order[0].field
    is_own = [item.comparison.field == field and item.on is not None for item in clauses]
    own = list(itertools.compress(clauses, is_own))
    others = [item for item, mine in zip(clauses, is_own, strict=True) if not mine]
    for phase in (phase.narrowed(own) for phase in phases):
        start = search.start
        if start is not None and phase.rank < start.key[0][0]:
            continue
        at = start if start is not None and phase.rank == start.key[0][0] else None
        rows = min(_WINDOW, max(_FIRST_WINDOW, 2 * wanted))
        while len(found) < wanted:
            window = phase.window(at, rows)
            hits = _in_window(connection, phase, window, scope, others, wanted - len(found))
            found += hits
            if len(found) >= wanted:
                return found
            last = connection.execute(sa.select(window).offset(rows - 1).limit(1)).first()
            if last is None:
                break
            at = phase.position(last)
            needed = rows * (wanted - len(found)) * 5 // (4 * max(1, len(hits)))  # if the rest is like this window
            rows = max(min(_FIRST_WINDOW, rows), min(_WINDOW, 4 * rows, needed))
    return found


def _in_window(
    connection: sa.Connection,
    phase: Phase,
    window: sa.Subquery,
    scope: _Scope,
    clauses: Sequence[Clause],
    wanted: int,
) -> list[Found]:
    number = window.c.number
    query = sa.select(window).join_from(window, run, run.c.id == number)
    tests = [item.test(number) for item in clauses]
    query = query.where(*phase.tests(number), *tests, run.c.experiment_id.in_(scope.experiments), scope.condition)
    query = query.order_by(*phase.ways(window)).limit(wanted)
    return [Found(row.number, phase.position(row)) for row in connection.execute(query)]
