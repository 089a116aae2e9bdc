"""The functions of `steno.*` that record and find runs: MLflow's names, arguments and defaults.

Arguments that only have a meaning for a remote server (`synchronous`) are taken and ignored: every call returns when
its record cannot be lost any more, which takes microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from steno.config import setting
from steno.entities import Run, ViewType
from steno.errors import InvalidInputError, StateError, StoreError, shown
from steno.tracking.active_run import ActiveRun
from steno.tracking.experiments import experiment_name
from steno.tracking.fluent_artifacts import (
    get_artifact_uri,
    load_table,
    log_artifact,
    log_artifacts,
    log_dict,
    log_figure,
    log_image,
    log_input,
    log_inputs,
    log_stream,
    log_table,
    log_text,
)
from steno.tracking.fluent_experiments import (
    create_experiment,
    delete_experiment,
    delete_experiment_tag,
    get_experiment,
    get_experiment_by_name,
    restore_experiment,
    search_experiments,
    set_experiment,
    set_experiment_tag,
    set_experiment_tags,
)
from steno.tracking.fluent_models import get_logged_model, set_logged_model_tags
from steno.tracking.open_run import OpenRun
from steno.tracking.search_output import as_frame
from steno.tracking.session import session
from steno.tracking.values import named_values, run_id_of

__all__ = [
    "ActiveRun",
    "active_run",
    "create_experiment",
    "delete_experiment",
    "delete_experiment_tag",
    "delete_run",
    "delete_tag",
    "end_run",
    "flush_artifact_async_logging",
    "flush_async_logging",
    "get_artifact_uri",
    "get_experiment",
    "get_experiment_by_name",
    "get_logged_model",
    "get_parent_run",
    "get_run",
    "get_tracking_uri",
    "is_tracking_uri_set",
    "last_active_run",
    "load_table",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_image",
    "log_input",
    "log_inputs",
    "log_metric",
    "log_metrics",
    "log_param",
    "log_params",
    "log_stream",
    "log_table",
    "log_text",
    "restore_experiment",
    "restore_run",
    "search_experiments",
    "search_runs",
    "set_experiment",
    "set_experiment_tag",
    "set_experiment_tags",
    "set_logged_model_tags",
    "set_tag",
    "set_tags",
    "set_tracking_uri",
    "start_run",
]

NOTE_TAG = "mlflow.note.content"
_SEARCH_MAX = 100_000
_PAGE = 10_000


def _run(run_id: str | None) -> OpenRun:
    return session().current_run() if run_id is None else session().handle(run_id_of(run_id))


# -- where runs are kept


def set_tracking_uri(uri: str | Path) -> None:
    """Keep runs in another store from here on.

    Args:
        uri: a folder, `sqlite:///path/to/steno.db`, or "" for the default place.

    Raises:
        InvalidInputError: steno has no store for it.
    """
    session().set_tracking_uri(uri)


def get_tracking_uri() -> str:
    """URI of the store that runs are kept in."""
    return session().tracking_uri


def is_tracking_uri_set() -> bool:
    """Whether a store was named: by `set_tracking_uri`, `STENO_TRACKING_URI` or the project's settings."""
    return bool(setting("tracking_uri"))


def flush_async_logging() -> None:
    """Bring everything recorded so far into the store, for other processes to see; this one sees it anyway.

    Nothing need be flushed to be safe: what was recorded outlives the process.

    Raises:
        StoreError: the store does not take it, or is busy for a minute; nothing is lost.
    """
    recorder = session().recorder
    if not recorder.flush():
        raise StoreError(
            f"{recorder.location.uri} is busy, and what was recorded waits in {str(recorder.location.journals)!r}: "
            "nothing is lost; call it again later"
        )


def flush_artifact_async_logging() -> None:
    """Nothing is left to do: artifacts are written when the call that logs them returns."""


# -- runs


def start_run(
    run_id: str | None = None,
    experiment_id: str | None = None,
    run_name: str | None = None,
    nested: bool = False,
    parent_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    description: str | None = None,
    log_system_metrics: bool | None = None,
) -> ActiveRun:
    """Start a run, or go on with one, and make it the active one. Use it in a `with` block, or call `end_run`.

    Left by `return` the run is FINISHED, by an exception FAILED (its traceback is in the tag `steno.error`), by
    Ctrl-C KILLED, by `sys.exit(n)` FINISHED if n is 0.

    Args:
        run_id: go on with this run: it is RUNNING again. `STENO_RUN_ID` names one from outside, once.
        experiment_id: where a new run goes; the current experiment if None.
        run_name: a random one if None.
        nested: a run may be active already; the new one becomes a part of it.
        parent_run_id: the run that the new one is a part of.
        tags: set from the start.
        description: shown as the run's note.
        log_system_metrics: taken for MLflow's sake; steno records no system metrics yet.

    Raises:
        StateError: a run of this thread or task is active and `nested` is not set; the run is deleted.
        NotFoundError: no such run or experiment.
        InvalidInputError: the run to go on with is in another experiment.
    """
    del log_system_metrics
    here = session()
    own = here.scopes.own()
    if own is not None and not nested:
        raise StateError(
            f"run {own.name!r} ({own.run_id}) is active already: end it with steno.end_run(), or write "
            "steno.start_run(nested=True) to make the new run a part of it"
        )
    texts = named_values({} if tags is None else tags, "tags")
    if description is not None:
        texts[NOTE_TAG] = description
    if run_id is None and not nested:
        run_id = here.take_run_id()
    if run_id is not None:
        _check_place(run_id_of(run_id), experiment_id)
    parent = parent_run_id if parent_run_id is not None else here.active() if nested else None
    if parent_run_id is not None:
        here.handle(run_id_of(parent_run_id))
    run = here.open_run(experiment_id=experiment_id, name=run_name, tags=texts, parent=parent, run_id=run_id)
    here.scopes.push(run)
    return ActiveRun(here, run)


def _check_place(run_id: str, experiment_id: str | None) -> None:
    if experiment_id is None:
        return
    place = session().handle(run_id).experiment_id
    if place != str(experiment_id):
        raise InvalidInputError(
            f"run {run_id!r} is in experiment {place!r}, not in {shown(experiment_id)}: leave experiment_id out"
        )


def end_run(status: str = "FINISHED") -> None:
    """End the active run; nothing happens if none is active.

    Raises:
        InvalidInputError: status is none of FINISHED, FAILED, KILLED.
    """
    run = session().active()
    if run is not None:
        run.end(status)


def active_run() -> ActiveRun | None:
    """The active run of this thread or task, else the process's current one; None if no run is active."""
    run = session().active()
    return None if run is None else ActiveRun(session(), run)


def last_active_run() -> Run | None:
    """The run that was active last in this process, by hand or by a training, as it stands now."""
    run = session().latest()
    return None if run is None else session().read_run(run)


def get_run(run_id: str) -> Run:
    """One run, whole.

    Raises:
        NotFoundError: no such run.
    """
    return session().store.get_run(run_id_of(run_id))


def get_parent_run(run_id: str) -> Run | None:
    """The run that this one is a part of; None if it is of none.

    Raises:
        NotFoundError: no such run.
    """
    parent = get_run(run_id).data.tags.get("mlflow.parentRunId")
    return None if parent is None else get_run(parent)


def delete_run(run_id: str) -> None:
    """Delete a run; it can be restored.

    Raises:
        NotFoundError: no such run.
    """
    session().change_stage(run_id_of(run_id), "deleted")


def restore_run(run_id: str) -> None:
    """Restore a deleted run.

    Raises:
        NotFoundError: no such run.
    """
    session().change_stage(run_id_of(run_id), "active")


def search_runs(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str = "",
    run_view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int = _SEARCH_MAX,
    order_by: Sequence[str] | None = None,
    output_format: str = "pandas",
    search_all_experiments: bool = False,
    experiment_names: Sequence[str] | None = None,
) -> Any:
    """Runs that match a filter, latest start first unless ordered.

    Args:
        experiment_ids: where to look; the current experiment if neither this nor `experiment_names` is given.
        filter_string: such as `"params.max_depth = '4' and metrics.training_score > 0.9"`.
        run_view_type: active runs, deleted ones or all (`steno.entities.ViewType`).
        max_results: how many runs at most.
        order_by: such as `["metrics.loss ASC"]`.
        output_format: "pandas", "polars" or "list" (of `Run`).
        search_all_experiments: look in every active experiment.
        experiment_names: where to look, by name; a name that does not exist has no runs.

    Returns:
        A data frame with MLflow's columns (polars where pandas is not installed, a list where neither is), or a list.

    Raises:
        FilterError: the filter or the order does not parse.
        InvalidInputError: both ids and names are given, or the format is unknown.
    """
    if experiment_ids is not None and experiment_names is not None:
        raise InvalidInputError("search_runs got experiment_ids and experiment_names, accepted is one of them")
    if isinstance(max_results, bool) or not isinstance(max_results, int) or max_results < 0:
        raise InvalidInputError(f"max_results is {shown(max_results)}, accepted is how many runs at most: 100")
    ids = _searched(experiment_ids, experiment_names, everywhere=search_all_experiments)
    runs: list[Run] = []
    token = None
    while ids and len(runs) < max_results:
        page = session().store.search_runs(
            ids,
            filter_string=filter_string or "",
            order_by=order_by or (),
            max_results=min(_PAGE, max_results - len(runs)),
            page_token=token,
            view_type=run_view_type,
        )
        runs += page
        token = page.token
        if token is None:
            break
    return as_frame(runs, output_format)


def _searched(ids: Sequence[str] | None, names: Sequence[str] | None, *, everywhere: bool) -> list[str]:
    """The experiments in which a search looks."""
    here = session()
    if names is not None:
        wanted = [experiment_name(name) for name in _several(names, "experiment_names")]
        named = (here.store.get_experiment_by_name(name) for name in wanted)
        return [found.experiment_id for found in named if found is not None]
    if ids:
        return _ids(ids)
    if everywhere:
        return [found.experiment_id for found in search_experiments()]
    return [here.experiment_id()]


def _several(values: Any, what: str) -> list[Any]:
    if isinstance(values, str):
        raise InvalidInputError(f"{what} is {shown(values)}, accepted is a list: write [{values!r}]")
    return list(values)


def _ids(experiment_ids: Any) -> list[str]:
    """Ids of experiments from a list of them, or from a single one as MLflow takes it."""
    if isinstance(experiment_ids, int):
        return [str(experiment_ids)]
    if isinstance(experiment_ids, str):
        if not experiment_ids.isdigit():
            raise InvalidInputError(
                f"experiment_ids is {shown(experiment_ids)}, accepted are ids such as ['0']: a name goes into "
                "experiment_names=[...], a filter into filter_string=..."
            )
        return [experiment_ids]
    return [str(identity) for identity in experiment_ids]


# -- what a run records


def log_metric(
    key: str,
    value: Any,
    step: int | None = None,
    synchronous: bool | None = None,  # noqa: ARG001  MLflow's argument
    timestamp: int | None = None,
    run_id: str | None = None,
    model_id: str | None = None,  # noqa: ARG001  MLflow's argument
    dataset: Any = None,  # noqa: ARG001  MLflow's argument
) -> None:
    """Record one point of a metric in the active run.

    Args:
        key: any text.
        value: a number: NaN and infinities too; numpy scalars, one-element arrays and tensors.
        step: a whole number, 0 if None.
        synchronous: taken for MLflow's sake.
        timestamp: milliseconds since 1970; now if None.
        run_id: another run than the active one.
        model_id: taken for MLflow's sake.
        dataset: taken for MLflow's sake.

    Raises:
        InvalidInputError: one of them is not what it should be.
    """
    run = session().current_run() if run_id is None else session().handle(run_id_of(run_id))
    run.log_metric(key, value, 0 if step is None else step, timestamp)


def log_metrics(
    metrics: Mapping[str, Any],
    step: int | None = None,
    synchronous: bool | None = None,  # noqa: ARG001  MLflow's argument
    run_id: str | None = None,
    timestamp: int | None = None,
    model_id: str | None = None,  # noqa: ARG001  MLflow's argument
    dataset: Any = None,  # noqa: ARG001  MLflow's argument
) -> None:
    """Record one point of several metrics at the same step.

    Raises:
        InvalidInputError: some are bad; the others are recorded.
    """
    _run(run_id).log_metrics(metrics, 0 if step is None else step, timestamp)


def log_param(key: str, value: Any, synchronous: bool | None = None) -> Any:  # noqa: ARG001  MLflow's argument
    """Record a param of the active run: any value, whole and with its type. Returns the value.

    Raises:
        InvalidInputError: the run has another value for it already.
    """
    session().current_run().log_params({key: value})
    return value


def log_params(
    params: Mapping[str, Any],
    synchronous: bool | None = None,  # noqa: ARG001  MLflow's argument
    run_id: str | None = None,
) -> None:
    """Record params of the active run.

    Raises:
        InvalidInputError: some are bad, or have another value already; the others are recorded.
    """
    _run(run_id).log_params(params)


def set_tag(key: str, value: Any, synchronous: bool | None = None) -> None:  # noqa: ARG001  MLflow's argument
    """Set a tag of the active run."""
    session().current_run().set_tags({key: value})


def set_tags(tags: Mapping[str, Any], synchronous: bool | None = None) -> None:  # noqa: ARG001  MLflow's argument
    """Set tags of the active run.

    Raises:
        InvalidInputError: some have no text; the others are set.
    """
    session().current_run().set_tags(tags)


def delete_tag(key: str) -> None:
    """Remove a tag of the active run; nothing happens if it has none of this name."""
    session().current_run().delete_tag(key)
