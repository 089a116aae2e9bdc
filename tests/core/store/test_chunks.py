"""Chunks: bytes that hold points exactly."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from steno.store.rules import rank
from steno.store.sql import chunks
from steno.store.sql.chunks import FANOUT

INT64 = st.integers(-(2**63), 2**63 - 1)
BITS = st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0])
ODD = st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 1.7976931348623157e308, float("nan"), float("inf"), 0.1, 1e-45])
FLOATS = st.one_of(BITS, ODD, st.floats(width=32), st.floats())


@st.composite
def columns(draw: st.DrawFn) -> chunks.Columns:
    """Three columns of equal length, of every width and on both sides of the length that is packed."""
    size = draw(st.sampled_from([1, 2, FANOUT - 1, FANOUT, FANOUT + 1, 300]))
    start, spread = draw(INT64), draw(st.sampled_from([0, 1, 100, 30_000, 2**31 - 1, 2**62]))
    noise = np.random.default_rng(draw(st.integers(0, 100)))
    steps = np.cumsum(noise.integers(-spread, spread, size, endpoint=True), dtype=np.int64)
    steps += np.array([start], np.int64)
    few = draw(st.lists(FLOATS, min_size=1, max_size=8))
    values = np.array([few[i % len(few)] for i in range(size)], np.float64)
    return steps, np.arange(size, dtype=np.int64) * draw(st.integers(-1000, 1000)), values


@given(columns())
@settings(max_examples=150, deadline=None)
def test_a_chunk_round_trips_bit_for_bit(written: chunks.Columns) -> None:
    """Steps, times and values come back with each bit, those of NaN and of minus zero included."""
    read = chunks.unpack(chunks.pack(*written), len(written[0]))
    assert [column.tobytes() for column in read] == [column.tobytes() for column in written]
    assert [column.dtype for column in read] == [np.int64, np.int64, np.float64]


def floats(*values: float) -> NDArray[np.float64]:
    return np.array(values, np.float64)


def test_numbers_that_float32_holds_take_half_the_room() -> None:
    """A long chunk of regular steps and short numbers costs about four bytes a point, of doubles about eight."""
    steps = np.arange(4096, dtype=np.int64)
    short = np.random.default_rng(0).random(4096).astype(np.float32).astype(np.float64)
    assert len(chunks.pack(steps, steps, short)) < 4096 * 4 + 50
    assert len(chunks.pack(steps, steps, short + 1e-12)) < 4096 * 8 + 50


def test_foreign_bytes_are_refused() -> None:
    """Bytes that are no chunk raise, they are not read as numbers."""
    with pytest.raises(ValueError, match="no chunk begins with byte 7"):
        chunks.unpack(b"\7" + b"x" * 100, 4)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), FLOATS), min_size=1, max_size=80))
@settings(max_examples=100, deadline=None)
def test_the_latest_of_arrays_is_the_latest_of_points(points: list[tuple[int, int, float]]) -> None:
    """The fast rule for the latest point agrees with the rule as it is written down."""
    steps, timestamps, values = (list(column) for column in zip(*points, strict=True))
    found = chunks.latest(np.array(steps, np.int64), np.array(timestamps, np.int64), floats(*values))
    wanted = max(range(len(points) - 1, -1, -1), key=lambda at: rank(*points[at]))
    assert rank(*points[found]) == rank(*points[wanted])
