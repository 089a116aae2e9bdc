"""A store by its URI."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from steno.errors import InvalidInputError, shown

if TYPE_CHECKING:
    from steno.store.base import Store

__all__ = ["asked_plugins", "open_store", "store_of_plugin"]

_ACCEPTED = "accepted are 'sqlite:///path/to/steno.db' and 'postgresql+psycopg://...' (pip install 'steno[postgres]')"


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
    found = store_of_plugin(uri) if scheme else None
    if found is not None:
        return found
    raise InvalidInputError(
        f"tracking URI is {shown(uri)}, {_ACCEPTED}: pass one to set_tracking_uri(...) or set STENO_TRACKING_URI"
        + asked_plugins("steno_store")
    )


def store_of_plugin(uri: str) -> Store | None:
    """The store that a plugin has for a URI; None if no plugin serves it."""
    found: Store | None = _registry().first("steno_store", _store, uri=uri)
    return found


def _store(found: object) -> Store:
    from steno.store.base import Store  # noqa: PLC0415  numpy; the plugin that made one has loaded it

    if not isinstance(found, Store):
        raise InvalidInputError(f"steno_store gave {shown(found)}, accepted is a steno.store.base.Store: return one")
    return found


def asked_plugins(hook: str) -> str:
    """For an error's end: which plugins were asked, what is wrong with them, and what to install."""
    registry = _registry()
    plugins = registry.plugins()
    notes = [f"{name} does not serve it" for name in registry.implementers(hook) if not plugins[name].last_fault]
    notes += [f"{plugin.name} failed: {plugin.last_fault}" for plugin in plugins.values() if hook in plugin.last_fault]
    notes += [f"{plugin.name} is broken: {plugin.why}" for plugin in plugins.values() if _cannot_be_asked(plugin)]
    return (
        f". For other schemes install a plugin with the hook {hook}; of those here {'; '.join(notes) or 'none has it'}"
    )


def _cannot_be_asked(plugin: Any) -> bool:
    return bool(plugin.always_on and plugin.state == "broken")


def _registry() -> Any:
    from steno.registry import registry  # noqa: PLC0415  pluggy: 25 ms, and nearly nobody has such a store

    return registry()
