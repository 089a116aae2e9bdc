"""Records of metrics turned from rows into columns, many at a time."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, TypeAlias

from steno.store.base import Rejection
from steno.store.records import Curve, Point, Points
from steno.store.rules import bad_point, uneven_curve
from steno.store.text import storable

__all__ = ["MetricRecord", "SeriesColumns", "transposed"]

MetricRecord: TypeAlias = Point | Points | Curve
SeriesColumns: TypeAlias = tuple["array[int]", "array[int]", "array[float]"]
"""Steps, timestamps and values of one series in the order in which they came."""


def transposed(records: Sequence[MetricRecord], rejections: list[Rejection]) -> dict[tuple[str, str], SeriesColumns]:
    """The points by (run, key), in order of arrival.

    Stretches of equal shape are turned over at C speed. What no column can hold (a step beyond 64 bits, a value that
    is no number) goes to `rejections`; the other points of its stretch are kept.
    """
    out: _Out = {}
    at, end = 0, len(records)
    while at < end:
        first = records[at]
        stop = at + 1
        if isinstance(first, Point):
            while stop < end and type(records[stop]) is Point:
                stop += 1
            _points(records[at:stop], out, rejections)
        elif isinstance(first, Points):
            shape = list(first.values)
            while stop < end and _same_shape(records[stop], first.run_id, shape):
                stop += 1
            _rows(records[at:stop], first.run_id, shape, out, rejections)
        else:
            _curve(first, out, rejections)
        at = stop
    return {key: columns for key, columns in out.items() if columns[0]}


_Out: TypeAlias = dict[tuple[str, str], SeriesColumns]


def _same_shape(record: MetricRecord, run_id: str, shape: list[str]) -> bool:
    return type(record) is Points and record.run_id == run_id and list(record.values) == shape


def _points(records: Sequence[Any], out: _Out, rejections: list[Rejection]) -> None:
    series: dict[tuple[str, str], list[Point]] = {}
    for record in records:
        key = record.run_id, record.key
        group = series.get(key)
        if group is None:
            series[key] = [record]
        else:
            group.append(record)
    for key, group in series.items():
        steps, timestamps = [point.step for point in group], [point.timestamp for point in group]
        _extend(key, steps, timestamps, [point.value for point in group], out, rejections)


def _rows(records: Sequence[Any], run_id: str, shape: list[str], out: _Out, rejections: list[Rejection]) -> None:
    steps, timestamps = [record.step for record in records], [record.timestamp for record in records]
    columns = zip(*[record.values.values() for record in records], strict=True)
    for name, values in zip(shape, columns, strict=True):
        _extend((run_id, name), steps, timestamps, values, out, rejections)


def _curve(record: Curve, out: _Out, rejections: list[Rejection]) -> None:
    lengths = len(record.values), len(record.steps), len(record.timestamps)
    if len(set(lengths)) > 1:
        rejections.append(uneven_curve(record.run_id, record.key, lengths))
        return
    _extend((record.run_id, record.key), record.steps, record.timestamps, record.values, out, rejections)


def _extend(
    key: tuple[str, str],
    steps: Sequence[int],
    timestamps: Sequence[int],
    values: Sequence[float],
    out: _Out,
    rejections: list[Rejection],
) -> None:
    run_id, name = key
    columns = out.setdefault((storable(run_id), storable(name)), (array("q"), array("q"), array("d")))
    try:
        new = array("q", steps), array("q", timestamps), array("d", values)
    except (TypeError, ValueError, OverflowError):
        for step, timestamp, value in zip(steps, timestamps, values, strict=True):
            refused = bad_point(*key, value, step, timestamp)
            if refused is not None:
                rejections.append(refused)
                continue
            columns[0].append(step)
            columns[1].append(timestamp)
            columns[2].append(float(value))
        return
    columns[0].extend(new[0])
    columns[1].extend(new[1])
    columns[2].extend(new[2])
