"""What may be logged, and what comes of it: exactly that, or an error that says what to do."""

from __future__ import annotations

import math
import struct
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steno.errors import InvalidInputError, StenoWarning
from steno.tracking.values import clean_text, key_of, metric_value, milliseconds, param_value, step_of, tag_value


class Tensor:
    """What torch, jax and others have in common, of one element."""

    shape = (1, 1)

    def item(self) -> float:
        return 2.5

    def __float__(self) -> float:
        raise AssertionError("converted by other means than item()")


class Unwilling:
    """An object that raises whenever it is looked at."""

    def __float__(self) -> float:
        raise RuntimeError("not today")

    def __str__(self) -> str:
        raise RuntimeError("not today")


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


@given(st.floats())
@settings(max_examples=200)
def test_every_float_is_recorded_to_the_last_bit(value: float) -> None:
    """NaN, infinities, -0.0 and subnormal numbers are recorded as they are."""
    assert bits(metric_value(value)) == bits(value)


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (True, 1.0),
        (3, 3.0),
        (np.bool_(True), 1.0),
        (np.float16(0.5), 0.5),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.int64(7), 7.0),
        (np.array(2.0), 2.0),
        (np.array([[2.0]]), 2.0),
        (Decimal("0.25"), 0.25),
        (Fraction(1, 4), 0.25),
        (Tensor(), 2.5),
        ("3.5", 3.5),
        ("-inf", -math.inf),
        (pd.Series([4.0]).iloc[0], 4.0),
    ],
    ids=repr,
)
def test_what_is_one_number_is_taken_for_it(given_: Any, expected: float) -> None:
    """Booleans, numpy scalars, decimals, fractions, arrays of one element and numeric text are numbers."""
    found = metric_value(given_)
    assert (type(found), found) == (float, expected)


@pytest.mark.parametrize(
    "given_",
    [
        None,
        pd.NaT,
        pd.NA,
        np.ma.masked,
        np.ma.array([1.0], mask=[True]),
        np.datetime64("NaT"),
        np.datetime64("2020-01-01"),
        1 + 2j,
        np.complex128(1 + 2j),
        np.array([1 + 2j]),
        [1.0],
        {"a": 1},
        np.zeros(3),
        np.zeros(0),
        "abc",
        b"1",
        "1e400",
        10**400,
        Decimal("1e400"),
        np.longdouble("1e4000"),
        object(),
        Unwilling(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_one_number_is_refused_with_advice(given_: Any) -> None:
    """Missing, complex, too large and many values raise an error that shows the value and says what to log instead."""
    with pytest.raises(InvalidInputError, match=r"(?s)metric value .*: .*(log|text goes)"):
        metric_value(given_)


def test_an_integer_beyond_a_floats_precision_is_rounded_aloud() -> None:
    """An integer of which a float cannot hold every digit is rounded with a warning; one that fits is not."""
    with pytest.warns(StenoWarning, match="rounded"):
        assert metric_value(2**70 + 1) == float(2**70)
    assert metric_value(2**70) == float(2**70)


@given(st.integers(-(2**63), 2**63 - 1))
@settings(max_examples=50)
def test_every_step_of_64_bits_is_kept(step: int) -> None:
    """Steps may be negative and as large as a database's integer."""
    assert step_of(step) == step


@pytest.mark.parametrize(("given_", "expected"), [(None, 0), (3.0, 3), (np.int32(4), 4), (np.float64(2), 2), (True, 1)])
def test_a_whole_number_is_a_step(given_: Any, expected: int) -> None:
    """A float or numpy scalar without a fraction is a step."""
    assert (type(step_of(given_)), step_of(given_)) == (int, expected)


@pytest.mark.parametrize("given_", [1.5, math.nan, math.inf, "3", 2**63, -(2**63) - 1, [1], np.float32(0.5)], ids=repr)
def test_a_step_that_is_no_whole_number_is_refused(given_: Any) -> None:
    """A step is never truncated or wrapped around."""
    with pytest.raises(InvalidInputError, match="step is"):
        step_of(given_)


@pytest.mark.parametrize("given_", [-1, 2**63, 1_700_000_000_000_000_000, 1_700_000_000_000_000, "now", 1.5e300])
def test_a_timestamp_in_another_unit_is_refused(given_: Any) -> None:
    """A timestamp that cannot be milliseconds is refused, not stored as the year 55,000."""
    with pytest.raises(InvalidInputError, match="milliseconds"):
        milliseconds(given_)


def test_seconds_are_noticed() -> None:
    """A timestamp that looks like seconds is kept and said, once: milliseconds were meant."""
    with pytest.warns(StenoWarning, match=r"timestamp 1700000000 .* int\(time.time\(\) \* 1000\)"):
        assert milliseconds(1_700_000_000.5) == 1_700_000_000
    assert [milliseconds(at) for at in (0, 1000, 1_700_000_000)] == [0, 1000, 1_700_000_000]


def test_timestamps_are_kept() -> None:
    """Milliseconds since 1970 are recorded as given; none means now."""
    assert milliseconds(1_700_000_000_123) == 1_700_000_000_123
    assert milliseconds(None) > 1_700_000_000_000


@given(st.text(max_size=30))
@settings(max_examples=200)
def test_any_text_is_a_name(text: str) -> None:
    """Names are any text: emoji, slashes, quotes; only NUL and lone surrogates are made visible."""
    if "\0" in text or text.encode("utf-8", "replace").decode() != text:
        return
    assert key_of(text, "metric") == text


def test_what_no_database_keeps_becomes_visible() -> None:
    """NUL and lone surrogates are recorded as escapes, with one warning."""
    with pytest.warns(StenoWarning, match="characters that no database keeps"):
        assert clean_text("a\0b\ud800c", "tag value") == "a\\u0000b\\ud800c"


@pytest.mark.parametrize("given_", [None, 3, b"loss", ("a",)])
def test_a_name_that_is_no_text_is_refused(given_: Any) -> None:
    """A name of another type is a programming error and says so."""
    with pytest.raises(InvalidInputError, match="metric name is"):
        key_of(given_, "metric")


@pytest.mark.parametrize(
    ("given_", "kind"),
    [(0.1, "float"), (4, "int"), (True, "bool"), (None, "none"), ([1, "a"], "literal"), ("x" * 10_000, "str")],
    ids=lambda value: str(value)[:10],
)
def test_a_param_keeps_its_type_and_length(given_: Any, kind: str) -> None:
    """A param's text is whole and knows the value that it was made from."""
    found = param_value("p", given_)
    assert (found.kind, found.value) == (kind, given_)


def test_an_object_without_text_is_refused() -> None:
    """A param or tag whose `str()` raises is refused with the type named."""
    with pytest.raises(InvalidInputError, match="'p' has a value of type Unwilling"):
        param_value("p", Unwilling())
    with pytest.raises(InvalidInputError, match="'t' has a value of type Unwilling"):
        tag_value("t", Unwilling())
