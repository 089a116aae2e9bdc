"""The functions of `steno.*` that write files and datasets of a run: MLflow's names, arguments and defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from steno.entities import Dataset
from steno.errors import InvalidInputError
from steno.tracking.open_run import OpenRun
from steno.tracking.session import session

__all__ = [
    "get_artifact_uri",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_image",
    "log_input",
    "log_table",
    "log_text",
]

CONTEXT_TAG = "mlflow.data.context"


def _run(run_id: str | None) -> OpenRun:
    return session().current_run() if run_id is None else session().handle(run_id)


def _media() -> Any:
    from steno.tracking import media  # noqa: PLC0415  yaml

    return media


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
    _media().log_table(_run(run_id), data, artifact_file)


def log_input(
    dataset: Any = None,
    context: str | None = None,
    tags: Mapping[str, str] | None = None,
    model: Any = None,
) -> None:
    """Record that the active run used a dataset: its schema, a digest over all of it, a profile. Never rows.

    Args:
        dataset: a `steno.entities.Dataset`, or the data itself: a data frame, an array.
        context: what for, such as "train" or "eval".
        tags: more about this use of it.
        model: taken for MLflow's sake.

    Raises:
        InvalidInputError: nothing to record was given.
    """
    del model
    if dataset is None:
        raise InvalidInputError("log_input got no dataset: pass a data frame, an array or a steno.entities.Dataset")
    if not isinstance(dataset, Dataset):
        from steno.tracking.datasets import describe  # noqa: PLC0415  numpy, narwhals

        dataset = describe(dataset)
    all_tags = {**(tags or {}), **({} if context is None else {CONTEXT_TAG: context})}
    session().current_run().log_dataset(dataset, all_tags)


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """URI of the active run's artifacts, or of one of them, whether it exists or not."""
    artifacts = session().current_run().artifacts
    return artifacts.path(artifact_path).as_uri()
