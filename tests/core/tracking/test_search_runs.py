"""`search_runs`: the frame that it gives, and where it looks."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import polars as pl
import pytest

import steno
from steno.errors import FilterError, InvalidInputError
from steno.tracking import search_output


@pytest.fixture
def runs() -> list[str]:
    """Three runs that recorded different things."""
    ids = []
    for place in range(3):
        with steno.start_run(run_name=f"run {place}") as run:
            steno.log_metric("score", float(place))
            if place:
                steno.log_params({"depth": place})
            if place == 2:
                steno.set_tag("best", "yes")
        ids.append(run.info.run_id)
    return ids


def test_the_frame_has_mlflows_columns(runs: list[str]) -> None:
    """The frame's fixed columns come first, then metrics, params and tags; what a run lacks is NaN or None."""
    frame = steno.search_runs(order_by=["metrics.score ASC"])
    assert list(frame.columns[:6]) == ["run_id", "experiment_id", "status", "artifact_uri", "start_time", "end_time"]
    assert list(frame["run_id"]) == runs
    kinds = [str(kind) for kind in frame.dtypes[["start_time", "end_time", "metrics.score"]]]
    assert [kind.replace("[ms", "[us").replace("[ns", "[us") for kind in kinds] == [
        "datetime64[us, UTC]",
        "datetime64[us, UTC]",
        "float64",
    ]
    assert list(frame["metrics.score"]) == [0.0, 1.0, 2.0]
    assert list(frame["params.depth"].fillna("-")) == ["-", "1", "2"]
    assert list(frame["tags.best"].fillna("-")) == ["-", "-", "yes"]
    assert list(frame["tags.mlflow.runName"]) == ["run 0", "run 1", "run 2"]
    groups = [column.partition(".")[0] for column in frame.columns[6:]]
    assert groups == sorted(groups, key=["metrics", "params", "tags"].index)


def test_a_run_in_progress_has_no_end_time() -> None:
    """The end time of a run that goes on is missing, not 1970."""
    steno.start_run()
    frame = steno.search_runs()
    assert pd.isna(frame["end_time"][0])
    assert not pd.isna(frame["start_time"][0])


def test_an_empty_frame_has_the_fixed_columns() -> None:
    """A search without results is an empty frame that can still be asked for its columns."""
    frame = steno.search_runs(filter_string="metrics.never > 1")
    assert (len(frame), list(frame["run_id"])) == (0, [])


def test_polars_and_lists_are_given_when_asked_for(runs: list[str]) -> None:
    """`output_format` also takes "polars" and "list"; another word is refused."""
    frame = steno.search_runs(output_format="polars", order_by=["metrics.score ASC"])
    assert isinstance(frame, pl.DataFrame)
    assert frame["run_id"].to_list() == runs
    assert frame["start_time"].dtype == pl.Datetime("ms", "UTC")
    assert [run.info.run_id for run in steno.search_runs(output_format="list", order_by=["metrics.score ASC"])] == runs
    with pytest.raises(InvalidInputError, match="'pandas', 'polars', 'list'"):
        steno.search_runs(output_format="csv")


def test_without_pandas_there_is_polars_and_without_both_a_list(
    runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where pandas is not installed, the default is a polars frame, and a list where neither is."""
    monkeypatch.setattr(search_output, "_installed", lambda name: name == "polars")
    assert isinstance(steno.search_runs(), pl.DataFrame)
    monkeypatch.setattr(search_output, "_installed", lambda name: False)
    assert [type(run).__name__ for run in steno.search_runs()] == ["Run"] * 3


def test_nothing_is_cut_off_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search goes through all pages; `max_results` cuts where it says."""
    monkeypatch.setattr(steno.tracking.fluent, "_PAGE", 4)
    ids = []
    for _ in range(11):
        with steno.start_run() as run:
            ids.append(run.info.run_id)
    assert [run.info.run_id for run in steno.search_runs(output_format="list")] == ids[::-1]
    assert [run.info.run_id for run in steno.search_runs(output_format="list", max_results=6)] == ids[:4:-1]


def test_it_looks_where_it_is_told() -> None:
    """Without a word the current experiment is searched; ids, names or all experiments on request."""
    places = {}
    for name in ("one", "two"):
        experiment = steno.set_experiment(name)
        with steno.start_run() as run:
            places[name] = (experiment.experiment_id, run.info.run_id)

    def found(**where: Any) -> set[str]:
        return {run.info.run_id for run in steno.search_runs(output_format="list", **where)}

    assert found() == {places["two"][1]}
    assert found(experiment_ids=[places["one"][0]]) == {places["one"][1]}
    assert found(experiment_names=["one", "never"]) == {places["one"][1]}
    assert found(experiment_names=["never"]) == set()
    assert found(search_all_experiments=True) == {places["one"][1], places["two"][1]}
    with pytest.raises(InvalidInputError, match="accepted is one of them"):
        found(experiment_ids=["1"], experiment_names=["one"])
    with pytest.raises(InvalidInputError, match=r"write \['one'\]"):
        found(experiment_names="one")
    with pytest.raises(FilterError):
        found(filter_string="metrics.a ~ 3")


def test_deleted_runs_are_found_on_request(runs: list[str]) -> None:
    """A deleted run is left out of searches unless deleted ones are asked for, and comes back when restored."""
    steno.delete_run(runs[0])
    assert len(steno.search_runs(output_format="list")) == 2
    (deleted,) = steno.search_runs(output_format="list", run_view_type=steno.entities.ViewType.DELETED_ONLY)
    assert (deleted.info.run_id, deleted.info.lifecycle_stage) == (runs[0], "deleted")
    steno.restore_run(runs[0])
    assert len(steno.search_runs(output_format="list")) == 3


def test_nan_and_infinity_reach_the_frame() -> None:
    """Metrics that are NaN or infinite are so in the frame."""
    with steno.start_run():
        steno.log_metrics({"nan": math.nan, "inf": -math.inf})
    frame = steno.search_runs()
    assert math.isnan(frame["metrics.nan"][0])
    assert frame["metrics.inf"][0] == -math.inf
