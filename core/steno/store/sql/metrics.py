"""Points of metrics: written as chunks, with the latest point of each series as a row; read as arrays."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import sqlalchemy as sa

from steno.store.base import Chart, Series
from steno.store.columns import SeriesColumns
from steno.store.rules import rank
from steno.store.series import buckets, in_order
from steno.store.sql import chunks
from steno.store.sql.chunks import CAP, FANOUT, Columns
from steno.store.sql.statements import Among, Insert, Statement
from steno.store.sql.tables import metric, metric_chunk

__all__ = ["OpenChunks", "SeriesId", "chart", "fold", "history", "number_in", "number_out", "write"]

SeriesId: TypeAlias = tuple[int, int]
"""Run and key, as numbers."""

_FEW = 64
_EXACT_CHART = 100_000  # below this many points a chart is drawn from all of them
_REMEMBERED = 20_000


@dataclass
class OpenChunks:
    """How many small chunks, with how many points, each series has at its end.

    A hint that spares a query: it decides when a series is folded, never what is read. Other processes may have added
    chunks that it does not know.
    """

    counts: dict[SeriesId, tuple[int, int]] = field(default_factory=dict)

    def update(self, counts: Mapping[SeriesId, tuple[int, int]], folded: Sequence[SeriesId]) -> None:
        """Take over what a committed transaction did."""
        if len(self.counts) > _REMEMBERED:
            self.counts = {}
        self.counts.update(counts)
        for identity in folded:
            self.counts.pop(identity, None)


def number_in(value: float) -> tuple[float | None, int | None]:
    """A value as the columns `value` and `bits`: NaN is NULL, and -0.0 needs its bits since SQLite drops the sign."""
    if value == 0.0:
        return 0.0, (None if math.copysign(1.0, value) > 0 else -(2**63))
    return (None if math.isnan(value) else value), None


def number_out(value: float | None, bits: int | None) -> float:
    """The inverse of `number_in`."""
    if bits is not None:
        return float(struct.unpack("<d", struct.pack("<q", bits))[0])
    return math.nan if value is None else value


# ---------------------------------------------------------------- writing


def write(
    connection: sa.Connection, series: Mapping[SeriesId, SeriesColumns], known: OpenChunks, fresh: set[int]
) -> dict[SeriesId, tuple[int, int]]:
    """Add points to their series.

    Args:
        connection: in a write transaction.
        series: the new points by series, in order of arrival; none empty.
        known: what this process knows of open chunks.
        fresh: runs that this very transaction made, and which therefore have no chunk yet.

    Returns:
        The open chunks of these series after the commit.
    """
    order = sorted(series)  # one order for all writers: no two can wait for each other
    open_chunks = _open_chunks(connection, order, known, fresh)
    latest_rows, chunk_rows = [], []
    for identity in order:
        columns = series[identity]
        latest_rows.append(_latest_row(identity, columns))
        count, points = open_chunks[identity]
        added: Columns | SeriesColumns = columns
        if count + 1 >= FANOUT or points + len(columns[0]) >= CAP:
            added = _taken(connection, identity, _arrays(columns))
            count = points = 0
        total = len(added[0])
        chunk_rows += [_chunk_row(identity, added, start) for start in range(0, total, CAP)]
        rest = total % CAP
        open_chunks[identity] = (count + 1, points + rest) if rest else (0, 0)
    _LATEST.many(connection, latest_rows)
    _CHUNKS.many(connection, chunk_rows)
    return open_chunks


def _open_chunks(
    connection: sa.Connection, series: list[SeriesId], known: OpenChunks, fresh: set[int]
) -> dict[SeriesId, tuple[int, int]]:
    found = {identity: known.counts.get(identity, (0, 0)) for identity in series}
    unknown = [identity for identity in series if identity not in known.counts and identity[0] not in fresh]
    for run_id in dict.fromkeys(run_id for run_id, _ in unknown):
        keys = [key_id for other, key_id in unknown if other == run_id]
        for key_id, count, points in _COUNT_OPEN.rows(connection, keys, run=run_id, cap=CAP):
            found[run_id, key_id] = count, int(points)
    return found


def _arrays(columns: SeriesColumns) -> Columns:
    return np.array(columns[0], np.int64), np.array(columns[1], np.int64), np.array(columns[2], np.float64)


def _latest_row(identity: SeriesId, columns: SeriesColumns) -> dict[str, Any]:
    steps, timestamps, values = columns
    count = len(steps)
    if count == 1:
        at = 0
    elif count < _FEW:
        ranks = [rank(*point) for point in zip(steps, timestamps, values, strict=True)]
        at = max(range(count - 1, -1, -1), key=ranks.__getitem__)
    else:
        at = chunks.latest(*_arrays(columns))
    value, bits = number_in(values[at])
    return {
        "run_id": identity[0],
        "key_id": identity[1],
        "n": count,
        "step": steps[at],
        "ts": timestamps[at],
        "value": value,
        "bits": bits,
    }


def _keeping_greatest(statement: Any) -> Any:
    new, old = statement.excluded, metric.c
    later = sa.tuple_(new.step, new.ts, new.value.is_not(None), sa.func.coalesce(new.value, _ZERO)) >= sa.tuple_(
        old.step, old.ts, old.value.is_not(None), sa.func.coalesce(old.value, _ZERO)
    )
    changed = {name: sa.case((later, new[name]), else_=old[name]) for name in ("step", "ts", "value", "bits")}
    return statement.on_conflict_do_update(
        index_elements=[old.run_id, old.key_id], set_={"n": old.n + new.n, **changed}
    )


def _chunk_row(identity: SeriesId, columns: Columns | SeriesColumns, start: int) -> dict[str, Any]:
    steps, timestamps, values = (column[start : start + CAP] for column in columns)
    count = len(steps)
    if count == 1:
        step, timestamp, value = int(steps[0]), int(timestamps[0]), float(values[0])
        ends: tuple[Any, ...] = step, step, timestamp, timestamp, value, value
        data = b"\0" + struct.pack("<qqd", step, timestamp, value)
    else:
        arrays = np.asarray(steps, np.int64), np.asarray(timestamps, np.int64), np.asarray(values, np.float64)
        ends, data = chunks.extents(*arrays), chunks.pack(*arrays)
    low, high = ends[4:]
    return {
        "run_id": identity[0],
        "key_id": identity[1],
        "n": count,
        "step0": ends[0],
        "step1": ends[1],
        "ts0": ends[2],
        "ts1": ends[3],
        "v0": None if math.isnan(low) else low,
        "v1": None if math.isnan(high) else high,
        "data": data,
    }


def _taken(connection: sa.Connection, identity: SeriesId, *more: Columns) -> Columns:
    """Remove the open chunks of a series from the table; their points come first in what is returned."""
    rows: list[Any] = list(_OPEN.run(connection, run=identity[0], key=identity[1], cap=CAP))
    if rows:
        _DELETE_OPEN.run(connection, run=identity[0], key=identity[1], cap=CAP)
    return chunks.joined([chunks.unpack(data, count) for data, count in rows] + list(more))


def fold(connection: sa.Connection, run_ids: list[int]) -> list[SeriesId]:
    """Make one chunk of the open chunks of each series of these runs; they ended, and nothing more is expected."""
    folded = []
    for run_id, key_id in list(_MANY_OPEN.rows(connection, run_ids, cap=CAP)):
        columns = _taken(connection, (run_id, key_id))
        rows = [_chunk_row((run_id, key_id), columns, start) for start in range(0, len(columns[0]), CAP)]
        _CHUNKS.many(connection, rows)
        folded.append((run_id, key_id))
    return folded


_ZERO: sa.ColumnElement[float] = sa.literal_column("0.0")
_chunk = metric_chunk.c
_mine = (_chunk.run_id == sa.bindparam("run")) & (_chunk.key_id == sa.bindparam("key"))
_is_open = _chunk.n < sa.bindparam("cap")
_LATEST, _CHUNKS = Insert(metric, _keeping_greatest), Insert(metric_chunk)
_ALL = Statement(lambda _dialect: sa.select(_chunk.data, _chunk.n).where(_mine).order_by(_chunk.id))
_OPEN = Statement(lambda _dialect: sa.select(_chunk.data, _chunk.n).where(_mine, _is_open).order_by(_chunk.id))
_DELETE_OPEN = Statement(lambda _dialect: sa.delete(metric_chunk).where(_mine, _is_open))
_MANY_OPEN = Among(
    lambda runs: (
        sa.select(_chunk.run_id, _chunk.key_id)
        .where(_chunk.run_id.in_(runs), _is_open)
        .group_by(_chunk.run_id, _chunk.key_id)
        .having(sa.func.count() > sa.literal_column("1"))
    )
)
_COUNT_OPEN = Among(
    lambda keys: (
        sa.select(_chunk.key_id, sa.func.count(), sa.func.sum(_chunk.n))
        .where(_chunk.run_id == sa.bindparam("run"), _chunk.key_id.in_(keys), _is_open)
        .group_by(_chunk.key_id)
    )
)


# ---------------------------------------------------------------- reading


def history(connection: sa.Connection, identity: SeriesId, key: str) -> Series:
    """Every point of one series, by (step, timestamp)."""
    rows: list[Any] = list(_ALL.run(connection, run=identity[0], key=identity[1]))
    total = sum(count for _, count in rows)
    steps, timestamps, values = np.empty(total, np.int64), np.empty(total, np.int64), np.empty(total, np.float64)
    at = 0
    for data, count in rows:
        here = slice(at, at + count)
        steps[here], timestamps[here], values[here] = chunks.unpack(data, count)
        at += count
    return Series(key, *in_order(steps, timestamps, values))


def chart(connection: sa.Connection, identity: SeriesId, key: str, points: int) -> Chart:
    """One series as at most `points` values; of a very long one only the chunks' extents are read."""
    chunk = metric_chunk.c
    mine = (chunk.run_id == identity[0]) & (chunk.key_id == identity[1])
    count, total = connection.execute(sa.select(sa.func.count(), sa.func.sum(chunk.n)).where(mine)).one()
    wanted = max(1, points // 2)
    if count < wanted or total < _EXACT_CHART:
        series = history(connection, identity, key)
        return Chart(key, *buckets(series.steps, series.values, wanted))
    query = sa.select(chunk.step0, chunk.v0, chunk.v1).where(mine).order_by(chunk.step0, chunk.id)
    steps, lows, highs = zip(*connection.execute(query), strict=True)
    edges = np.arange(0, count, -(-count // wanted))
    return Chart(
        key,
        np.array(steps, np.int64)[edges],
        np.fmin.reduceat(np.array(lows, np.float64), edges),
        np.fmax.reduceat(np.array(highs, np.float64), edges),
    )
