"""Good and bad input, from the call to what is read back."""

from __future__ import annotations

import enum
import math
import struct
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

import steno
from steno.entities import Param, ParamValue
from steno.errors import InvalidInputError, StenoWarning

BIG = 2**63


class Name(str, enum.Enum):  # noqa: UP042  a StrEnum already prints as its value
    """Names of metrics, as people keep them."""

    LOSS = "loss"


class Raises:
    """An object that cannot be turned into anything."""

    def __init__(self, fault: Exception) -> None:
        self.fault = fault

    def __float__(self) -> float:
        raise self.fault

    def __str__(self) -> str:
        raise self.fault

    __repr__ = __str__


def bits(value: float) -> bytes:
    """All 64 bits: NaN equals itself and -0.0 is not 0.0."""
    return struct.pack("<d", value)


ACCEPTED: dict[str, tuple[Any, float]] = {
    "NaN": (math.nan, math.nan),
    "inf": (math.inf, math.inf),
    "-inf": (-math.inf, -math.inf),
    "-0.0": (-0.0, -0.0),
    "subnormal": (5e-324, 5e-324),
    "max": (1.7976931348623157e308, 1.7976931348623157e308),
    "bool": (True, 1.0),
    "numpy bool": (np.bool_(False), 0.0),
    "Decimal": (Decimal("0.25"), 0.25),
    "Fraction": (Fraction(1, 3), 1 / 3),
    "int": (7, 7.0),
    "0-d": (np.array(0.5), 0.5),
    "one element": (np.array([[0.5]]), 0.5),
    "series": (pd.Series([2.5]), 2.5),
    "not masked": (np.ma.array([1.5], mask=[False]), 1.5),
    "text": ("3.5", 3.5),
    "text inf": ("-Infinity", -math.inf),
    "float16": (np.float16(0.1), float(np.float16(0.1))),
    "float32": (np.float32(0.1), float(np.float32(0.1))),
    "longdouble": (np.longdouble("0.5"), 0.5),
    "numpy int": (np.int64(-3), -3.0),
}
REFUSED: dict[str, tuple[Any, str]] = {
    "10**400": (10**400, "beyond the range of a float"),
    "10**5000": (10**5000, "beyond the range of a float"),
    "longdouble": (np.longdouble("1e4000"), "beyond the range of a float"),
    "Decimal": (Decimal("1e400"), "beyond the range of a float"),
    "text 1e400": ("1e400", "beyond the range of a float"),
    "array": (np.zeros(3), "3 elements"),
    "empty array": (np.zeros(0), "0 elements"),
    "list": ([1.0], "one number"),
    "dict": ({"a": 1}, "one number"),
    "masked": (np.ma.masked, "missing"),
    "masked array": (np.ma.array([1.0], mask=[True]), "masked"),
    "NA": (pd.NA, "missing"),
    "NaT": (pd.NaT, "missing"),
    "None": (None, "missing"),
    "datetime64": (np.datetime64("2024-01-01"), "missing"),
    "complex": (1 + 2j, "real numbers"),
    "complex array": (np.array([1 + 0j]), "real numbers"),
    "word": ("abc", "accepted is a number"),
    "no text": ("", "accepted is a number"),
    "bytes": (b"1.0", "accepted is a number"),
    "raises": (Raises(RuntimeError("no")), "RuntimeError"),
    "raises OSError": (Raises(OSError("gone")), "OSError"),
}


def test_numbers_come_back_as_they_went_in() -> None:
    """Whatever is a number is stored as exactly that float, alone and among others, sign and NaN included."""
    with steno.start_run() as run:
        for name, (value, _) in ACCEPTED.items():
            steno.log_metric(name, value, step=0)
        steno.log_metrics({name: value for name, (value, _) in ACCEPTED.items()}, step=1)
        session_read = {name: bits(value) for name, value in run.data.metrics.items()}
    client = steno.Client()
    read = {name: [bits(p.value) for p in client.get_metric_history(run.info.run_id, name)] for name in ACCEPTED}
    assert read == {name: [bits(stored)] * 2 for name, (_, stored) in ACCEPTED.items()}
    assert session_read == {name: bits(stored) for name, (_, stored) in ACCEPTED.items()}


@pytest.mark.parametrize(("value", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_number_is_refused_and_the_rest_kept(value: Any, reason: str) -> None:
    """A value that is no number raises an error that says why; the other values of the call are recorded."""
    with steno.start_run() as run:
        with pytest.raises(InvalidInputError, match=reason):
            steno.log_metric("bad", value)
        with pytest.raises(InvalidInputError, match=reason):
            steno.log_metrics({"before": 1.0, "bad": value, "after": 2.0}, step=3)
    found = steno.get_run(run.info.run_id)
    assert (found.data.metrics, found.info.status) == ({"before": 1.0, "after": 2.0}, "FINISHED")


def test_several_bad_values_are_named_together() -> None:
    """One error names every bad value of a call, so that all can be corrected at once."""
    mixed: dict[Any, Any] = {"a": None, "b": 1.0, "c": "x", 5: 2.0}
    with steno.start_run() as run, pytest.raises(InvalidInputError) as caught:
        steno.log_metrics(mixed)
    told = str(caught.value)
    assert told.startswith("3 metrics were not recorded")
    assert all(name in told for name in ("'a' (str)", "'c' (str)", "5 (int)"))
    assert steno.get_run(run.info.run_id).data.metrics == {"b": 1.0}


NAMES = {
    "größe/日本": "größe/日本",
    "ndcg@3 =#?%+()[]'\";<>,": "ndcg@3 =#?%+()[]'\";<>,",
    "🦦": "🦦",
    "a\nb\t": "a\nb\t",
    "a\u202eb": "a\u202eb",
    "a\0b": "a\\u0000b",
    "a\ud800b": "a\\ud800b",
    "": "",
    ".": ".",
    "../x": "../x",
    "/x": "/x",
    "a//b": "a//b",
    "k" * 251: "k" * 251,
    "k" * 100_000: "k" * 100_000,
    "'; DROP TABLE runs; --": "'; DROP TABLE runs; --",
    Name.LOSS: "loss",
    "Loss": "Loss",
    "e\u0301": "e\u0301",
    "\u00e9": "\u00e9",
    "a.b": "a.b",
    "a/b": "a/b",
}


@pytest.mark.filterwarnings("ignore::steno.errors.StenoWarning")
def test_any_text_is_a_name() -> None:
    """Any text is a name of its own for metrics, params and tags; only NUL and half characters become escapes."""
    with steno.start_run() as run:
        for place, name in enumerate(NAMES):
            steno.log_metric(name, float(place))
            steno.log_param(name, place)
            steno.set_tag(name, place)
        steno.log_metrics({name: float(place) for place, name in enumerate(NAMES)}, step=1)
    data = steno.get_run(run.info.run_id).data
    texts = {stored: str(place) for place, stored in enumerate(NAMES.values())}
    assert data.metrics == {stored: float(place) for place, stored in enumerate(NAMES.values())}
    assert data.params == texts
    assert {stored: data.tags[stored] for stored in NAMES.values()} == texts
    lengths = {stored: len(steno.Client().get_metric_history(run.info.run_id, stored)) for stored in NAMES.values()}
    assert lengths == dict.fromkeys(NAMES.values(), 2)


@pytest.mark.parametrize("name", [5, None, b"loss", ("a",), 1.5])
def test_only_text_is_a_name(name: Any) -> None:
    """A name that is no text is refused in words by every call, and nothing is stored."""
    calls: tuple[Callable[[Any, Any], object], ...] = (steno.log_metric, steno.log_param, steno.set_tag)
    with steno.start_run() as run:
        for call in calls:
            with pytest.raises(InvalidInputError, match="accepted is text"):
                call(name, 1.0)
    data = steno.get_run(run.info.run_id).data
    assert (data.metrics, data.params) == ({}, {})


STEPS: dict[str, tuple[Any, int | None]] = {
    "negative": (-1, -1),
    "lowest": (-BIG, -BIG),
    "highest": (BIG - 1, BIG - 1),
    "whole float": (3.0, 3),
    "numpy": (np.int32(4), 4),
    "array": (np.array(4), 4),
    "bool": (True, 1),
    "none": (None, 0),
    "2**63": (BIG, None),
    "-2**63-1": (-BIG - 1, None),
    "10**5000": (10**5000, None),
    "fraction": (1.5, None),
    "NaN": (math.nan, None),
    "inf": (math.inf, None),
    "text": ("3", None),
    "list": ([1], None),
}


def test_a_step_is_a_whole_number_or_refused() -> None:
    """A step is kept as a whole number of 64 bits, or refused: never truncated."""
    with steno.start_run() as run:
        for name, (step, stored) in STEPS.items():
            if stored is None:
                with pytest.raises(InvalidInputError, match="step is"):
                    steno.log_metric(name, 1.0, step=step)
                with pytest.raises(InvalidInputError, match="step is"):
                    steno.log_metrics({name: 1.0}, step=step)
            else:
                steno.log_metric(name, 1.0, step=step)
                steno.log_metrics({name: 1.0}, step=step)
    client = steno.Client()
    kept = {name: [p.step for p in client.get_metric_history(run.info.run_id, name)] for name in STEPS}
    assert kept == {name: [] if stored is None else [stored] * 2 for name, (_, stored) in STEPS.items()}


TIMES: dict[str, tuple[Any, int | None]] = {
    "zero": (0, 0),
    "now": (1_700_000_000_123, 1_700_000_000_123),
    "float": (1.7e12, 1_700_000_000_000),
    "negative": (-1, None),
    "2**63": (BIG, None),
    "nanoseconds": (1_700_000_000_000_000_000, None),
    "text": ("now", None),
    "NaN": (math.nan, None),
    "10**5000": (10**5000, None),
}


def test_a_timestamp_is_milliseconds_or_refused() -> None:
    """A timestamp is kept in milliseconds; one in another unit is refused, and the message says what to divide by."""
    with steno.start_run() as run:
        for name, (timestamp, stored) in TIMES.items():
            if stored is None:
                with pytest.raises(InvalidInputError, match="timestamp is"):
                    steno.log_metric(name, 1.0, timestamp=timestamp)
            else:
                steno.log_metric(name, 1.0, timestamp=timestamp)
    latest = steno.get_run(run.info.run_id).data.latest
    kept = {name: stored for name, (_, stored) in TIMES.items() if stored is not None}
    assert {name: point.timestamp for name, point in latest.items()} == kept


def test_points_come_back_in_order_of_step_and_none_is_merged() -> None:
    """Steps out of order and repeated ones are all kept, and the greatest of the last step is the metric's value."""
    logged = [(3, 30.0), (1, 10.0), (3, 31.0), (-2, 5.0), (1, 10.0)]
    with steno.start_run() as run:
        for step, value in logged:
            steno.log_metric("a", value, step=step, timestamp=1000)
    history = steno.Client().get_metric_history(run.info.run_id, "a")
    assert [(point.step, point.value) for point in history] == sorted(logged, key=lambda point: point[0])
    assert steno.get_run(run.info.run_id).data.metrics == {"a": 31.0}


def test_many_different_metrics_are_kept_and_said_once() -> None:
    """10,000 different metric names in one run are all kept; a warning says that there may be a better way."""
    with steno.start_run() as run, pytest.warns(StenoWarning, match="10000 different metrics") as told:
        steno.log_metrics({f"m{number}": float(number) for number in range(10_500)})
    assert len(told) == 1
    assert len(steno.get_run(run.info.run_id).data.metrics) == 10_500


PARAMS: dict[str, tuple[Any, str, Any]] = {
    "text": ("rbf", "rbf", "rbf"),
    "int": (10**30, str(10**30), 10**30),
    "float": (0.1, "0.1", 0.1),
    "-0.0": (-0.0, "-0.0", -0.0),
    "bool": (False, "False", False),
    "None": (None, "None", None),
    "list": ([1, "a", None], "[1, 'a', None]", [1, "a", None]),
    "dict": ({"a": {"b": (1, 2)}}, "{'a': {'b': (1, 2)}}", {"a": {"b": (1, 2)}}),
    "numpy": (np.float64(0.25), "0.25", 0.25),
    "1 MB": ("v" * 1_000_000, "v" * 1_000_000, "v" * 1_000_000),
    "empty": ("", "", ""),
    "class": (Name, "<enum 'Name'>", "<enum 'Name'>"),
}


def test_params_keep_their_whole_value_and_type() -> None:
    """A param reads as the text that MLflow shows and knows the value it was made from, whatever its length."""
    with steno.start_run() as run:
        for name, (value, _, _) in PARAMS.items():
            assert steno.log_param(name, value) is value
    stored = steno.get_run(run.info.run_id).data.params
    read = {name: (str(value), value.value, type(value.value)) for name, value in stored.items()}
    assert read == {name: (text, back, type(back)) for name, (_, text, back) in PARAMS.items()}


def test_values_without_text_are_refused_and_the_rest_kept() -> None:
    """A param or tag whose `str()` raises or never ends costs only itself; one that holds itself has a text."""
    circle: list[Any] = []
    circle.append(circle)
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    with steno.start_run() as run:
        for log in (steno.log_params, steno.set_tags):
            with pytest.raises(InvalidInputError, match=r"^2 (params|tags) were not recorded"):
                log({"good": 1, "bad": Raises(ValueError("secret")), "deep": deep, "circle": circle, "last": 2})
    data = steno.get_run(run.info.run_id).data
    assert data.params == {"good": "1", "circle": "[[...]]", "last": "2"}
    assert {key: data.tags[key] for key in data.params} == data.params
    assert data.tags.keys().isdisjoint({"bad", "deep"})


def test_a_param_keeps_its_first_value() -> None:
    """The same value again is fine; another one is refused, names both, and leaves the rest of the call in place."""
    with steno.start_run() as run:
        steno.log_param("depth", 4)
        steno.log_param("depth", "4")
        with pytest.raises(InvalidInputError, match=r"'depth'.*'4' already.*'5' was not recorded"):
            steno.log_params({"depth": 5, "rate": 0.1})
        batch = [Param(key, ParamValue.of(value)) for key, value in (("lr", 1), ("k", 2), ("lr", 3), ("last", 4))]
        with pytest.raises(InvalidInputError, match="'lr': it has the value '1' already"):
            steno.Client().log_batch(run.info.run_id, params=batch)
    kept = {"depth": "4", "rate": "0.1", "lr": "1", "k": "2", "last": "4"}
    assert steno.get_run(run.info.run_id).data.params == kept


def test_many_params_in_one_call() -> None:
    """A call with 5,000 params keeps them all."""
    with steno.start_run() as run:
        steno.log_params({f"p{number}": number for number in range(5_000)})
    params = steno.get_run(run.info.run_id).data.params
    assert params == {f"p{number}": str(number) for number in range(5_000)}


@pytest.mark.parametrize("values", [None, 5, "ab", [("a", 1)], {1}], ids=str)
def test_what_is_no_dict_is_refused(values: Any) -> None:
    """Calls that take a dict say so when they are given something else."""
    with steno.start_run():
        for call in (steno.log_metrics, steno.log_params, steno.set_tags):
            with pytest.raises(InvalidInputError, match="accepted is a dict"):
                call(values)
