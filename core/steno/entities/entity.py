"""What every entity can do: give its fields as pairs and as plain dictionaries, as MLflow's entities do."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["Entity"]


class Entity:
    """Base of the entities, which are frozen data classes.

    `dict(run.info)` has the fields by name; `to_dictionary()` has them as dicts, lists and values all the way down.
    """

    __slots__ = ()

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        for known in dataclasses.fields(self):  # type: ignore[arg-type]  # every subclass is a data class
            yield known.name, getattr(self, known.name)

    def to_dictionary(self) -> dict[str, Any]:
        """The entity as plain dictionaries, lists and values; `to_json` is the form that MLflow's API speaks."""
        return {name: _plain(value) for name, value in self}


def _plain(value: Any) -> Any:
    if isinstance(value, Entity):
        return value.to_dictionary()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value  # YAML writes no subclasses of str
