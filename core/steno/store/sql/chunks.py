"""A chunk: consecutive points of one metric, packed into bytes and back, bit for bit.

Short chunks are three plain columns. Longer ones hold steps and timestamps as differences of 0, 1, 2, 4 or 8 bytes
each, and values as float32 where that loses no bit. Differences are taken and summed modulo 2**64, so no step and no
timestamp is too far from its neighbour. All numbers are little-endian.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["CAP", "FANOUT", "Columns", "extents", "joined", "latest", "pack", "unpack"]

CAP = 4096  # points in a sealed chunk
FANOUT = 64  # small chunks of one series before they are folded into one

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Columns: TypeAlias = tuple[Ints, Ints, Floats]
"""Steps, timestamps and values of one series."""

_PLAIN, _WIDTHS = 0, (1, 2, 4, 8)


def pack(steps: Ints, timestamps: Ints, values: Floats) -> bytes:
    """The three columns as bytes.

    Args:
        steps: int64, at least one.
        timestamps: int64, as many.
        values: float64, as many.
    """
    if len(values) < FANOUT:
        return bytes([_PLAIN]) + _bytes(steps, "<i8") + _bytes(timestamps, "<i8") + _bytes(values, "<f8")
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        short = values.astype("<f4")
        exact = bool((short.astype(np.float64).view(np.int64) == values.view(np.int64)).all())
    payload = short.tobytes() if exact else _bytes(values, "<f8")
    return bytes([4 if exact else 8]) + _pack_ints(steps) + _pack_ints(timestamps) + payload


def unpack(data: bytes, count: int) -> Columns:
    """The inverse of `pack`.

    Args:
        data: what `pack` made.
        count: how many points it holds.

    Raises:
        ValueError: the bytes are not a chunk of `count` points.
    """
    width = data[0]
    if width == _PLAIN:
        steps, timestamps, at = _ints(data, 1, count), _ints(data, 1 + 8 * count, count), 1 + 16 * count
        width = 8
    elif width in (4, 8):
        steps, at = _unpack_ints(data, 1, count)
        timestamps, at = _unpack_ints(data, at, count)
    else:
        raise ValueError(f"no chunk begins with byte {width}")
    return steps, timestamps, np.frombuffer(data, f"<f{width}", count, at).astype(np.float64)


def _bytes(column: NDArray[Any], kind: str) -> bytes:
    return column.astype(kind, copy=False).tobytes()


def _ints(data: bytes, at: int, count: int) -> Ints:
    return np.frombuffer(data, "<i8", count, at).astype(np.int64, copy=False)


def _pack_ints(column: Ints) -> bytes:
    first, steps = _bytes(column[:1], "<i8"), np.diff(column)
    if (steps == steps[0]).all():
        return b"\0" + first + _bytes(steps[:1], "<i8")
    low, high = int(steps.min()), int(steps.max())
    width = next(w for w in _WIDTHS if -(1 << 8 * w - 1) <= low and high < 1 << 8 * w - 1)
    return bytes([width]) + first + _bytes(steps, f"<i{width}")


def _unpack_ints(data: bytes, at: int, count: int) -> tuple[Ints, int]:
    width, first = data[at], _ints(data, at + 1, 1)
    if width == 0:
        return first + _ints(data, at + 9, 1) * np.arange(count, dtype=np.int64), at + 17
    column = np.empty(count, np.int64)
    column[0] = 0
    np.cumsum(np.frombuffer(data, f"<i{width}", count - 1, at + 9), dtype=np.int64, out=column[1:])
    column += first
    return column, at + 9 + width * (count - 1)


def joined(parts: Iterable[Columns]) -> Columns:
    """Several stretches of one series as one."""
    steps, timestamps, values = zip(*parts, strict=True)
    return np.concatenate(steps), np.concatenate(timestamps), np.concatenate(values)


def extents(steps: Ints, timestamps: Ints, values: Floats) -> tuple[int, int, int, int, float, float]:
    """Least and greatest step, timestamp and value; the values' are NaN when all are."""
    lows = int(steps.min()), int(timestamps.min())
    highs = int(steps.max()), int(timestamps.max())
    low, high = float(np.fmin.reduce(values)), float(np.fmax.reduce(values))
    return lows[0], highs[0], lows[1], highs[1], low, high


def latest(steps: Ints, timestamps: Ints, values: Floats) -> int:
    """Where the latest point is: the greatest (step, timestamp, value), NaN lowest, the later of equals."""
    last = len(values) - 1
    if last == 0 or bool((steps[:-1] < steps[-1]).all()):
        return last
    missing = np.isnan(values)
    order = np.lexsort((np.where(missing, 0.0, values), ~missing, timestamps, steps))
    return int(order[-1])
