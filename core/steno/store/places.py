"""Where artifacts are: kept relative to the store's root, told as absolute URIs, so that the folder can be moved."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

__all__ = ["INSIDE", "Places"]

INSIDE = "./"


class Places:
    """Turns locations into what the database keeps and back.

    Args:
        root: the folder that moves with the store; None if there is none.
    """

    def __init__(self, root: Path | None) -> None:
        self.root = None if root is None else os.path.abspath(root)  # noqa: PTH100  links stay links
        self.prefix = "" if root is None else Path(str(self.root)).as_uri().rstrip("/") + "/"

    def kept(self, location: str | None, default: str) -> str:
        """What the database keeps for a location.

        Args:
            location: URI or path; None or empty for the default place.
            default: as the database keeps it.
        """
        if not location:
            return default
        path = _local_path(location)
        if path is None:
            return location
        if self.root is not None and (path == self.root or path.startswith(self.root.rstrip(os.sep) + os.sep)):
            relative = os.path.relpath(path, self.root)
            return INSIDE + ("" if relative == "." else quote(relative.replace(os.sep, "/")))
        return Path(path).as_uri()

    def told(self, kept: str) -> str:
        """The absolute URI of what the database keeps."""
        return self.prefix + kept[2:] if kept.startswith(INSIDE) else kept


def _local_path(location: str) -> str | None:
    """The absolute path that a path or `file:` URI means; None for a URI of another scheme."""
    if location.startswith("file:"):
        parts = urlsplit(location)
        return os.path.normpath(unquote(parts.path)) if parts.netloc in ("", "localhost") else None
    if "://" in location:
        return None
    return os.path.abspath(location)  # noqa: PTH100
