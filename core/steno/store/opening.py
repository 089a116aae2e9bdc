"""A store by its URI."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from steno.errors import InvalidInputError, shown

if TYPE_CHECKING:
    from steno.store.base import Store

__all__ = ["open_store"]


def open_store(uri: str, *, root: Path | None = None) -> Store:
    """The store behind a URI. Nothing is opened or created before its first use.

    Args:
        uri: `sqlite:///steno.db` or another SQLAlchemy URL; `memory:` for a store that ends with the process.
        root: the folder that is moved as one with the store; the folder of the database file unless named.

    Raises:
        InvalidInputError: nobody knows this kind of URI.
    """
    scheme = uri.partition(":")[0].partition("+")[0].lower() if isinstance(uri, str) else ""
    if scheme == "memory":
        from steno.store.memory import MemoryStore  # noqa: PLC0415  numpy, and nearly nobody asks for it

        return MemoryStore(root)
    if scheme in ("sqlite", "postgresql"):
        from steno.store.sql.store import SQLStore  # noqa: PLC0415  SQLAlchemy: 200 ms

        return SQLStore(uri, root)
    raise InvalidInputError(
        f"tracking URI is {shown(uri)}, accepted are 'sqlite:///path/to/steno.db' and 'postgresql+psycopg://...': "
        "pass one to set_tracking_uri(...) or set STENO_TRACKING_URI"
    )
