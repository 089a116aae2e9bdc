"""`steno.sklearn`, `import steno.xgboost`: a module for every installed plugin, made when it is first asked for."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["Framework", "forget", "install", "of"]

_PACKAGE = "steno."
_CONTROL = "steno.autologging.control"
_FLAVORS = "steno.models.flavors"


class Framework(ModuleType):
    """One integration under its framework's name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            _PACKAGE + name, f"steno and {name}: autolog, disable, enable, save_model, log_model, load_model."
        )
        self.__all__ = ["autolog", "disable", "enable", "load_model", "log_model", "save_model"]
        self._name = name

    def autolog(self, *, disable: bool = False, **options: Any) -> None:
        """Record what this framework trains, with these options; the other integrations stay as they are.

        Args:
            disable: switch it off instead.
            **options: see `steno.status()[name].options`.

        Raises:
            IntegrationError: it is broken, not installed, or of a version that cannot be served.
            InvalidInputError: an option is unknown or has a wrong value.
        """
        _control().autolog_one(self._name, disable=disable, options=options)

    def disable(self) -> None:
        """Switch this integration off."""
        _control().disable(self._name)

    def enable(self) -> None:
        """Switch this integration on."""
        _control().enable(self._name)

    def save_model(self, *args: Any, **kwargs: Any) -> Any:
        """Save a model of this framework into a folder; see `steno.models.flavors.save_model`."""
        return _flavors().save_model(self._integration(), *args, **kwargs)

    def log_model(self, *args: Any, **kwargs: Any) -> Any:
        """Save a model of this framework with the active run; see `steno.models.flavors.log_model`."""
        return _flavors().log_model(self._integration(), *args, **kwargs)

    def load_model(self, *args: Any, **kwargs: Any) -> Any:
        """Load a model as this framework's own object; see `steno.models.flavors.load_model`."""
        return _flavors().load_model(self._integration(), *args, **kwargs)

    def _integration(self) -> Any:
        return importlib.import_module("steno.registry").registry().integration(self._name)

    def __repr__(self) -> str:
        return f"<steno.{self._name}: {', '.join(self.__all__)}>"


class _Finder:
    """Finds `steno.<plugin>`; stands last in `sys.meta_path`, so that it is asked only for what is no file."""

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002  the import system's argument
        target: ModuleType | None = None,  # noqa: ARG002  the import system's argument
    ) -> ModuleSpec | None:
        short = name.removeprefix(_PACKAGE)
        if short == name or "." in short or short.startswith("_") or not _control().is_plugin(short):
            return None
        return ModuleSpec(name, self)  # type: ignore[arg-type]  # a loader by its methods

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return Framework(spec.name.removeprefix(_PACKAGE))

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: the module is complete when it is made."""


_FINDER = _Finder()


def install() -> None:
    """Make `import steno.<plugin>` work."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.append(_FINDER)


def of(name: str) -> Any:
    """The module of one plugin."""
    install()
    return importlib.import_module(_PACKAGE + name)


def forget() -> None:
    """Take every module away again. For tests."""
    package = sys.modules.get("steno")
    for name, module in list(sys.modules.items()):
        if isinstance(module, Framework):
            del sys.modules[name]
            if package is not None:
                vars(package).pop(name.removeprefix(_PACKAGE), None)


def _control() -> Any:
    return importlib.import_module(_CONTROL)


def _flavors() -> Any:
    return importlib.import_module(_FLAVORS)
