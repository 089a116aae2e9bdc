"""SQLite's URLs: the path of the file in them, whatever characters it has."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

__all__ = ["file_of", "uri_of"]


def uri_of(file: Path) -> str:
    """The URL of a database file. What would end the path or be read as an escape in it is quoted, nothing else is.

    >>> uri_of(Path("/runs 50%/steno.db"))
    'sqlite:////runs 50%25/steno.db'
    """
    return "sqlite:///" + file.as_posix().replace("%", "%25").replace("?", "%3F")


def file_of(uri: str) -> str:
    """The path in a SQLite URL as it is written there, relative or absolute; "" if there is none.

    >>> file_of("sqlite:////runs 50%25/steno.db")
    '/runs 50%/steno.db'
    """
    return unquote(uri.partition("://")[2].partition("?")[0].removeprefix("/"))
