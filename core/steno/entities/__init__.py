"""What is recorded, as frozen values: experiment, run, metric, param, dataset, logged model.

Each turns itself into the JSON form of MLflow's protobuf messages and back (`to_json`, `from_json`): status as
its name, times in milliseconds since 1970, NaN and infinities as the strings `"NaN"`, `"Infinity"`, `"-Infinity"`
(protobuf's JSON mapping, https://protobuf.dev/programming-guides/json/).
"""

from __future__ import annotations

from steno.entities.dataset import Dataset, DatasetInput
from steno.entities.entity import Entity
from steno.entities.experiment import DEFAULT_EXPERIMENT_ID, Experiment
from steno.entities.file_info import FileInfo
from steno.entities.json import json_number, number_from_json
from steno.entities.metric import Metric
from steno.entities.model import LoggedModel, LoggedModelInput, LoggedModelOutput, ModelInput, ModelOutput
from steno.entities.page import Page
from steno.entities.param import Param, ParamKind, ParamValue
from steno.entities.run import Run, RunData, RunInfo, RunInputs, RunOutputs
from steno.entities.stage import LifecycleStage, StageName, ViewType
from steno.entities.status import LoggedModelStatus, RunStatus, StatusName
from steno.entities.tag import ExperimentTag, InputTag, RunTag

__all__ = [
    "DEFAULT_EXPERIMENT_ID",
    "Dataset",
    "DatasetInput",
    "Entity",
    "Experiment",
    "ExperimentTag",
    "FileInfo",
    "InputTag",
    "LifecycleStage",
    "LoggedModel",
    "LoggedModelInput",
    "LoggedModelOutput",
    "LoggedModelStatus",
    "Metric",
    "ModelInput",
    "ModelOutput",
    "Page",
    "Param",
    "ParamKind",
    "ParamValue",
    "Run",
    "RunData",
    "RunInfo",
    "RunInputs",
    "RunOutputs",
    "RunStatus",
    "RunTag",
    "StageName",
    "StatusName",
    "ViewType",
    "json_number",
    "number_from_json",
]
