"""The functions of `steno.*` that keep files and datasets of a run: MLflow's names, arguments and defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from steno.errors import InvalidInputError, shown
from steno.tracking.inputs import as_input
from steno.tracking.open_run import OpenRun
from steno.tracking.session import session

__all__ = [
    "get_artifact_uri",
    "load_table",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_image",
    "log_input",
    "log_inputs",
    "log_stream",
    "log_table",
    "log_text",
]


def _run(run_id: str | None) -> OpenRun:
    return session().current_run() if run_id is None else session().handle(run_id)


def _media() -> Any:
    from steno.tracking import media  # noqa: PLC0415  yaml

    return media


def _tables() -> Any:
    from steno.tracking import tables  # noqa: PLC0415  yaml

    return tables


def log_artifact(
    local_path: str | os.PathLike[str], artifact_path: str | None = None, run_id: str | None = None
) -> None:
    """Copy a file into the active run.

    Args:
        local_path: a file, or a folder, which is copied with everything in it.
        artifact_path: folder inside the run's artifacts.
        run_id: another run than the active one.

    Raises:
        NotFoundError: no such file.
        InvalidInputError: a pipe, socket or device; an `artifact_path` that leaves the run's folder.
        StoreError: the disk is full, or the run's folder cannot be written.
    """
    add_artifact(_run(run_id), local_path, artifact_path)


def add_artifact(run: OpenRun, local_path: str | os.PathLike[str], artifact_path: str | None) -> None:
    """Copy a file, or a folder under its own name."""
    if os.path.isdir(local_path):  # noqa: PTH112  bad paths are False here, and errors there
        name = os.path.basename(os.path.abspath(local_path))  # noqa: PTH100, PTH119
        run.artifacts.add_tree(local_path, f"{artifact_path}/{name}" if artifact_path else name)
    else:
        run.artifacts.add_file(local_path, artifact_path)


def log_artifacts(
    local_dir: str | os.PathLike[str], artifact_path: str | None = None, run_id: str | None = None
) -> None:
    """Copy everything below a folder into the active run.

    Raises:
        NotFoundError: no such folder.
        InvalidInputError: it holds a pipe, socket, device or a circle of links; nothing is copied then.
    """
    _run(run_id).artifacts.add_tree(local_dir, artifact_path)


def log_text(text: str, artifact_file: str, run_id: str | None = None) -> None:
    """Write text as a file of the active run, such as "notes.txt"."""
    _media().log_text(_run(run_id), text, artifact_file)


def log_dict(dictionary: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Write a dictionary or list as a file of the active run: YAML for .yaml and .yml, else JSON."""
    _media().log_dict(_run(run_id), dictionary, artifact_file)


def log_figure(figure: Any, artifact_file: str, *, save_kwargs: Mapping[str, Any] | None = None) -> None:
    """Write a matplotlib or plotly figure as a file of the active run.

    Args:
        figure: is neither closed nor changed.
        artifact_file: the extension says in which format: "loss.png", "loss.pdf", for plotly also "loss.html".
        save_kwargs: for `savefig`, `write_html` or `write_image`.

    Raises:
        InvalidInputError: no figure, or a format that its library does not have.
    """
    _media().log_figure(session().current_run(), figure, artifact_file, save_kwargs)


def log_image(
    image: Any,
    artifact_file: str | None = None,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
    synchronous: bool | None = False,  # noqa: ARG001  MLflow's argument
) -> None:
    """Write an image (PIL, or an array) as a file of the active run, or as one of a series under `key` and `step`.

    Raises:
        InvalidInputError: both or neither of `artifact_file` and `key`, or no image.
    """
    _media().log_image(session().current_run(), image, artifact_file, key, step, timestamp)


def log_table(data: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Write a table (a dict of columns, or a data frame) into the active run, or append it to the one of that name.

    Raises:
        InvalidInputError: no table, columns of different length, or a name that ends in neither .json nor .parquet.
    """
    _tables().log_table(_run(run_id), data, artifact_file)


def load_table(
    artifact_file: str, run_ids: Sequence[str] | None = None, extra_columns: Sequence[str] | None = None
) -> Any:
    """The tables that runs logged under one name, as one data frame; those of the run started last come first.

    Args:
        artifact_file: the name.
        run_ids: the runs; those of the current experiment if None.
        extra_columns: what to add about the run of each row: columns that `search_runs` has, such as "run_id". Where
            the table has such a column itself, "_" is added to the name.

    Returns:
        A pandas data frame; one of polars where pandas is not installed.

    Raises:
        NotFoundError: no run has such a table.
        InvalidInputError: no name of a table, or an extra column that no run has.
    """
    here = session()
    return _tables().load_table(here.store, here.experiment_id(), artifact_file, run_ids, extra_columns)


def log_stream(stream: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Write what a binary stream holds as a file of the active run: a file opened by "rb", an `io.BytesIO`.

    Raises:
        InvalidInputError: no stream, or one of text.
    """
    _media().log_stream(_run(run_id), stream, artifact_file)


def log_input(
    dataset: Any = None,
    context: str | None = None,
    tags: Mapping[str, str] | None = None,
    model: Any = None,
) -> None:
    """Record that the active run used a dataset: its schema, a digest over all of it, a profile. Never rows.

    Args:
        dataset: what `steno.data.from_pandas` and the like return, or the data itself: a data frame, an array.
        context: what for, such as "train" or "eval".
        tags: more about this use of it.
        model: taken for MLflow's sake.

    Raises:
        InvalidInputError: nothing to record was given.
    """
    del model
    if dataset is None:
        raise InvalidInputError("log_input got no dataset: pass a data frame, an array or steno.data.from_pandas(df)")
    used = as_input(dataset, context, tags)
    session().current_run().log_dataset(used.dataset, used.tags)


def log_inputs(
    datasets: Sequence[Any] | None = None,
    contexts: Sequence[str | None] | None = None,
    tags_list: Sequence[Mapping[str, str] | None] | None = None,
    models: Sequence[Any] | None = None,
) -> None:
    """Record that the active run used several datasets; see `log_input`.

    Args:
        datasets: what `log_input` takes; None is left out.
        contexts: one for each; None where there is nothing to say.
        tags_list: one for each, or None.
        models: must be None: steno does not record the models that a run read.

    Raises:
        InvalidInputError: the lists differ in length, or models are given. Nothing is recorded then.
    """
    given = [list(values or ()) for values in (datasets, contexts, tags_list)]
    if len({len(values) for values in given}) > 1:
        counts = "{} datasets, {} contexts and {} tags_list".format(*map(len, given))
        raise InvalidInputError(
            f"log_inputs got {counts}, accepted are lists of one length: write None where there is nothing to say"
        )
    if models:
        raise InvalidInputError(
            f"log_inputs got models {shown(models)}, accepted is None: note the model in a tag, "
            "steno.set_tag('model', model_id)"
        )
    rows = zip(*given, strict=True)
    used = [as_input(dataset, context, tags) for dataset, context, tags in rows if dataset is not None]
    run = session().current_run()  # what is wrong with the call is said before a run is opened for it
    for item in used:
        run.log_dataset(item.dataset, item.tags)


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """URI of the active run's artifacts, or of one of them, whether it exists or not."""
    artifacts = session().current_run().artifacts
    return artifacts.path(artifact_path).as_uri()
