"""Files of runs, read back by URI, under the names that MLflow gives the functions: `steno.artifacts.load_text(uri)`.

A URI is `runs:/<run_id>/<path>`, `models:/m-<id>/<path>`, a `file:` URI or a path, such as
`run.info.artifact_uri + "/notes.txt"`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from steno.entities import FileInfo
from steno.errors import InvalidInputError
from steno.tracking.downloads import Artifact, copied
from steno.tracking.media import YAML, opened_image

__all__ = ["FileInfo", "download_artifacts", "list_artifacts", "load_dict", "load_image", "load_text"]


def download_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    dst_path: str | None = None,
    tracking_uri: str | None = None,
    registry_uri: str | None = None,  # noqa: ARG001  MLflow's argument
) -> str:
    """A path at which an artifact, or a folder of them, can be read.

    Args:
        artifact_uri: what to read; this or `run_id`.
        run_id: whose artifacts.
        artifact_path: which of them, beside `run_id`; all if None.
        dst_path: a folder that gets a copy, and is made if need be; if None the stored file itself is meant.
        tracking_uri: another store than the current one.
        registry_uri: taken for MLflow's sake.

    Raises:
        InvalidInputError: both or neither of `artifact_uri` and `run_id`, or a URI of another machine.
        NotFoundError: no such run, model or artifact.
    """
    found = Artifact.find(artifact_uri, run_id, artifact_path, tracking_uri)
    return str(found.path() if dst_path is None else copied(found, dst_path))


def list_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    tracking_uri: str | None = None,
) -> list[FileInfo]:
    """Files and folders directly in a folder; none if it is a file, or nothing is there.

    Their paths are relative to the run; to what is above the folder if that is named by a `file:` URI or a path.

    Args:
        artifact_uri: the folder; this or `run_id`.
        run_id: whose artifacts.
        artifact_path: a folder of them, beside `run_id`.
        tracking_uri: another store than the current one.

    Raises:
        InvalidInputError: both or neither of `artifact_uri` and `run_id`, or a URI of another machine.
        NotFoundError: no such run or model.
    """
    return Artifact.find(artifact_uri, run_id, artifact_path, tracking_uri).files()


def load_text(artifact_uri: str) -> str:
    """The text of an artifact in UTF-8.

    Raises:
        InvalidInputError: it is a folder, or no such text.
        NotFoundError: no such artifact.
    """
    path = _file(artifact_uri)
    try:
        return path.read_bytes().decode()  # line ends stay as they are
    except UnicodeDecodeError as fault:
        raise InvalidInputError(
            f"artifact {artifact_uri!r} is no UTF-8 text ({fault.reason} at byte {fault.start}): read the file at "
            "steno.artifacts.download_artifacts(uri) with the encoding that it has"
        ) from fault


def load_dict(artifact_uri: str) -> Any:
    """The dictionary or list of an artifact: of YAML for .yaml and .yml, else of JSON, as `log_dict` wrote it.

    Raises:
        InvalidInputError: it is a folder, or holds no such thing.
        NotFoundError: no such artifact.
    """
    text = load_text(artifact_uri)
    is_yaml = Path(artifact_uri).suffix.lower() in YAML
    try:
        return yaml.safe_load(text) if is_yaml else json.loads(text)
    except (yaml.YAMLError, ValueError, RecursionError) as fault:
        raise InvalidInputError(
            f"artifact {artifact_uri!r} is no {'YAML' if is_yaml else 'JSON'}: {fault}; "
            "steno.artifacts.load_text(uri) gives it as text"
        ) from fault


def load_image(artifact_uri: str) -> Any:
    """The image of an artifact, as a `PIL.Image.Image`.

    Raises:
        InvalidInputError: it is a folder or no image, or pillow is not installed.
        NotFoundError: no such artifact.
    """
    return opened_image(_file(artifact_uri), f"artifact {artifact_uri!r}")


def _file(artifact_uri: str) -> Path:
    found = Artifact.find(artifact_uri)
    path = found.path()
    if path.is_dir():
        names = ", ".join(item.path for item in found.files()) or "nothing"
        raise InvalidInputError(f"artifact {artifact_uri!r} is a folder, accepted is a file; it holds: {names}")
    return path
