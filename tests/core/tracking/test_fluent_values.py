"""Metrics, params and tags through the public functions, up to what the store gives back."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import steno
from steno.entities import Metric, Param, ParamValue
from steno.errors import InvalidInputError, StenoWarning
from steno.tracking.session import session


def test_every_float_comes_back_to_the_bit() -> None:
    """NaN, infinities, -0.0, subnormal and maximal numbers come back from the store as they went in."""
    values = [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308, 0.1]
    with steno.start_run() as run:
        for step, value in enumerate(values):
            steno.log_metric("m", value, step=step)
            steno.log_metrics({f"m{step}": value})
    back = [point.value for point in steno.Client().get_metric_history(run.info.run_id, "m")]
    latest = steno.get_run(run.info.run_id).data.metrics
    expected = [struct.pack("<d", value) for value in values]
    assert [struct.pack("<d", value) for value in back] == expected
    assert [struct.pack("<d", latest[f"m{step}"]) for step in range(len(values))] == expected


@given(key=st.text(min_size=1, max_size=40))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_name_comes_back(key: str) -> None:
    """Metrics, params and tags may have any text as their name."""
    if "\0" in key or key.encode("utf-8", "replace").decode() != key or key.startswith("mlflow."):
        return
    run = session().open_run()
    run.log_metric(key, 1.0)
    run.log_params({key: 2})
    run.set_tags({key: 3})
    run.end()
    data = steno.get_run(run.run_id).data
    assert (data.metrics, data.params, data.tags[key]) == ({key: 1.0}, {key: "2"}, "3")


def test_names_that_differ_stay_apart() -> None:
    """Names that differ in case, normal form or separator only are different metrics."""
    names = ["a/b", "a.b", "A/b", "ü", "u\u0308", " a/b", "", "a//b", "../x", "'; drop table run; --"]
    with steno.start_run() as run:
        steno.log_metrics({name: float(place) for place, name in enumerate(names)})
    assert run.data.metrics == {name: float(place) for place, name in enumerate(names)}


def test_what_no_database_keeps_is_escaped_aloud() -> None:
    """NUL and lone surrogates in names and values are recorded as visible escapes, with a warning each."""
    with steno.start_run() as run:
        with pytest.warns(StenoWarning, match="metric name"):
            steno.log_metric("a\0b", 1.0)
        with pytest.warns(StenoWarning, match="param value"):
            steno.log_param("p", "x\ud800")
        with pytest.warns(StenoWarning, match="tag value"):
            steno.set_tag("t", "\0")
        steno.log_metric("a\0b", 2.0, step=1)
    data = run.data
    assert (data.metrics, data.params, data.tags["t"]) == ({"a\\u0000b": 2.0}, {"p": "x\\ud800"}, "\\u0000")


def test_a_bad_value_loses_only_itself() -> None:
    """A call with some bad values records the good ones and raises an error that names the bad ones."""
    with steno.start_run() as run:
        with pytest.raises(
            InvalidInputError, match=r"(?s)2 metrics were not recorded, the others were:.*'bad'.*'worse'"
        ):
            steno.log_metrics({"good": 1.0, "bad": "abc", "worse": None, "fine": np.float32(2)})
        with pytest.raises(InvalidInputError, match="metric value is 'x'"):
            steno.log_metric("a", "x")
        with pytest.raises(InvalidInputError, match=r"(?s)tag name is 3"):
            steno.set_tags({"good": "1", 3: "2"})  # type: ignore[dict-item]
        with pytest.raises(InvalidInputError, match="metrics are"):
            steno.log_metrics([1, 2])  # type: ignore[arg-type]
    data = run.data
    assert (data.metrics, data.tags["good"]) == ({"good": 1.0, "fine": 2.0}, "1")


def test_a_param_keeps_its_first_value() -> None:
    """A second value for a param raises and changes nothing; the same value again is fine; the rest is recorded."""
    with steno.start_run() as run:
        steno.log_params({"lr": 0.1, "depth": 4})
        steno.log_param("lr", 0.1)
        with pytest.raises(InvalidInputError, match=r"'0\.1' already, and a param keeps its first value; '0\.2'"):
            steno.log_params({"lr": 0.2, "seed": 7})
        assert steno.log_param("returned", [1, 2]) == [1, 2]
    assert run.data.params == {"lr": "0.1", "depth": "4", "seed": "7", "returned": "[1, 2]"}


def test_params_keep_type_and_length() -> None:
    """Params come back with their type and whole text, nested and long ones too."""
    values = {"a": 0.1, "b": None, "c": True, "d": [1, {"x": (2, 3)}], "e": "y" * 50_000, "f": float("inf"), "g": "0.1"}
    with steno.start_run() as run:
        steno.log_params(values)
    back = {key: value.value for key, value in run.data.params.items()}
    assert back == values


def test_tags_are_set_replaced_and_deleted() -> None:
    """The last value of a tag wins, values become text, a deleted tag is gone, deleting what is not there is fine."""
    with steno.start_run() as run:
        steno.set_tags({"a": 1, "b": None, "c": "x"})
        steno.set_tag("a", 2)
        steno.delete_tag("c")
        steno.delete_tag("never")
    tags = run.data.tags
    assert (tags["a"], tags["b"], "c" in tags) == ("2", "None", False)


def test_curves_are_recorded_whole() -> None:
    """A curve is as many points, with steps and times given or counted; a bad point loses only itself."""
    run = session().open_run()
    run.log_curve("plain", [1, 0.5, np.float32(0.25)])
    run.log_curve("array", np.linspace(0, 1, 50_000), steps=range(0, 100_000, 2))
    with pytest.raises(InvalidInputError, match=r"step 1 \(int\): metric value is None"):
        run.log_curve("holes", [1.0, None, 3.0], timestamps=[10, 20, 30])
    with pytest.raises(InvalidInputError, match="3 values, 2 steps and 3 timestamps"):
        run.log_curve("uneven", [1, 2, 3], steps=[1, 2])
    run.end()
    client = steno.Client()
    assert [(point.step, point.value) for point in client.get_metric_history(run.run_id, "plain")] == [
        (0, 1.0),
        (1, 0.5),
        (2, 0.25),
    ]
    array = session().store.metric_history(run.run_id, "array")
    assert (array.values == np.linspace(0, 1, 50_000)).all()
    assert (array.steps == np.arange(0, 100_000, 2)).all()
    assert client.get_metric_history(run.run_id, "holes") == [Metric("holes", 1.0, 10, 0), Metric("holes", 3.0, 30, 2)]


def test_ten_thousand_metrics_are_kept_and_remarked_on() -> None:
    """A run may have very many different metrics; at ten thousand a warning says what is usual instead."""
    with steno.start_run() as run, pytest.warns(StenoWarning, match="10000 different metrics; all are kept"):
        steno.log_metrics({f"m{place}": float(place) for place in range(10_000)})
    assert len(run.data.metrics) == 10_000


def test_twenty_thousand_params_in_one_call() -> None:
    """A call with very many params records every one."""
    with steno.start_run() as run:
        steno.log_params({f"p{place}": place for place in range(20_000)})
    assert len(run.data.params) == 20_000


def test_a_batch_is_recorded_together() -> None:
    """The client's `log_batch` takes points, params and tags of any number, and names what it could not record."""
    client = steno.Client()
    run = client.create_run("0")
    run_id = run.info.run_id
    points = [Metric("loss", float(step), 1_700_000_000_000, step) for step in range(3000)]
    with pytest.raises(InvalidInputError, match="metric value is 'x'"):
        client.log_batch(
            run_id,
            [*points, Metric("bad", "x", 0)],  # type: ignore[arg-type]
            [Param("p", ParamValue.of(1))],
            {"t": "v"},
        )
    client.set_terminated(run_id)
    found = client.get_run(run_id)
    assert client.get_metric_history(run_id, "loss") == points
    assert (found.data.params, found.data.tags["t"], found.info.status) == ({"p": "1"}, "v", "FINISHED")


def test_logged_plus_rejected_is_sent() -> None:
    """Of many values, good and bad, each is either in the store or named in an error; none is lost in silence."""
    rejected = 0
    values = [1.0, "2", None, math.nan, "x", 3, [4], np.array(5), 6j, True]
    with steno.start_run() as run:
        for step, value in enumerate(values * 10):
            try:
                steno.log_metric("m", value, step=step)
            except InvalidInputError:
                rejected += 1
    logged = len(steno.Client().get_metric_history(run.info.run_id, "m"))
    assert (logged, rejected, logged + rejected) == (60, 40, 100)
