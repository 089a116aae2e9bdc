"""Entities: what goes into MLflow's JSON form comes back the same."""

from __future__ import annotations

import copy
import json
import math
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from steno.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    ExperimentTag,
    FileInfo,
    InputTag,
    LifecycleStage,
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    ModelInput,
    ModelOutput,
    Page,
    Param,
    ParamValue,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunStatus,
    RunTag,
    ViewType,
)
from steno.errors import InvalidInputError

text = st.text(max_size=20)
tags = st.dictionaries(text, text, max_size=3)
times = st.integers(0, 2**53)
metrics = st.builds(Metric, text, st.floats(allow_nan=False), times, st.integers(-(2**63), 2**63 - 1))
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), text)
params = st.builds(ParamValue.of, st.one_of(scalars, st.lists(scalars, max_size=3)))
datasets = st.builds(Dataset, text, text, text, text, st.none() | text, st.none() | text)
runs = st.builds(
    Run,
    st.builds(
        RunInfo,
        st.uuids().map(lambda value: value.hex),
        text,
        st.integers(0, 99).map(str),
        text,
        st.sampled_from(["RUNNING", "FINISHED", "FAILED", "KILLED"]),
        times,
        st.none() | times,
        text,
        st.sampled_from(["active", "deleted"]),
    ),
    st.builds(
        RunData,
        st.lists(metrics, max_size=3).map(lambda points: {point.key: point for point in points}),
        st.dictionaries(text, params, max_size=3),
        tags,
    ),
    st.builds(
        RunInputs,
        st.lists(st.builds(DatasetInput, datasets, tags), max_size=2).map(tuple),
        st.lists(st.builds(ModelInput, text), max_size=2).map(tuple),
    ),
    st.builds(RunOutputs, st.lists(st.builds(ModelOutput, text, st.integers(0, 9)), max_size=2).map(tuple)),
)


@given(runs)
def test_a_run_survives_its_json_form(run: Run) -> None:
    """A run that is written as JSON and read back is the same run, infinities and types of params included."""
    back = Run.from_json(json.loads(json.dumps(run.to_json())))

    assert back == run
    assert {key: value.value for key, value in back.data.params.items()} == {
        key: value.value for key, value in run.data.params.items()
    }


@given(st.builds(Experiment, st.integers(0, 9).map(str), text, text, st.just("active"), tags, times, st.none() | times))
def test_an_experiment_survives_its_json_form(experiment: Experiment) -> None:
    """An experiment that is written as JSON and read back is the same experiment."""
    assert Experiment.from_json(json.loads(json.dumps(experiment.to_json()))) == experiment


@given(st.builds(LoggedModel, text, text, text, st.none() | text, text, times, times, st.just("READY"), text, tags))
def test_a_logged_model_survives_its_json_form(model: LoggedModel) -> None:
    """A logged model that is written as JSON and read back is the same model."""
    assert LoggedModel.from_json(json.loads(json.dumps(model.to_json()))) == model


def test_nan_survives_its_json_form() -> None:
    """NaN is written as text, so that a JSON reader never turns it into null, and comes back as NaN."""
    data = json.loads(json.dumps(Metric("loss", math.nan, 1, 2).to_json(), allow_nan=False))

    assert data == {"key": "loss", "value": "NaN", "timestamp": 1, "step": 2}
    assert math.isnan(Metric.from_json(data).value)


def test_the_json_form_is_the_one_mlflow_reads() -> None:
    """The field names and nesting are those of MLflow's REST messages."""
    run = Run(
        RunInfo("a" * 32, "calm-otter-7", "0", "ada", "FINISHED", 10, 20, "file:///x", "active"),
        RunData({"loss": Metric("loss", 0.5, 15, 3)}, {"depth": ParamValue.of(4)}, {"team": "blue"}),
        RunInputs((DatasetInput(Dataset("X", "abc"), {"mlflow.data.context": "train"}),)),
        RunOutputs((ModelOutput("m-1", 2),)),
    )

    assert run.to_json() == {
        "info": {
            "run_id": "a" * 32,
            "run_uuid": "a" * 32,
            "run_name": "calm-otter-7",
            "experiment_id": "0",
            "user_id": "ada",
            "status": "FINISHED",
            "start_time": 10,
            "end_time": 20,
            "artifact_uri": "file:///x",
            "lifecycle_stage": "active",
        },
        "data": {
            "metrics": [{"key": "loss", "value": 0.5, "timestamp": 15, "step": 3}],
            "params": [{"key": "depth", "value": "4", "kind": "int"}],
            "tags": [{"key": "team", "value": "blue"}],
        },
        "inputs": {
            "dataset_inputs": [
                {
                    "tags": [{"key": "mlflow.data.context", "value": "train"}],
                    "dataset": {"name": "X", "digest": "abc", "source_type": "code", "source": "{}"},
                }
            ],
            "model_inputs": [],
        },
        "outputs": {"model_outputs": [{"model_id": "m-1", "step": 2}]},
    }


@pytest.mark.parametrize(
    ("value", "shown", "kind", "number"),
    [
        (4, "4", "int", 4.0),
        (True, "True", "bool", None),
        (None, "None", "none", None),
        (0.1, "0.1", "float", 0.1),
        (1e400, "inf", "float", math.inf),
        ("0.5", "0.5", "str", 0.5),
        ("adam", "adam", "str", None),
        ([1, "a", None], "[1, 'a', None]", "literal", None),
        ({"l1": (1, 2)}, "{'l1': (1, 2)}", "literal", None),
        (np.float32(0.5), "0.5", "float", 0.5),
        (np.int64(7), "7", "int", 7.0),
    ],
)
def test_a_param_keeps_text_type_and_number(value: Any, shown: str, kind: str, number: float | None) -> None:
    """A param reads as MLflow's text, knows its Python value, and sorts as a number when it is one."""
    param = ParamValue.of(value)

    assert (str(param), param.kind, param.value, param.number) == (shown, kind, value, number)


def test_a_param_value_keeps_its_type_through_copies() -> None:
    """Copying or pickling a param value keeps the type of what it was made from."""
    param = ParamValue.of(3)

    assert [copy.copy(param).value, copy.deepcopy(param).value, pickle.loads(pickle.dumps(param)).value] == [3, 3, 3]


def test_a_duration_is_in_seconds() -> None:
    """A run's duration is seconds between start and end, and unknown while it is going."""
    assert RunInfo("a", "n", "0", start_time=1_000, end_time=3_500).duration_s == 2.5
    assert RunInfo("a", "n", "0", start_time=1_000).duration_s is None


def test_entities_are_read_as_dictionaries() -> None:
    """`dict(...)` gives an entity's fields and `to_dictionary()` plain values all the way down, as in MLflow."""
    run = Run(
        RunInfo("a", "calm-otter-7", "0", "ada", "FINISHED", 10, 20, "file:///x"),
        RunData({"loss": Metric("loss", 0.5, 15, 3)}, {"depth": ParamValue.of(4)}, {"team": "blue"}),
        RunInputs((DatasetInput(Dataset("X", "abc"), {"mlflow.data.context": "train"}),)),
        RunOutputs((ModelOutput("m-1", 2),)),
    )
    info = {
        "run_id": "a",
        "run_name": "calm-otter-7",
        "experiment_id": "0",
        "user_id": "ada",
        "status": "FINISHED",
        "start_time": 10,
        "end_time": 20,
        "artifact_uri": "file:///x",
        "lifecycle_stage": "active",
    }
    data = {"metrics": {"loss": 0.5}, "params": {"depth": "4"}, "tags": {"team": "blue"}}
    dataset = {
        "name": "X",
        "digest": "abc",
        "source_type": "code",
        "source": "{}",
        "schema": None,
        "profile": None,
    }

    assert (dict(run.info), dict(run.data)) == (info, data)
    assert run.to_dictionary() == {
        "info": info,
        "data": data,
        "inputs": {
            "dataset_inputs": [{"dataset": dataset, "tags": {"mlflow.data.context": "train"}}],
            "model_inputs": [],
        },
        "outputs": {"model_outputs": [{"model_id": "m-1", "step": 2}]},
    }
    assert yaml.safe_load(yaml.safe_dump(run.to_dictionary())) == run.to_dictionary()
    assert dict(Metric("loss", 0.5, 15, 3)) == {"key": "loss", "value": 0.5, "timestamp": 15, "step": 3}


def test_entities_are_made_as_mlflows_are() -> None:
    """Params from plain values, tags of a dataset as a list, tags as objects: what MLflow's constructors take."""
    assert Param("depth", 4).to_json() == {"key": "depth", "value": "4", "kind": "int"}  # type: ignore[arg-type]
    tagged = DatasetInput(Dataset("X", "abc"), [InputTag("mlflow.data.context", "train")])  # type: ignore[arg-type]
    assert tagged == DatasetInput(Dataset("X", "abc"), {"mlflow.data.context": "train"})
    assert [dict(kind("k", "v")) for kind in (RunTag, ExperimentTag, InputTag)] == [{"key": "k", "value": "v"}] * 3
    assert Page([1, 2], "more").to_list() == [1, 2]


def test_run_statuses_have_mlflows_numbers_and_names() -> None:
    """`RunStatus` has MLflow's numbers, and turns each into the name that a run's `status` holds, and back."""
    names = {RunStatus.to_string(number): number for number in RunStatus.all_status()}

    assert names == {"RUNNING": 1, "SCHEDULED": 2, "FINISHED": 3, "FAILED": 4, "KILLED": 5}
    assert {name: RunStatus.from_string(name) for name in names} == names
    assert [name for name in names if RunStatus.is_terminated(names[name])] == ["FINISHED", "FAILED", "KILLED"]
    assert [name for name in names if RunStatus.is_terminated(name)] == ["FINISHED", "FAILED", "KILLED"]
    assert RunInfo("r", "n", "0", status="FINISHED").status == RunStatus.to_string(RunStatus.FINISHED)


def test_stages_and_views_are_told_from_each_other() -> None:
    """`LifecycleStage` and `ViewType` answer which stages a view looks at, as MLflow's do."""
    views = {name: ViewType.from_string(name) for name in ("active_only", "deleted_only", "all")}
    stages = {name: LifecycleStage.view_type_to_stages(view) for name, view in views.items()}

    assert stages == {"active_only": ["active"], "deleted_only": ["deleted"], "all": ["active", "deleted"]}
    assert {name: ViewType.to_string(view) for name, view in views.items()} == {name: name for name in views}
    assert LifecycleStage.view_type_to_stages() == [LifecycleStage.ACTIVE, LifecycleStage.DELETED]
    assert LifecycleStage.matches_view_type(ViewType.ALL, "deleted")
    assert not LifecycleStage.matches_view_type(ViewType.ACTIVE_ONLY, LifecycleStage.DELETED)
    assert not LifecycleStage.is_valid("gone")


@pytest.mark.parametrize(
    ("call", "accepted"),
    [
        (lambda: RunStatus.from_string("finished"), "RUNNING, SCHEDULED, FINISHED, FAILED, KILLED"),
        (lambda: RunStatus.to_string(9), "1, 2, 3, 4, 5"),
        (lambda: ViewType.from_string("ALL"), "'active_only', 'deleted_only', 'all'"),
        (lambda: ViewType.to_string(0), "1, 2 and 3"),
        (lambda: LifecycleStage.matches_view_type(ViewType.ALL, "gone"), "'active' and 'deleted'"),
        (lambda: LifecycleStage.matches_view_type(7, "active"), "1, 2 and 3"),
    ],
)
def test_what_is_no_status_stage_or_view_is_refused(call: Callable[[], object], accepted: str) -> None:
    """A status, stage or view that does not exist is an error that lists those that do."""
    with pytest.raises(InvalidInputError, match=re.escape(accepted)):
        call()


def test_a_logged_models_status_compares_with_its_name() -> None:
    """A logged model's status equals MLflow's `LoggedModelStatus`, its URI is what `load_model` takes."""
    model = LoggedModel("m-1", "model", "0", status="READY")

    assert (model.status, model.model_uri) == (LoggedModelStatus.READY, "models:/m-1")
    assert [LoggedModelStatus.is_finalized(status) for status in LoggedModelStatus] == [False, False, True, True]
    assert [str(status) for status in LoggedModelStatus] == ["UNSPECIFIED", "PENDING", "READY", "FAILED"]


def test_links_to_models_have_mlflows_names() -> None:
    """`LoggedModelInput` and `LoggedModelOutput` are what a run's inputs and outputs are made of."""
    assert RunInputs(model_inputs=[LoggedModelInput("m-1")]).model_inputs == [ModelInput("m-1")]
    assert RunOutputs([LoggedModelOutput("m-1", 3)]).model_outputs == [ModelOutput("m-1", 3)]


@given(st.builds(FileInfo, text, st.booleans(), st.none() | st.integers(0, 2**60)))
def test_a_file_survives_its_json_form(info: FileInfo) -> None:
    """A file of a run that is written as JSON and read back is the same, sizes of 64 bits included."""
    assert FileInfo.from_json(json.loads(json.dumps(info.to_json()))) == info
