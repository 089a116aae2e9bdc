"""The options of one integration: argument, else environment, else project file, else default."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from steno.config import setting
from steno.errors import InvalidInputError, shown
from steno.plugin import Integration, Option

__all__ = ["COMMON", "checked", "resolved"]

COMMON = ("log_models", "log_datasets", "log_input_examples", "log_model_signatures", "log_training_metrics")


def checked(integration: Integration, given: Mapping[str, Any]) -> dict[str, Any]:
    """Options that a caller gave, each as its declared type.

    Raises:
        InvalidInputError: naming the option and what is accepted; nothing has been changed then.
    """
    declared = integration.options_declared
    values = {}
    for name, value in given.items():
        option = declared.get(name)
        if option is None:
            raise InvalidInputError(
                f"integration {integration.name!r} has no option {shown(name)}; it has {', '.join(sorted(declared))}: "
                f"write steno.autolog({integration.name}={{{sorted(declared)[0]!r}: ...}})"
            )
        values[name] = option.read(value, integration.name)
    return values


def resolved(
    integration: Integration, explicit: Mapping[str, Any], common: Mapping[str, Any]
) -> tuple[Mapping[str, Any], list[InvalidInputError]]:
    """Every option's value, and what was wrong in the environment or the project file.

    Args:
        integration: declares the options.
        explicit: given for this integration by name; wins.
        common: given to `autolog` for all integrations.
    """
    values = {}
    problems = []
    table = setting(integration.name)
    section = table if isinstance(table, Mapping) else {}
    for name, option in integration.options_declared.items():
        if name in explicit:
            values[name] = explicit[name]
        elif common.get(name) is not None:
            values[name] = common[name]
        else:
            try:
                values[name] = _from_outside(integration.name, name, option, section)
            except InvalidInputError as problem:
                problems.append(problem)
                values[name] = option.default
    return MappingProxyType(values), problems


def _from_outside(integration: str, name: str, option: Option, section: Mapping[str, Any]) -> Any:
    value = setting(f"{integration}_{name}")
    if value is None:
        value = section.get(name)
    if value is None:
        value = setting(name)
    return option.default if value is None else option.read(value, integration)
