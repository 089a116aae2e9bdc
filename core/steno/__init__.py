"""Autologging-first experiment tracking.

    >>> import steno
    >>> steno.autolog()  # doctest: +SKIP

From then on every training in the process is taken down. `steno.status()` says what is watched and why;
`steno.disable("torch")`, `with steno.off():` and `STENO_DISABLE` switch it off.

Importing this package loads the standard library and nothing else; each public name loads what it needs when it is
first used (PEP 562).
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from steno.autologging import namespace

if TYPE_CHECKING:
    from steno import artifacts, data, entities, errors, exceptions, models, pyfunc
    from steno.autologging.control import autolog, disable, enable, off, status
    from steno.exceptions import MlflowException
    from steno.tracking.client import Client, MlflowClient
    from steno.tracking.fluent import (
        ActiveRun,
        active_run,
        create_experiment,
        delete_experiment,
        delete_experiment_tag,
        delete_run,
        delete_tag,
        end_run,
        flush_artifact_async_logging,
        flush_async_logging,
        get_artifact_uri,
        get_experiment,
        get_experiment_by_name,
        get_logged_model,
        get_parent_run,
        get_run,
        get_tracking_uri,
        is_tracking_uri_set,
        last_active_run,
        load_table,
        log_artifact,
        log_artifacts,
        log_dict,
        log_figure,
        log_image,
        log_input,
        log_inputs,
        log_metric,
        log_metrics,
        log_param,
        log_params,
        log_stream,
        log_table,
        log_text,
        restore_experiment,
        restore_run,
        search_experiments,
        search_runs,
        set_experiment,
        set_experiment_tag,
        set_experiment_tags,
        set_logged_model_tags,
        set_tag,
        set_tags,
        set_tracking_uri,
        start_run,
    )
    from steno.tracking.image import Image

__version__ = "0.1.0"

_HOMES = {
    "steno.autologging.control": ("autolog", "disable", "enable", "off", "status"),
    "steno.exceptions": ("MlflowException",),
    "steno.tracking.client": ("Client", "MlflowClient"),
    "steno.tracking.fluent": (
        "ActiveRun",
        "active_run",
        "create_experiment",
        "delete_experiment",
        "delete_experiment_tag",
        "delete_run",
        "delete_tag",
        "end_run",
        "flush_artifact_async_logging",
        "flush_async_logging",
        "get_artifact_uri",
        "get_experiment",
        "get_experiment_by_name",
        "get_logged_model",
        "get_parent_run",
        "get_run",
        "get_tracking_uri",
        "is_tracking_uri_set",
        "last_active_run",
        "load_table",
        "log_artifact",
        "log_artifacts",
        "log_dict",
        "log_figure",
        "log_image",
        "log_input",
        "log_inputs",
        "log_metric",
        "log_metrics",
        "log_param",
        "log_params",
        "log_stream",
        "log_table",
        "log_text",
        "restore_experiment",
        "restore_run",
        "search_experiments",
        "search_runs",
        "set_experiment",
        "set_experiment_tag",
        "set_experiment_tags",
        "set_logged_model_tags",
        "set_tag",
        "set_tags",
        "set_tracking_uri",
        "start_run",
    ),
    "steno.tracking.image": ("Image",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "ActiveRun",
    "Client",
    "Image",
    "MlflowClient",
    "MlflowException",
    "active_run",
    "artifacts",
    "autolog",
    "create_experiment",
    "data",
    "delete_experiment",
    "delete_experiment_tag",
    "delete_run",
    "delete_tag",
    "disable",
    "enable",
    "end_run",
    "entities",
    "errors",
    "exceptions",
    "flush_artifact_async_logging",
    "flush_async_logging",
    "get_artifact_uri",
    "get_experiment",
    "get_experiment_by_name",
    "get_logged_model",
    "get_parent_run",
    "get_run",
    "get_tracking_uri",
    "is_tracking_uri_set",
    "last_active_run",
    "load_table",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_image",
    "log_input",
    "log_inputs",
    "log_metric",
    "log_metrics",
    "log_param",
    "log_params",
    "log_stream",
    "log_table",
    "log_text",
    "models",
    "off",
    "pyfunc",
    "restore_experiment",
    "restore_run",
    "search_experiments",
    "search_runs",
    "set_experiment",
    "set_experiment_tag",
    "set_experiment_tags",
    "set_logged_model_tags",
    "set_tag",
    "set_tags",
    "set_tracking_uri",
    "start_run",
    "status",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is not None:
        value = getattr(importlib.import_module(home), name)
        globals()[name] = value
        return value
    if name.startswith("_"):
        raise AttributeError(f"module 'steno' has no attribute {name!r}")
    if any(map(os.path.exists, (f"{__path__[0]}/{name}.py", f"{__path__[0]}/{name}/__init__.py"))):
        return importlib.import_module(f"steno.{name}")
    return _framework(name)


def _framework(name: str) -> Any:
    """The namespace of one integration, such as `steno.sklearn`; it exists for every plugin, ours or not."""
    control = importlib.import_module("steno.autologging.control")
    if not control.is_plugin(name):
        advice = importlib.import_module("steno.tracking.absent").advice(name)
        if advice is not None:
            raise AttributeError(f"module 'steno' has no attribute {name!r}, which MLflow has: {advice}")
        raise AttributeError(f"module 'steno' has no attribute {name!r}, and no installed plugin has that name")
    return control.framework(name)


def __dir__() -> list[str]:
    return sorted(__all__)


namespace.install()
