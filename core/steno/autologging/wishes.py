"""What callers of `autolog`, `disable` and `off` ask for, checked before anything is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from steno.autologging.scope import EVERYTHING
from steno.errors import IntegrationError, InvalidInputError, shown
from steno.registry import registry

__all__ = [
    "Flags",
    "Names",
    "Selection",
    "Wish",
    "check_flags",
    "checked_names",
    "checked_tags",
    "checked_wishes",
    "split",
    "unknown",
]

Names = str | Iterable[str] | None
Wish = bool | dict[str, Any]


@dataclass(frozen=True, slots=True)
class Flags:
    """What may be said to all integrations and of a single one; None where nothing was said.

    Attributes:
        exclusive: whether nothing is recorded while a run of the user's is active.
        silent: whether nothing is said: no warnings, no cards.
        extra_tags: for every run that a training opens.
    """

    exclusive: bool | None = None
    silent: bool | None = None
    extra_tags: Mapping[str, str] | None = None


class Selection:
    """`only` and `exclude` as sets of known names; `only` is None where all are meant."""

    def __init__(self, only: Names, exclude: Names) -> None:
        self.only = None if only is None else frozenset(checked_names(only, "only"))
        self.exclude = frozenset(checked_names(exclude, "exclude"))


def unknown(name: object, what: str = "no integration is called") -> IntegrationError:
    """The error for a name that no plugin has; lists those that there are."""
    return IntegrationError(
        f"{what} {shown(name)}; installed are {', '.join(registry().names()) or 'none'}: "
        "take one of these, or install a plugin for it"
    )


def checked_names(names: Names, argument: str) -> list[str]:
    """Names of installed plugins, one or several, in order; "*" is every integration.

    Raises:
        IntegrationError: no plugin has such a name.
        InvalidInputError: it is neither a name nor a collection.
    """
    if names is None:
        return []
    found: object = [names] if isinstance(names, str) else names
    if not isinstance(found, Iterable):
        raise InvalidInputError(
            f"{argument} is {shown(names)}, accepted is a name or a collection of names: write {argument}='sklearn'"
        )
    known = registry().plugins()
    chosen = list(found)
    if EVERYTHING in chosen:
        return registry().names()
    for name in chosen:
        if not isinstance(name, str) or name not in known:
            raise unknown(name)
    return list(dict.fromkeys(chosen))


def checked_wishes(integrations: Mapping[str, object]) -> dict[str, Wish]:
    """What `autolog` was told of single integrations.

    Raises:
        IntegrationError: no integration is called so.
        InvalidInputError: what is wished is neither True, False nor a mapping of options.
    """
    wishes: dict[str, Wish] = {}
    for name, wish in integrations.items():
        plugin = registry().plugins().get(name)
        if plugin is None or plugin.always_on:
            raise unknown(name, "autolog() has no such argument, and no integration is called")
        if isinstance(wish, bool):
            wishes[name] = wish
        elif isinstance(wish, Mapping):
            wishes[name] = dict(wish)
        else:
            raise InvalidInputError(
                f"{name} is {shown(wish)}, accepted are True, False and a mapping of options: "
                f"write steno.autolog({name}={{'log_models': False}})"
            )
    return wishes


def check_flags(flags: Mapping[str, object]) -> None:
    """See that each is True, False or None.

    Raises:
        InvalidInputError: naming the one that is not.
    """
    for name, value in flags.items():
        if value is not None and not isinstance(value, bool):
            raise InvalidInputError(
                f"{name} is {shown(value)}, accepted are True and False: write steno.autolog({name}=True)"
            )


def split(given: Mapping[str, Any]) -> tuple[Flags, dict[str, Any]]:
    """What was given for one integration: the flags that all of them know, and its own options.

    Raises:
        InvalidInputError: a flag has a wrong value.
    """
    flags = {name: given.get(name) for name in ("exclusive", "silent")}
    check_flags(flags)
    tags = given.get("extra_tags")
    rest = {name: value for name, value in given.items() if name not in (*flags, "extra_tags")}
    return Flags(**flags, extra_tags=None if tags is None else checked_tags(tags)), rest


def checked_tags(tags: object) -> dict[str, str]:
    """`extra_tags` as text by text.

    Raises:
        InvalidInputError: it is no mapping.
    """
    if tags is None:
        return {}
    if not isinstance(tags, Mapping):
        raise InvalidInputError(
            f"extra_tags is {shown(tags)}, accepted is a mapping of text to text: write extra_tags={{'team': 'blue'}}"
        )
    return {str(key): str(value) for key, value in tags.items()}
