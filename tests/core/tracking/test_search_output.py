"""`search_runs`: the forms in which runs are handed out."""

from __future__ import annotations

import math
import sys
from typing import Any

import pandas as pd
import polars as pl
import pytest

import steno
from steno.errors import FilterError, InvalidInputError
from steno.tracking import fluent

FIXED = ["run_id", "experiment_id", "status", "artifact_uri", "start_time", "end_time"]


def make_runs() -> list[str]:
    """Two runs, the first ended; returns their ids, latest first."""
    client = steno.Client()
    one = client.create_run("0", start_time=1_700_000_000_123, run_name="one").info.run_id
    client.log_batch(one, tags={"t": "x"})
    client.log_metric(one, "loss", 0.5)
    client.log_param(one, "depth", 4)
    client.set_terminated(one, end_time=1_700_000_001_000)
    two = client.create_run("0", start_time=1_700_000_002_000, run_name="two").info.run_id
    client.log_metric(two, "acc", math.inf)
    client.log_param(two, "name", None)
    return [two, one]


def test_pandas_has_mlflows_columns() -> None:
    """A data frame with one row a run: times with a zone, missing where a run has no metric or param."""
    two, one = make_runs()
    frame = steno.search_runs()
    assert isinstance(frame, pd.DataFrame)
    assert [name for name in frame.columns if not name.startswith("tags.")] == [
        *FIXED, "metrics.acc", "metrics.loss", "params.name", "params.depth",
    ]  # fmt: skip
    assert {"tags.t", "tags.mlflow.runName"} <= set(frame.columns)
    first, second = frame.to_dict("records")
    assert (first["run_id"], first["status"], first["metrics.acc"], first["params.name"]) == (
        two, "RUNNING", math.inf, "None",
    )  # fmt: skip
    assert (second["run_id"], second["status"], second["metrics.loss"], second["params.depth"]) == (
        one, "FINISHED", 0.5, "4",
    )  # fmt: skip
    assert math.isnan(first["metrics.loss"])
    assert math.isnan(second["metrics.acc"])
    assert [bool(pd.isna(cell)) for cell in (first["params.depth"], second["params.name"], first["tags.t"])] == [
        True
    ] * 3
    assert second["tags.t"] == "x"
    assert second["start_time"] == pd.Timestamp(1_700_000_000_123, unit="ms", tz="UTC")
    assert second["end_time"] == pd.Timestamp(1_700_000_001_000, unit="ms", tz="UTC")
    assert first["end_time"] is pd.NaT
    assert {str(frame[name].dtype) for name in ("metrics.acc", "metrics.loss")} == {"float64"}
    assert type(frame["params.depth"][1]) is str


def test_polars_has_the_same() -> None:
    """`output_format="polars"` gives the same columns and values as a polars frame."""
    two, one = make_runs()
    frame = steno.search_runs(output_format="polars")
    assert frame.columns == list(steno.search_runs().columns)
    assert frame["run_id"].to_list() == [two, one]
    assert frame["start_time"].dtype == pl.Datetime("ms", "UTC")
    assert frame["start_time"].dt.epoch("ms").to_list() == [1_700_000_002_000, 1_700_000_000_123]
    assert frame["end_time"].is_null().to_list() == [True, False]
    assert frame["params.depth"].to_list() == [None, "4"]


def test_a_list_holds_whole_runs() -> None:
    """`output_format="list"` gives the runs themselves, in the same order."""
    ids = make_runs()
    assert steno.search_runs(output_format="list") == [steno.get_run(run_id) for run_id in ids]


@pytest.mark.parametrize(
    ("output_format", "kind"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame), ("list", list)]
)
def test_nothing_found_has_the_same_form(output_format: str, kind: Any) -> None:
    """Where nothing is found, or no store exists yet, the answer is an empty one of the same kind."""
    found: Any = steno.search_runs(output_format=output_format)
    assert type(found) is kind
    assert len(found) == 0
    if kind is not list:
        assert list(found.columns) == FIXED


def test_without_pandas_another_form_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pandas is not installed polars stands in, and a list where neither is; "polars" is taken at its word."""
    make_runs()
    hidden = {"pandas"}
    find = sys.modules["importlib.util"].find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None if name in hidden else find(name, *rest))
    monkeypatch.delitem(sys.modules, "pandas")
    assert isinstance(steno.search_runs(), pl.DataFrame)
    hidden.add("polars")
    monkeypatch.delitem(sys.modules, "polars")
    assert isinstance(steno.search_runs(), list)
    with pytest.raises(InvalidInputError, match="pip install polars"):
        steno.search_runs(output_format="polars")


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [({"output_format": "csv"}, InvalidInputError, "output_format is 'csv'"),
     ({"experiment_ids": ["0"], "experiment_names": ["a"]}, InvalidInputError, "accepted is one of them"),
     ({"experiment_ids": "metrics.loss > 1"}, InvalidInputError, r"a filter into filter_string"),
     ({"max_results": "5"}, InvalidInputError, "max_results is '5'"),
     ({"max_results": -1}, InvalidInputError, "max_results is -1"),
     ({"run_view_type": "ALL"}, InvalidInputError, "view type is 'ALL'"),
     ({"experiment_names": "Default"}, InvalidInputError, r"write \['Default'\]"),
     ({"experiment_names": [5]}, InvalidInputError, "experiment name is 5"),
     ({"filter_string": "metrics.loss >"}, FilterError, "column"),
     ({"order_by": ["nonsense"]}, FilterError, "nonsense")],
    ids=str,
)  # fmt: skip
def test_a_wrong_question_is_refused(arguments: dict[str, Any], error: type[Exception], said: str) -> None:
    """A question that means nothing is refused and the message says what to write."""
    make_runs()
    with pytest.raises(error, match=said):
        steno.search_runs(**arguments)


def test_where_to_look() -> None:
    """The current experiment unless ids, names or all of them are asked for; unknown ones have no runs."""
    default = make_runs()
    other = steno.set_experiment("other")
    with steno.start_run() as run:
        pass
    gone = steno.create_experiment("gone")
    steno.Client().create_run(gone)
    steno.delete_experiment(gone)

    def found(**arguments: Any) -> list[str]:
        return [one.info.run_id for one in steno.search_runs(output_format="list", **arguments)]

    mine = [run.info.run_id]
    assert found() == found(experiment_ids=[other.experiment_id]) == found(experiment_names=["other"]) == mine
    assert found(experiment_names=["Default"]) == found(experiment_ids=[0]) == default
    assert found(search_all_experiments=True) == mine + default
    assert found(experiment_names=["nope"]) == found(experiment_ids=["77"]) == []


def test_filters_orders_and_limits() -> None:
    """A filter, an order and a limit are applied together."""
    client = steno.Client()
    for number in range(6):
        run_id = client.create_run("0", run_name=f"r{number}").info.run_id
        client.log_metric(run_id, "loss", number / 2)
        client.log_param(run_id, "depth", number)
    found = steno.search_runs(
        filter_string="params.depth != '0' and metrics.loss < 2.5",
        order_by=["metrics.loss ASC"],
        max_results=3,
        output_format="list",
    )
    assert [run.info.run_name for run in found] == ["r1", "r2", "r3"]


def test_more_runs_than_a_page_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches go on beyond one page until everything, or as much as was asked for, is there, each once."""
    monkeypatch.setattr(fluent, "_PAGE", 4)
    client = steno.Client()
    made = [client.create_run("0", start_time=1_000 + number).info.run_id for number in range(11)]
    runs = [run.info.run_id for run in steno.search_runs(output_format="list")]
    assert runs == made[::-1]
    assert [run.info.run_id for run in steno.search_runs(output_format="list", max_results=6)] == made[:4:-1]
    names = [f"e{number}" for number in range(9)]
    for name in names:
        steno.create_experiment(name)
    assert [one.name for one in steno.search_experiments()] == [*names[::-1], "Default"]
    assert [one.name for one in steno.search_experiments(max_results=6)] == names[:2:-1]
