"""`Client`: the same as the functions of `steno.*`, explicit, by run id, for any store."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from steno.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    FileInfo,
    LoggedModel,
    Metric,
    Page,
    Param,
    Run,
    ViewType,
)
from steno.errors import InvalidInputError, shown
from steno.store.base import Store
from steno.tracking import logged_models
from steno.tracking.absent import advice
from steno.tracking.artifacts import ArtifactFolder, local_path
from steno.tracking.downloads import Artifact, copied
from steno.tracking.experiments import experiment_name
from steno.tracking.fluent_artifacts import add_artifact
from steno.tracking.inputs import as_input
from steno.tracking.location import locate
from steno.tracking.open_run import OpenRun
from steno.tracking.recorder import Recorder
from steno.tracking.session import session
from steno.tracking.values import named_values, run_id_of, tags_of

__all__ = ["Client", "FileInfo", "MlflowClient"]


class Client:
    """Records and finds runs by id. There is no active run here.

    A run that `create_run` opened belongs to this process like any other: left open, it is ended when the process ends.

    Args:
        tracking_uri: another store than the current one.
        registry_uri: taken for MLflow's sake.
    """

    def __init__(self, tracking_uri: str | os.PathLike[str] | None = None, registry_uri: str | None = None) -> None:
        del registry_uri
        self._location = None if tracking_uri is None else locate(tracking_uri)[0]

    @property
    def _recorder(self) -> Recorder:
        return session().recorder if self._location is None else session().recorder_of(self._location)

    @property
    def _store(self) -> Store:
        return session().settled(self._recorder)

    @property
    def tracking_uri(self) -> str:
        """URI of the store."""
        return self._recorder.location.uri

    if not TYPE_CHECKING:  # a checker knows the methods

        def __getattr__(self, name: str) -> Any:
            instead = advice(name)
            if instead is not None:
                raise AttributeError(f"Client has no method {name!r}, which MLflow has: {instead}")
            raise AttributeError(f"Client has no attribute {name!r}: dir(steno.Client) lists its methods")

    def _run(self, run_id: str) -> OpenRun:
        return session().handle(run_id_of(run_id), self._recorder)

    # -- experiments

    def create_experiment(
        self,
        name: str,
        artifact_location: str | os.PathLike[str] | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> str:
        """Create an experiment and return its id.

        Raises:
            AlreadyExistsError: an active experiment has this name.
        """
        return session().experiments.create(self._recorder, name, artifact_location, tags)

    def get_experiment(self, experiment_id: str) -> Experiment:
        """One experiment, deleted or not.

        Raises:
            NotFoundError: no such id.
        """
        return self._store.get_experiment(str(experiment_id))

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """The experiment of this name, None if there is none."""
        return self._store.get_experiment_by_name(experiment_name(name))

    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int | None = 1000,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> Page[Experiment]:
        """One page of experiments, newest first unless ordered."""
        return self._store.search_experiments(
            filter_string=filter_string or "",
            order_by=order_by or (),
            max_results=1000 if max_results is None else max_results,
            page_token=page_token,
            view_type=view_type,
        )

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        """Give an experiment another name."""
        session().experiments.change(self._recorder, str(experiment_id), name=new_name)

    def delete_experiment(self, experiment_id: str) -> None:
        """Delete an experiment; it can be restored."""
        session().experiments.change(self._recorder, str(experiment_id), lifecycle_stage="deleted")

    def restore_experiment(self, experiment_id: str) -> None:
        """Restore a deleted experiment."""
        session().experiments.change(self._recorder, str(experiment_id), lifecycle_stage="active")

    def set_experiment_tag(self, experiment_id: str, key: str, value: Any) -> None:
        """Set a tag of an experiment."""
        session().experiments.change(self._recorder, str(experiment_id), tags=tags_of({key: value}))

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Remove a tag of an experiment."""
        session().experiments.change(self._recorder, str(experiment_id), tags={str(key): None})

    # -- runs

    def create_run(
        self,
        experiment_id: str,
        start_time: int | None = None,
        tags: Mapping[str, Any] | None = None,
        run_name: str | None = None,
    ) -> Run:
        """Open a run; end it with `set_terminated`.

        Raises:
            NotFoundError: no such experiment.
        """
        run = session().open_run(
            experiment_id=str(experiment_id),
            name=run_name,
            tags=named_values({} if tags is None else tags, "tags"),
            recorder=self._recorder,
            start_time=start_time,
        )
        return self.get_run(run.run_id)

    def get_run(self, run_id: str) -> Run:
        """One run, whole.

        Raises:
            NotFoundError: no such run.
        """
        return self._store.get_run(run_id_of(run_id))

    def get_parent_run(self, run_id: str) -> Run | None:
        """The run that this one is a part of; None if it is of none."""
        parent = self.get_run(run_id).data.tags.get("mlflow.parentRunId")
        return None if parent is None else self.get_run(parent)

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        filter_string: str = "",
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> Page[Run]:
        """One page of runs, latest start first unless ordered; its `token` asks for the next one.

        Raises:
            FilterError: the filter or the order does not parse.
        """
        if isinstance(experiment_ids, (str, int)):  # MLflow takes a single id, too
            experiment_ids = [str(experiment_ids)]
        return self._store.search_runs(
            [str(identity) for identity in experiment_ids],
            filter_string=filter_string or "",
            order_by=order_by or (),
            max_results=max_results,
            page_token=page_token,
            view_type=run_view_type,
        )

    def update_run(self, run_id: str, status: str | None = None, name: str | None = None) -> None:
        """Change a run's status or name."""
        run = self._run(run_id)
        if name is not None:
            run.rename(name, by_user=True)
        if status is not None:
            run.set_status(status)

    def set_terminated(self, run_id: str, status: str | None = None, end_time: int | None = None) -> None:
        """End a run: FINISHED unless said otherwise."""
        run = self._run(run_id)
        run.set_status("FINISHED" if status is None else status, end_time)

    def delete_run(self, run_id: str) -> None:
        """Delete a run; it can be restored."""
        session().change_stage(run_id_of(run_id), "deleted", self._recorder)

    def restore_run(self, run_id: str) -> None:
        """Restore a deleted run."""
        session().change_stage(run_id_of(run_id), "active", self._recorder)

    # -- what a run records

    def log_metric(
        self,
        run_id: str,
        key: str,
        value: Any,
        timestamp: int | None = None,
        step: int | None = None,
        synchronous: bool | None = None,  # noqa: ARG002  MLflow's argument
        dataset_name: str | None = None,  # noqa: ARG002  MLflow's argument
        dataset_digest: str | None = None,  # noqa: ARG002  MLflow's argument
        model_id: str | None = None,  # noqa: ARG002  MLflow's argument
    ) -> None:
        """Record one point of a metric."""
        self._run(run_id).log_metric(key, value, 0 if step is None else step, timestamp)

    def log_param(self, run_id: str, key: str, value: Any, synchronous: bool | None = None) -> Any:  # noqa: ARG002
        """Record a param. Returns the value."""
        self._run(run_id).log_params({key: value})
        return value

    def set_tag(self, run_id: str, key: str, value: Any, synchronous: bool | None = None) -> None:  # noqa: ARG002
        """Set a tag."""
        self._run(run_id).set_tags({key: value})

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag; nothing happens if the run has none of this name."""
        self._run(run_id).delete_tag(key)

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Mapping[str, Any] | Sequence[Any] = (),
        synchronous: bool | None = None,  # noqa: ARG002  MLflow's argument
    ) -> None:
        """Record points, params and tags together; there is no limit to their number.

        Args:
            run_id: the run.
            metrics: points.
            params: params.
            tags: a dict, or `steno.entities.RunTag`s.
            synchronous: taken for MLflow's sake.

        Raises:
            InvalidInputError: some are bad; the others are recorded.
        """
        self._run(run_id).log_batch(metrics, params, tags)

    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        """Every point of one metric, in order of step; empty if the run has none."""
        return self._store.metric_history(run_id_of(run_id), key).points()

    def log_inputs(
        self, run_id: str, datasets: Sequence[DatasetInput | Dataset | Any] | None = None, models: Any = None
    ) -> None:
        """Record that a run used datasets: `DatasetInput`s, or what `steno.log_input` takes."""
        del models
        run = self._run(run_id)
        for used in [_input_of(item) for item in datasets or ()]:
            run.log_dataset(used.dataset, used.tags)

    # -- files

    def _files(self, run_id: str) -> ArtifactFolder:
        return ArtifactFolder(local_path(self.get_run(run_id).info.artifact_uri))

    def list_artifacts(self, run_id: str, path: str | None = None) -> list[FileInfo]:
        """Files and folders directly in the run's folder, or in one inside it."""
        return self._files(run_id).list(path)

    def download_artifacts(self, run_id: str, path: str, dst_path: str | None = None) -> str:
        """A path at which one artifact can be read: the stored file itself, or a copy in the folder `dst_path`.

        Raises:
            NotFoundError: the run has no such artifact.
        """
        found = Artifact(self._files(run_id), path or "")
        return str(found.path() if dst_path is None else copied(found, dst_path))

    def log_artifact(self, run_id: str, local_path: str | os.PathLike[str], artifact_path: str | None = None) -> None:
        """Copy a file or folder into a run."""
        add_artifact(self._run(run_id), local_path, artifact_path)

    def log_artifacts(self, run_id: str, local_dir: str | os.PathLike[str], artifact_path: str | None = None) -> None:
        """Copy everything below a folder into a run."""
        self._run(run_id).artifacts.add_tree(local_dir, artifact_path)

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        """Write text as a file of a run."""
        _media().log_text(self._run(run_id), text, artifact_file)

    def log_dict(self, run_id: str, dictionary: Any, artifact_file: str) -> None:
        """Write a dictionary or list as a file of a run: YAML for .yaml and .yml, else JSON."""
        _media().log_dict(self._run(run_id), dictionary, artifact_file)

    def log_figure(
        self, run_id: str, figure: Any, artifact_file: str, *, save_kwargs: Mapping[str, Any] | None = None
    ) -> None:
        """Write a matplotlib or plotly figure as a file of a run."""
        _media().log_figure(self._run(run_id), figure, artifact_file, save_kwargs)

    def log_image(
        self,
        run_id: str,
        image: Any,
        artifact_file: str | None = None,
        key: str | None = None,
        step: int | None = None,
        timestamp: int | None = None,
        synchronous: bool | None = None,  # noqa: ARG002  MLflow's argument
    ) -> None:
        """Write an image as a file of a run, or as one of a series."""
        _media().log_image(self._run(run_id), image, artifact_file, key, step, timestamp)

    def log_table(self, run_id: str, data: Any, artifact_file: str) -> None:
        """Write a table into a run, or append it to the one of that name."""
        _tables().log_table(self._run(run_id), data, artifact_file)

    def load_table(
        self,
        experiment_id: str,
        artifact_file: str,
        run_ids: Sequence[str] | None = None,
        extra_columns: Sequence[str] | None = None,
    ) -> Any:
        """The tables that runs of an experiment logged under one name, as one data frame; see `steno.load_table`.

        Raises:
            NotFoundError: no run has such a table.
        """
        return _tables().load_table(self._store, str(experiment_id), artifact_file, run_ids, extra_columns)

    def log_stream(self, run_id: str, stream: Any, artifact_file: str) -> None:
        """Write what a binary stream holds as a file of a run."""
        _media().log_stream(self._run(run_id), stream, artifact_file)

    # -- models

    def get_logged_model(self, model_id: str) -> LoggedModel:
        """One logged model.

        Raises:
            NotFoundError: no such model.
        """
        return logged_models.get(self._recorder, model_id)

    def set_logged_model_tags(self, model_id: str, tags: Mapping[str, Any]) -> None:
        """Set tags of a logged model.

        Raises:
            NotFoundError: no such model.
        """
        logged_models.set_tags(self._recorder, model_id, tags)

    def list_logged_model_artifacts(self, model_id: str, path: str | None = None) -> list[FileInfo]:
        """Files and folders directly in a logged model's folder, or in one inside it.

        Raises:
            NotFoundError: no such model.
        """
        return ArtifactFolder(local_path(self.get_logged_model(model_id).artifact_location)).list(path)


def _input_of(item: Any) -> DatasetInput:
    if isinstance(item, DatasetInput):
        return item
    if isinstance(item, (str, bytes)) or item is None:
        raise InvalidInputError(
            f"dataset is {shown(item)}, accepted are DatasetInput and Dataset of steno.entities, "
            "what steno.data makes, and data such as a data frame"
        )
    return as_input(item)


def _media() -> Any:
    from steno.tracking import media  # noqa: PLC0415  yaml

    return media


def _tables() -> Any:
    from steno.tracking import tables  # noqa: PLC0415  yaml

    return tables


MlflowClient = Client
