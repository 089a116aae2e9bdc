"""`autolog`, `disable`, `enable`, `off`, `status`: what a user calls. All is checked before anything is changed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from steno import registry as registry_module
from steno.autologging import namespace
from steno.autologging.options import COMMON
from steno.autologging.scope import Off, current
from steno.autologging.switchboard import Request, Switchboard
from steno.autologging.wishes import (
    Flags,
    Names,
    Selection,
    check_flags,
    checked_names,
    checked_tags,
    checked_wishes,
    split,
    unknown,
)
from steno.errors import IntegrationError
from steno.registry import registry

if TYPE_CHECKING:
    from steno.autologging.status import Status, StatusRow

__all__ = ["autolog", "disable", "enable", "framework", "is_plugin", "off", "reset", "silent", "status"]


class _Home:
    """Owner of the one switchboard of this process."""

    switchboard = Switchboard()


def _after_fork() -> None:
    _Home.switchboard.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def autolog(
    *,
    disable: bool = False,
    only: Names = None,
    exclude: Names = None,
    log_models: bool | None = None,
    log_datasets: bool | None = None,
    log_input_examples: bool | None = None,
    log_model_signatures: bool | None = None,
    log_training_metrics: bool | None = None,
    exclusive: bool | None = None,
    silent: bool | None = None,
    extra_tags: Mapping[str, str] | None = None,
    children: bool = False,
    **integrations: bool | Mapping[str, Any],
) -> None:
    """Record every training from now on. A second call replaces what the first one said; nothing is patched twice.

    What is None comes from the environment (`STENO_LOG_MODELS`, `STENO_SKLEARN_LOG_MODELS`, `STENO_SILENT`,
    `STENO_EXTRA_TAGS=team=blue,stage=dev`), else from `[tool.steno]` in `pyproject.toml`, else it has the default
    below.

    Args:
        disable: switch everything off instead.
        only: names of integrations; no other is switched on.
        exclude: names of integrations that are not switched on.
        log_models: save the trained models (True).
        log_datasets: record what models are trained on: schema, digest, profile (True).
        log_input_examples: store the first rows of the training data with each model (False).
        log_model_signatures: store the columns and types that each model takes and gives (True).
        log_training_metrics: compute scores on the training data (True).
        exclusive: record nothing while a run of yours is active (False).
        silent: say nothing: no warnings about what could not be recorded, no cards in notebooks (False). What went
            wrong is in `status()` all the same.
        extra_tags: set on every run that a training opens.
        children: record in this process even though another process started it.
        **integrations: by name False, True or options: `autolog(sklearn={"log_models": False}, xgboost=False)`.
            `exclusive`, `silent` and `extra_tags` may be among the options.

    Raises:
        IntegrationError: one that is asked for by name cannot be served. Nothing has changed then.
        InvalidInputError: an option is unknown or has a wrong value. Nothing has changed then.
    """
    values = (log_models, log_datasets, log_input_examples, log_model_signatures, log_training_metrics)
    common = dict(zip(COMMON, values, strict=True))
    flags = {"disable": disable, "exclusive": exclusive, "silent": silent, "children": children}
    check_flags({**common, **flags})
    wishes = checked_wishes(integrations)
    said = Flags(exclusive, silent, None if extra_tags is None else checked_tags(extra_tags))
    selection = Selection(only, exclude)
    _Home.switchboard.autolog(Request(selection, wishes, common, said, off=bool(disable), children=bool(children)))


def autolog_one(name: str, *, disable: bool = False, options: Mapping[str, Any]) -> None:
    """What `steno.<name>.autolog(...)` does: the other integrations stay as they are.

    Args:
        name: the integration.
        disable: switch it off instead.
        options: its options, `exclusive`, `silent` and `extra_tags`. They hold for this one, whatever `autolog` is told
            before or after.

    Raises:
        IntegrationError: it cannot be served. Nothing has changed then.
        InvalidInputError: an option is unknown or has a wrong value. Nothing has changed then.
    """
    check_flags({"disable": disable})
    split(options)
    checked_names(name, "name")
    if disable:
        _Home.switchboard.disable([name])
    else:
        _Home.switchboard.autolog_one(name, options)


def disable(names: Names = None) -> None:
    """Switch integrations off, at any time; a training in progress is recorded to its end.

    They stay off until they are asked for by name: `enable("torch")`, `autolog(torch=True)`.

    Args:
        names: one or more; none means all.

    Raises:
        IntegrationError: no integration has such a name.
    """
    chosen = checked_names(names, "names")
    _Home.switchboard.disable(None if names is None else chosen)


def enable(names: Names = None) -> None:
    """Switch integrations on, at any time.

    Args:
        names: one or more; none means all.

    Raises:
        IntegrationError: one that was named is unknown, broken, not installed, or of a version that cannot be served.
            Nothing has changed then.
    """
    chosen = checked_names(names, "names")
    _Home.switchboard.enable(None if names is None else chosen)


def off(*names: str) -> Off:
    """Record nothing of these integrations inside: `with steno.off():` or `with steno.off("xgboost", "torch"):`.

    It holds for this thread and this task, nests, and can decorate a function. None given means all.

    Raises:
        IntegrationError: no integration has such a name.
    """
    return Off(checked_names(names, "names"))


def status() -> Status:
    """What is watched, and why not the rest: print it, or read it as a mapping from name to row."""
    from steno.autologging.status import status_of  # noqa: PLC0415  tables and HTML, for who asks; autolog() is quick

    return status_of(_Home.switchboard)


def describe(name: str) -> StatusRow:
    """The row of one integration, its plugin loaded if it can be, so that its options are known.

    Raises:
        IntegrationError: no integration has such a name.
    """
    checked_names(name, "name")
    if not registry().load(name).always_on:
        with contextlib.suppress(IntegrationError):  # broken: the row says so
            _Home.switchboard.process.service(name).load()
    return status()[name]


def silent() -> bool:
    """Whether nothing is to be said: of the training in progress, and outside of any, in general."""
    scope = current()
    training = None if scope is None else scope.training
    return _Home.switchboard.silent if training is None else training.silent


def is_plugin(name: str) -> bool:
    """Whether an installed plugin serves a framework of this name."""
    plugin = registry().plugins().get(name)
    return plugin is not None and not plugin.always_on


def framework(name: str) -> Any:
    """What `steno.<name>` is: the namespace of one integration, with `autolog`, `save_model`, `log_model` and so on.

    Raises:
        IntegrationError: no installed plugin has this name.
    """
    if not is_plugin(name):
        raise unknown(name)
    return namespace.of(name)


def reset() -> None:
    """Undo and forget everything. For tests."""
    _Home.switchboard.reset()
    _Home.switchboard = Switchboard()
    namespace.forget()
    registry_module.reset()
