"""One file or folder of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from steno.entities.entity import Entity
from steno.entities.json import Json, optional_int

__all__ = ["FileInfo"]


@dataclass(frozen=True, slots=True)
class FileInfo(Entity):
    """One file or folder of a run.

    Attributes:
        path: relative to the run's artifacts, with "/".
        is_dir: whether it is a folder.
        file_size: bytes; None for a folder.
    """

    path: str
    is_dir: bool
    file_size: int | None = None

    def to_json(self) -> Json:
        """MLflow's `FileInfo` message."""
        data: Json = {"path": self.path, "is_dir": self.is_dir}
        if self.file_size is not None:
            data["file_size"] = self.file_size
        return data

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """The inverse of `to_json`."""
        return cls(data["path"], bool(data.get("is_dir", False)), optional_int(data.get("file_size")))
