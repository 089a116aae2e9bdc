"""Artifacts by URI: where one lies, what is in a folder of them, a copy elsewhere."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from steno.entities import FileInfo
from steno.errors import InvalidInputError, NotFoundError, StoreError, shown
from steno.store.base import Store
from steno.tracking.artifacts import HIDDEN, ArtifactFolder, local_path
from steno.tracking.location import locate
from steno.tracking.session import session
from steno.tracking.values import run_id_of

__all__ = ["Artifact", "copied"]

_RUN = re.compile(r"^runs:/+(?P<owner>[^/]+)(?:/(?P<path>.*))?$", re.DOTALL)
_MODEL = re.compile(r"^models:/+(?P<owner>m-[0-9a-fA-F]{32})(?:/(?P<path>.*))?$", re.DOTALL)
_ACCEPTED = (
    "accepted are runs:/<run_id>/<path>, models:/m-<id>/<path>, file: URIs and paths such as "
    "run.info.artifact_uri + '/notes.txt'"
)


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file or folder, there or not.

    Attributes:
        folder: the folder that its name is relative to.
        name: with "/"; "" for the folder itself.
        exact: the path, where the user named it: it may be a link to anywhere.
    """

    folder: ArtifactFolder
    name: str = ""
    exact: Path | None = None

    @classmethod
    def find(
        cls,
        artifact_uri: str | os.PathLike[str] | None = None,
        run_id: str | None = None,
        artifact_path: str | None = None,
        tracking_uri: str | None = None,
    ) -> Artifact:
        """The artifact that a URI, or a run and a path in it, mean.

        Raises:
            InvalidInputError: both or neither is given, or the URI is of another machine.
            NotFoundError: the store knows no such run or model.
        """
        if (artifact_uri is None) == (run_id is None):
            raise InvalidInputError(
                f"got artifact_uri {shown(artifact_uri)} and run_id {shown(run_id)}, accepted is one of them: "
                "write download_artifacts('runs:/<run_id>/notes.txt') or "
                "download_artifacts(run_id=..., artifact_path='notes.txt')"
            )
        if run_id is not None:
            return _of_run(_store(tracking_uri), run_id_of(run_id), artifact_path or "")
        if artifact_path is not None:
            raise InvalidInputError(
                f"artifact_path is {shown(artifact_path)}, accepted is one only beside run_id: add it to artifact_uri"
            )
        return _of_uri(artifact_uri, tracking_uri)

    def path(self) -> Path:
        """Where it lies.

        Raises:
            NotFoundError: nothing is there.
        """
        return self.folder.existing(self.name) if self.exact is None else self.exact

    def files(self) -> list[FileInfo]:
        """Files and folders directly in it, by name; none if it is a file.

        Their paths are relative to the folder; where the user named the place, to the one above, as in MLflow.
        """
        if self.exact is None:
            return self.folder.list(self.name)
        if self.name:
            return []
        return [replace(item, path=f"{self.exact.name}/{item.path}") for item in self.folder.list()]


def _store(tracking_uri: str | None) -> Store:
    here = session()
    return here.store if tracking_uri is None else here.settled(here.recorder_of(locate(tracking_uri)[0]))


def _of_run(store: Store, run_id: str, path: str) -> Artifact:
    return Artifact(ArtifactFolder(local_path(store.get_run(run_id).info.artifact_uri)), path.strip("/"))


def _of_uri(artifact_uri: object, tracking_uri: str | None) -> Artifact:
    text = os.fspath(artifact_uri) if isinstance(artifact_uri, os.PathLike) else artifact_uri
    if not isinstance(text, str) or text == "" or "\0" in text:
        raise InvalidInputError(f"artifact_uri is {shown(artifact_uri)}, {_ACCEPTED}")
    run = _RUN.match(text)
    if run is not None:
        return _of_run(_store(tracking_uri), run["owner"], run["path"] or "")
    model = _MODEL.match(text)
    if model is not None:
        location = _store(tracking_uri).get_logged_model(model["owner"]).artifact_location
        return Artifact(ArtifactFolder(local_path(location)), (model["path"] or "").strip("/"))
    if text.startswith(("runs:", "models:")):
        raise InvalidInputError(f"artifact_uri is {shown(text)}, {_ACCEPTED}; this steno has no model registry")
    try:
        path = local_path(text).expanduser().absolute()
    except InvalidInputError as fault:
        raise InvalidInputError(
            f"artifact_uri is {shown(text)}, which is on another machine and no plugin serves it: {_ACCEPTED}"
        ) from fault
    if not path.exists():
        raise NotFoundError(f"artifact_uri is {shown(text)}, and nothing is at {str(path)!r}: {_ACCEPTED}")
    if path.is_dir():
        return Artifact(ArtifactFolder(path), exact=path)
    return Artifact(ArtifactFolder(path.parent), path.name, path)


def copied(found: Artifact, into: str | os.PathLike[str]) -> Path:
    """A copy of an artifact in a folder, which is made if need be: under its own name, a whole run without one.

    Raises:
        NotFoundError: there is no such artifact.
        InvalidInputError: `into` is no folder.
        StoreError: it cannot be written.
    """
    source = found.path()
    target = Path(into).absolute()
    try:
        target.mkdir(parents=True, exist_ok=True)
        if source.is_file():
            return Path(shutil.copy(source, target / source.name))
        copy = target / source.name if found.name or found.exact else target
        shutil.copytree(source, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns(f"{HIDDEN}*"))
    except (FileExistsError, NotADirectoryError) as fault:
        raise InvalidInputError(f"dst_path is {shown(str(into))}, accepted is a folder, which may be new") from fault
    except OSError as fault:
        raise StoreError(
            f"{str(source)!r} cannot be copied to {str(target)!r}: {fault.strerror or fault}. "
            "Check free space and permissions, or pass another dst_path"
        ) from fault
    return copy
