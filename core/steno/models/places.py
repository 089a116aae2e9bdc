"""Where a model lies: `runs:/`, `models:/` and `file:` URIs and plain paths, as a folder of this machine."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from steno.errors import InvalidInputError, ModelError, NotFoundError, shown
from steno.models.mlmodel import MLMODEL
from steno.tracking.artifacts import local_path
from steno.tracking.session import session

__all__ = ["Place", "find"]

_RUN = re.compile(r"^runs:/+(?P<run>[^/]+)/(?P<path>.+?)/*$")
_LOGGED = re.compile(r"^models:/+(?P<model>m-[0-9a-fA-F]{32})/*$")
_ACCEPTED = "accepted are runs:/<run_id>/<name>, models:/m-<id>, file: URIs and paths of folders with an MLmodel file"


@dataclass(frozen=True, slots=True)
class Place:
    """A model's folder.

    Attributes:
        uri: as it was asked for.
        folder: where it lies, links resolved.
        own: whether that is within the artifacts of the local store.
    """

    uri: str
    folder: Path
    own: bool


def find(uri: str | os.PathLike[str], copy_to: str | os.PathLike[str] | None = None) -> Place:
    """The folder that a model URI or path means.

    Args:
        uri: of the model.
        copy_to: a folder that gets a copy of the model's, from which it is loaded then.

    Raises:
        InvalidInputError: not a URI of a model.
        NotFoundError: the store knows no such run or model.
        ModelError: there is no model folder.
    """
    text = os.fspath(uri)
    if not isinstance(text, str) or "\0" in text:
        raise InvalidInputError(f"model URI is {shown(uri)}, {_ACCEPTED}")
    folder = _folder(text).resolve()
    if not (folder / MLMODEL).is_file():
        raise ModelError(f"no model at {text!r}: {folder} holds no MLmodel file; {_ACCEPTED}")
    place = Place(text, folder, folder.is_relative_to(session().location.artifacts.resolve()))
    return place if copy_to is None else _copied(place, Path(copy_to))


def _copied(place: Place, into: Path) -> Place:
    target = into / place.folder.name
    try:
        shutil.copytree(place.folder, target, symlinks=True)
    except OSError as fault:
        raise ModelError(
            f"model {place.uri!r} cannot be copied to {str(target)!r} ({fault.strerror or fault}), accepted is a "
            "folder that can be written and has nothing of that name: pass another dst_path, or none"
        ) from fault
    return replace(place, folder=target.resolve())


def _folder(text: str) -> Path:
    run = _RUN.match(text)
    if run is not None:
        return _of_run(run["run"], run["path"], text)
    logged = _LOGGED.match(text)
    if logged is not None:
        return _local(session().store.get_logged_model(logged["model"]).artifact_location, text)
    if text.startswith(("runs:", "models:")):
        raise InvalidInputError(f"model URI is {text!r}, {_ACCEPTED}")
    return _local(text, text)


def _of_run(run_id: str, path: str, text: str) -> Path:
    store = session().store
    root = _local(store.get_run(run_id).info.artifact_uri, text)
    folder = (root / path).resolve()
    if not folder.is_relative_to(root.resolve()):
        raise InvalidInputError(f"model URI is {text!r}, which leads out of the artifacts of the run: {_ACCEPTED}")
    if (folder / MLMODEL).is_file():
        return folder
    models = store.logged_models(run_id)
    found = next((model for model in reversed(models) if model.name == path), None)
    if found is None:
        names = ", ".join(sorted({model.name for model in models})) or "none"
        raise NotFoundError(f"run {run_id!r} has no model {path!r}, its models are: {names}")
    return _local(found.artifact_location, text)


def _local(location: str, asked: str) -> Path:
    try:
        return local_path(location).expanduser().absolute()
    except InvalidInputError as fault:
        raise ModelError(
            f"model {asked!r} lies at {shown(location)}, which is no folder of this machine: download it first"
        ) from fault
