"""What every store decides alike: bounds of numbers, names of statuses, reasons of rejections, the latest point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast, get_args

from steno.entities import ParamKind, ParamValue, StageName, StatusName, ViewType
from steno.errors import InvalidInputError, NotFoundError, shown
from steno.store.base import Rejection
from steno.store.records import (
    Curve,
    DatasetUsed,
    ModelLogged,
    Params,
    Point,
    Points,
    Record,
    RunCreated,
    RunUpdated,
    TagDeleted,
    Tags,
)

__all__ = [
    "FINISHED",
    "INT64_MAX",
    "INT64_MIN",
    "MODEL_STATUSES",
    "STAGES",
    "STATUSES",
    "bad_point",
    "checked_stage",
    "checked_view",
    "conflict",
    "context",
    "experiment_number",
    "is_int64",
    "no_experiment",
    "no_run",
    "param_number",
    "param_value",
    "rank",
    "refused_model",
    "refused_run",
    "refused_update",
    "uneven_curve",
    "unknown_run",
]

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
STATUSES: dict[StatusName, int] = {"RUNNING": 1, "SCHEDULED": 2, "FINISHED": 3, "FAILED": 4, "KILLED": 5}
"""Number of each status, the ones MLflow's protobuf gives them."""
FINISHED: frozenset[StatusName] = frozenset({"FINISHED", "FAILED", "KILLED"})


STAGES: tuple[StageName, ...] = ("active", "deleted")
MODEL_STATUSES = ("PENDING", "READY", "FAILED")
_KINDS = frozenset(get_args(ParamKind))
_LONGEST_CONTEXT = 255


def is_int64(value: object) -> bool:
    """Whether this is a whole number that 64 bits hold."""
    return isinstance(value, int) and INT64_MIN <= value <= INT64_MAX


def rank(step: int, timestamp: int, value: float) -> tuple[int, int, bool, float]:
    """What the latest point of a metric is the greatest of: NaN ranks below every number, equals go to the later."""
    return (step, timestamp, True, value) if value == value else (step, timestamp, False, 0.0)


def context(tags: Mapping[str, str]) -> str:
    """What a run used a dataset for, which with the dataset makes one input: train, eval, ..; "" if nobody said."""
    return tags.get("mlflow.data.context", "")[:_LONGEST_CONTEXT]


def param_number(value: ParamValue) -> float | None:
    """The number a param is compared and sorted by; None for text, and for NaN, which no order places."""
    number = value.number
    return None if number is None or number != number else number


def param_value(text: str, kind: str) -> ParamValue:
    """The param value of a record; of a kind that this steno does not know the text remains."""
    return ParamValue(text, cast("ParamKind", kind if kind in _KINDS else "str"))


def experiment_number(experiment_id: str) -> int | None:
    """The number behind an experiment's id; None if no experiment can have this id."""
    if not isinstance(experiment_id, str) or not (experiment_id.isascii() and experiment_id.isdigit()):
        return None
    number = int(experiment_id[:20])
    return number if is_int64(number) and str(number) == experiment_id else None


def checked_stage(stage: str) -> str:
    """A life-cycle stage.

    Raises:
        InvalidInputError: there is no such stage.
    """
    if stage not in STAGES:
        raise InvalidInputError(f"lifecycle_stage is {shown(stage)}, accepted are {' and '.join(STAGES)}")
    return stage


def checked_view(view_type: int) -> int:
    """Which life-cycle stages are looked at.

    Raises:
        InvalidInputError: none of `ViewType`.
    """
    if view_type not in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL):
        raise InvalidInputError(
            f"view type is {shown(view_type)}, accepted are ViewType.ACTIVE_ONLY, DELETED_ONLY and ALL of "
            "steno.entities, which are 1, 2 and 3"
        )
    return view_type


def no_run(run_id: str) -> NotFoundError:
    """The error of asking for a run that is not there."""
    return NotFoundError(f"no run has the id {shown(run_id)}: search_runs() lists those that exist")


def no_experiment(experiment_id: str) -> NotFoundError:
    """The error of asking for an experiment that is not there."""
    shown_id = shown(experiment_id)
    return NotFoundError(f"no experiment has the id {shown_id}: search_experiments() lists those that exist")


# ---------------------------------------------------------------- rejections


def unknown_run(record: Record) -> list[Rejection]:
    """Nobody created the run that this record speaks of: one rejection for each value in it."""
    match record:
        case Point() | TagDeleted():
            keys, count = [record.key], 1
        case Curve():
            keys, count = [record.key], len(record.values)
        case Points() | Params() | Tags():
            keys, count = list(record.values), 1
        case DatasetUsed() | ModelLogged():
            keys, count = [record.name], 1
        case _:
            keys, count = ["run"], 1
    reason = "the store has no run of this id: it was never created"
    return [Rejection(record.run_id, key, reason, count) for key in keys]


def refused_run(record: RunCreated, *, known_experiment: bool) -> Rejection | None:
    """Why a run cannot be created; None if it can."""
    if not known_experiment:
        return Rejection(record.run_id, "run", f"the store has no experiment with id {shown(record.experiment_id)}")
    if not is_int64(record.start_time):
        return Rejection(record.run_id, "run", f"start_time is {shown(record.start_time)}, accepted are milliseconds")
    return None


def refused_update(record: RunUpdated) -> list[Rejection]:
    """The fields of an update that cannot be kept; the others are."""
    refused = []
    if record.status is not None and record.status not in STATUSES:
        reason = f"status is {shown(record.status)}, accepted are {', '.join(STATUSES)}"
        refused.append(Rejection(record.run_id, "status", reason))
    if record.end_time is not None and not is_int64(record.end_time):
        reason = f"end_time is {shown(record.end_time)}, accepted are milliseconds since 1970"
        refused.append(Rejection(record.run_id, "end_time", reason))
    if record.lifecycle_stage is not None and record.lifecycle_stage not in STAGES:
        reason = f"lifecycle_stage is {shown(record.lifecycle_stage)}, accepted are {', '.join(STAGES)}"
        refused.append(Rejection(record.run_id, "lifecycle_stage", reason))
    return refused


def refused_model(record: ModelLogged) -> Rejection | None:
    """Why a logged model cannot be kept; None if it can."""
    if record.status not in MODEL_STATUSES:
        reason = f"status is {shown(record.status)}, accepted are {', '.join(MODEL_STATUSES)}"
        return Rejection(record.run_id, record.name, reason)
    for name in ("created_at", "updated_at", "step"):
        if not is_int64(getattr(record, name)):
            reason = f"{name} is {shown(getattr(record, name))}, accepted are whole numbers of 64 bits"
            return Rejection(record.run_id, record.name, reason)
    return None


def conflict(run_id: str, key: str, kept: str, sent: str) -> Rejection:
    """A param has a value already."""
    reason = f"the param has the value {shown(str(kept))} and keeps it; {shown(str(sent))} was not recorded"
    return Rejection(run_id, key, reason)


def uneven_curve(run_id: str, key: str, lengths: tuple[int, int, int]) -> Rejection:
    """The three columns of a curve are not equally long."""
    counts = "{} values, {} steps and {} timestamps".format(*lengths)
    return Rejection(run_id, key, f"the curve has {counts}: they must be equally many", max(lengths))


def bad_point(run_id: str, key: str, value: Any, step: Any, timestamp: Any) -> Rejection | None:
    """Why a point cannot be kept; None if it can."""
    for name, number in (("step", step), ("timestamp", timestamp)):
        if not is_int64(number):
            return Rejection(run_id, key, f"{name} is {shown(number)}, accepted are whole numbers of 64 bits")
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return Rejection(run_id, key, f"value is {shown(value)}, accepted are numbers")
    return None
