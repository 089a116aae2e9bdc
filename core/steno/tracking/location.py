"""Where a store is: its URI, and the folder that holds its artifacts and journals."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from steno.config import project_root, setting
from steno.errors import InvalidInputError, shown
from steno.store.opening import asked_plugins, store_of_plugin
from steno.store.uri import file_of, uri_of

__all__ = ["FOLDER", "Location", "locate"]

FOLDER = ".steno"
_DATABASE = "steno.db"
_NO_NAME = re.compile(r"[^A-Za-z0-9.-]+")
_ACCEPTED = (
    "accepted are a folder such as './runs', 'sqlite:///path/to/steno.db' and 'postgresql+psycopg://user@host/db' "
    "(pip install 'steno[postgres]')"
)


@dataclass(frozen=True, slots=True)
class Location:
    """One store and the folder beside it.

    Attributes:
        uri: what `steno.store.opening.open_store` is given.
        folder: holds `artifacts/` and `journal/`.
        store: name of the store within the folder; journals carry it.
        database: the SQLite file; None for a server.
        ours: the folder is `.steno`, which steno keeps out of git.
    """

    uri: str
    folder: Path
    store: str = _DATABASE
    database: Path | None = None
    ours: bool = False

    @property
    def artifacts(self) -> Path:
        """The folder of all artifacts that have no place of their own."""
        return self.folder / "artifacts"

    @property
    def journals(self) -> Path:
        """The folder of the journals."""
        return self.folder / "journal"

    def exists(self) -> bool:
        """Whether anything was ever written here. A server always may hold something."""
        if self.database is None or self.database.exists():
            return True
        try:
            return any(name.endswith(".journal") for name in os.listdir(self.journals))  # noqa: PTH208  read often
        except OSError:
            return False

    def create(self) -> None:
        """Make the folders, closed to other users.

        Raises:
            OSError: they cannot be made.
        """
        fresh = not self.folder.exists()
        for folder in (self.folder, self.journals):
            make_private(folder)
        if fresh and self.ours:
            with contextlib.suppress(FileExistsError):
                fd = os.open(self.folder / ".gitignore", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
                with os.fdopen(fd, "w") as file:
                    file.write("*\n")


def make_private(folder: Path) -> None:
    """Make a folder and what is missing above it, each with mode 0700.

    Raises:
        OSError: it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not folder.is_dir():
            raise
    except FileNotFoundError:
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def locate(uri: Any = None) -> tuple[Location, str]:
    """Where the store is, and what has to be said about it.

    Args:
        uri: a folder, a path of a `.db` file, or a URI; None for `STENO_TRACKING_URI`, the project's setting or the
            default, `.steno` beside the nearest `pyproject.toml` or `.git` above the working directory.

    Returns:
        The location, and a sentence for the user where the default could not be taken, else "".

    Raises:
        InvalidInputError: not a URI that steno has a store for.
    """
    named = setting("tracking_uri", uri)
    if named is None or named == "":
        return _default()
    if not isinstance(named, (str, os.PathLike)):
        raise InvalidInputError(f"tracking URI is {shown(named)}, {_ACCEPTED}")
    return _named(os.fspath(named)), ""


def _named(text: str) -> Location:
    if "\0" in text:
        raise InvalidInputError(f"tracking URI is {shown(text)}, {_ACCEPTED}")
    scheme = urlsplit(text).scheme if "://" in text or text.startswith("file:") else ""
    if scheme == "" or scheme == "file":
        parts = urlsplit(text)
        path = _absolute(unquote(parts.path) if scheme else text)
        return _file(path) if path.suffix in (".db", ".sqlite", ".sqlite3") and not path.is_dir() else _folder(path)
    if scheme == "sqlite" or scheme.startswith("sqlite+"):
        name = file_of(text)
        if name in ("", ":memory:"):
            raise InvalidInputError(f"tracking URI is {shown(text)}, which keeps nothing: {_ACCEPTED}")
        return _file(_absolute(name))
    if scheme.startswith("postgresql"):
        default, _ = _default()
        parts = urlsplit(text)
        name = f"{parts.hostname or 'local'}{parts.path.replace('/', '_')}"
        return Location(text, default.folder, name, ours=default.ours)
    if store_of_plugin(text) is not None:
        default, _ = _default()
        return Location(text, default.folder, _NO_NAME.sub("_", text), ours=default.ours)
    raise InvalidInputError(
        f"tracking URI is {shown(text)}: steno has no store for {scheme!r}, {_ACCEPTED}{asked_plugins('steno_store')}"
    )


def _absolute(text: str) -> Path:
    return Path(os.path.abspath(os.path.expanduser(text)))  # noqa: PTH100, PTH111  links stay links


def _folder(folder: Path, *, ours: bool = False) -> Location:
    if any(folder.glob("*/meta.yaml")):
        raise InvalidInputError(
            f"tracking URI is {str(folder)!r}, a folder that MLflow writes: steno leaves it as it is; name another"
        )
    database = folder / _DATABASE
    return Location(uri_of(database), folder, _DATABASE, database, ours)


def _file(database: Path) -> Location:
    return Location(uri_of(database), database.parent, database.name, database)


def _default() -> tuple[Location, str]:
    try:
        here = Path.cwd()
    except OSError:  # the working directory was deleted under us
        here = None
    top = (project_root() or here) if here is not None else None
    if top is not None and _writable(top / FOLDER):
        return _folder(top / FOLDER, ours=True), ""
    import platformdirs  # noqa: PLC0415  3 ms, for nearly nobody

    folder = Path(platformdirs.user_data_dir("steno", appauthor=False))
    where = "the working directory is gone" if top is None else f"{top / FOLDER} cannot be written"
    return _folder(folder, ours=True), (
        f"{where}: runs are kept in {folder} instead. Set STENO_TRACKING_URI to a folder of your choice"
    )


def _writable(folder: Path) -> bool:
    """Whether a folder can be made or used; nothing is created to find out."""
    if folder.is_symlink() or folder.exists():
        return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
    return os.access(folder.parent, os.W_OK | os.X_OK)
