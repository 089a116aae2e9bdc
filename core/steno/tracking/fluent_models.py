"""The functions of `steno.*` that read and tag logged models: MLflow's names, arguments and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steno.entities import LoggedModel
from steno.tracking import logged_models
from steno.tracking.session import session

__all__ = ["get_logged_model", "set_logged_model_tags"]


def get_logged_model(model_id: str) -> LoggedModel:
    """One logged model; `run.outputs.model_outputs` has the ids of those that a run made.

    Raises:
        NotFoundError: no such model.
    """
    return logged_models.get(session().recorder, model_id)


def set_logged_model_tags(model_id: str, tags: Mapping[str, Any]) -> None:
    """Set tags of a logged model.

    Raises:
        NotFoundError: no such model.
        InvalidInputError: some have no text; none is set then.
    """
    logged_models.set_tags(session().recorder, model_id, tags)
