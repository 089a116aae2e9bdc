"""Where a dataset came from: the program, a file, a URL. In the JSON form of MLflow's dataset sources."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from steno.entities import Dataset, DatasetInput
from steno.errors import InvalidInputError, NotFoundError, StoreError, shown
from steno.tracking.context import Context
from steno.tracking.downloads import Artifact, copied

__all__ = ["ArtifactDatasetSource", "CodeDatasetSource", "DatasetSource", "HTTPDatasetSource", "source_of", "stored"]

_TIMEOUT_S = 60.0
_TAGS = ("mlflow.user", "mlflow.source.name", "mlflow.source.type")


class DatasetSource:
    """Base of the sources. One of your own needs `_get_source_type`, `to_dict`, `from_dict` and `load`."""

    def _get_source_type(self) -> str:
        raise NotImplementedError

    def load(self) -> Any:
        """What the source names, brought to this machine."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """The source as JSON takes it."""
        raise NotImplementedError

    @classmethod
    def from_dict(cls, source_dict: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        raise NotImplementedError

    def to_json(self) -> str:
        """The source as JSON text."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, source_json: str) -> Self:
        """The inverse of `to_json`."""
        return cls.from_dict(json.loads(source_json))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DatasetSource) and _identity(other) == _identity(self)

    def __hash__(self) -> int:
        return hash(self.to_json())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.to_json()})"


def _identity(source: DatasetSource) -> tuple[str, dict[str, Any]]:
    return source._get_source_type(), source.to_dict()


class CodeDatasetSource(DatasetSource):
    """Data that a program made.

    Args:
        tags: of the program, under the names of a run's tags.
    """

    def __init__(self, tags: Mapping[str, Any] | None) -> None:
        self.tags = tags

    def _get_source_type(self) -> str:
        return "code"

    def load(self, **_kwargs: Any) -> Any:
        """Cannot: the program made the data.

        Raises:
            NotFoundError: always.
        """
        raise NotFoundError(
            f"this dataset was made by code ({self.to_json()}) and is kept nowhere: name its file where it is "
            "recorded, steno.data.from_pandas(df, source='data.csv')"
        )

    def to_dict(self) -> dict[str, Any]:
        """The source as JSON takes it."""
        return {"tags": self.tags}

    @classmethod
    def from_dict(cls, source_dict: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(source_dict.get("tags"))


class ArtifactDatasetSource(DatasetSource):
    """A file or folder of this machine, of a run, or of a storage service.

    Args:
        uri: a path, or a URI such as "runs:/<run_id>/data.csv" and "s3://bucket/data.csv".
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def _get_source_type(self) -> str:
        scheme = urlsplit(self.uri).scheme
        return "local" if scheme in ("", "file") or len(scheme) == 1 else scheme

    def load(self, dst_path: str | None = None) -> str:
        """A path at which it can be read: the file itself, or a copy in the folder `dst_path`.

        Raises:
            InvalidInputError: it is on another machine.
            NotFoundError: it is not there any more.
        """
        found = Artifact.find(self.uri)
        return str(found.path() if dst_path is None else copied(found, dst_path))

    def to_dict(self) -> dict[str, Any]:
        """The source as JSON takes it."""
        return {"uri": self.uri}

    @classmethod
    def from_dict(cls, source_dict: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(source_dict["uri"])


class HTTPDatasetSource(DatasetSource):
    """A file at a web address.

    Args:
        url: begins with "http:" or "https:".
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def _get_source_type(self) -> str:
        return "http"

    def load(self, dst_path: str | None = None) -> str:
        """Fetch the file into a folder, a new one unless `dst_path` names it; returns the file's path.

        Raises:
            InvalidInputError: no web address.
            StoreError: it cannot be fetched or written.
        """
        if not _is_web(self.url):
            raise InvalidInputError(f"url is {shown(self.url)}, accepted are addresses such as 'https://host/data.csv'")
        try:
            with urllib.request.urlopen(self.url, timeout=_TIMEOUT_S) as answer:  # noqa: S310  http, checked above
                named = answer.headers.get_filename() or unquote(urlsplit(self.url).path)
                folder = Path(tempfile.mkdtemp(prefix="steno-") if dst_path is None else dst_path)
                folder.mkdir(parents=True, exist_ok=True)
                # the other side chose the name: nothing of it but its last part is taken
                file = folder / (PurePosixPath(named.replace("\\", "/")).name or "dataset_source")
                with file.open("wb") as write:
                    shutil.copyfileobj(answer, write)
        except OSError as fault:
            raise StoreError(f"{self.url!r} cannot be fetched: {fault}. Check the address and the network") from fault
        return str(file)

    def to_dict(self) -> dict[str, Any]:
        """The source as JSON takes it."""
        return {"url": self.url}

    @classmethod
    def from_dict(cls, source_dict: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(source_dict["url"])


def _is_web(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))


def source_of(raw: Any = None) -> Any:
    """The source that a path, a URI or a source object means; this program if None.

    Raises:
        InvalidInputError: none of them.
    """
    if raw is None:
        known = Context().cheap()
        return CodeDatasetSource({name: known[name] for name in _TAGS})
    if callable(getattr(raw, "to_json", None)) and callable(getattr(raw, "_get_source_type", None)):
        return raw  # one of ours, of MLflow's or of the user's own
    if isinstance(raw, os.PathLike):
        raw = os.fspath(raw)
    if not isinstance(raw, str) or not raw:
        raise InvalidInputError(
            f"source is {shown(raw)}, accepted are a path, a URL, a URI such as 's3://bucket/data.csv' and a "
            "DatasetSource: leave it out if the program made the data"
        )
    return HTTPDatasetSource(raw) if _is_web(raw) else ArtifactDatasetSource(raw)


def stored(dataset: Dataset | DatasetInput) -> DatasetSource:
    """The source of a dataset that was recorded.

    Raises:
        InvalidInputError: another tool wrote it, in a form that is not known here.
    """
    found = dataset.dataset if isinstance(dataset, DatasetInput) else dataset
    try:
        known = json.loads(found.source)
        if found.source_type == "code":
            return CodeDatasetSource.from_dict(known)
        return HTTPDatasetSource.from_dict(known) if found.source_type == "http" else _placed(found.source_type, known)
    except (ValueError, TypeError, KeyError, AttributeError) as fault:
        raise InvalidInputError(
            f"source of dataset {found.name!r} is of type {shown(found.source_type)} and says {shown(found.source)}, "
            "accepted are 'code', 'http', and files by their uri: read dataset.source yourself"
        ) from fault


def _placed(source_type: str, known: Mapping[str, Any]) -> DatasetSource:
    source = ArtifactDatasetSource.from_dict(known)
    if source._get_source_type() != source_type:
        raise ValueError(source_type)
    return source
