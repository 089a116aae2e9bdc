"""A framework as a plugin's author finds it: its version, and the functions in it that look like trainings."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from types import ModuleType

import click

__all__ = ["Framework", "look_at"]

_TRAINS = ("train", "fit", "fit_transform", "partial_fit", "cv", "cross_validate")
_MOST = 12


@dataclass(frozen=True, slots=True)
class Framework:
    """What can be told of a framework.

    Attributes:
        name: its import name.
        distribution: the distribution that brings it; its import name if that is not known.
        version: its version; "1.0" if it is not here.
        installed: whether it could be imported.
        candidates: targets of functions and methods that look like trainings.
    """

    name: str
    distribution: str
    version: str = "1.0"
    installed: bool = False
    candidates: tuple[str, ...] = ()

    @property
    def requirement(self) -> str:
        """The requirement string of this version and later ones."""
        return f"{self.distribution}>={self.version}"


def look_at(name: str) -> Framework:
    """Import a framework, if it is here, and look through its public names."""
    module = _imported(name)
    if module is None:
        return Framework(name, name)
    distribution = metadata.packages_distributions().get(name, [name])[0]
    try:
        version = metadata.version(distribution).partition("+")[0]  # a local part cannot be required
    except metadata.PackageNotFoundError:
        version = str(getattr(module, "__version__", "0"))
    found = dict.fromkeys(_candidates(module))
    return Framework(name, distribution, version, installed=True, candidates=tuple(found)[:_MOST])


def _imported(name: str) -> ModuleType | None:
    if find_spec(name) is None:
        return None
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as error:
        click.echo(f"steno: importing {name} failed ({error}), so its trainings are not looked for", err=True)
        return None


def _candidates(module: ModuleType) -> Iterator[str]:
    """Functions first: what they call is often a method that is found too."""
    members = [(name, value) for name, value in vars(module).items() if not name.startswith("_")]
    for name, value in members:
        if name in _TRAINS and inspect.isfunction(value) and _is_of(module, value.__module__):
            yield f"{value.__module__}:{value.__qualname__}"
    for _, value in members:
        if inspect.isclass(value):
            yield from _methods(module, value)


def _methods(module: ModuleType, cls: type) -> Iterator[str]:
    for base in cls.__mro__:
        if _is_of(module, base.__module__):
            for name in _TRAINS:
                if inspect.isfunction(vars(base).get(name)):
                    yield f"{base.__module__}:{base.__qualname__}.{name}"


def _is_of(module: ModuleType, name: str) -> bool:
    return name.partition(".")[0] == module.__name__
