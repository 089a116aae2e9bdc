"""Logged models by id: read, and given tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steno.clock import now
from steno.entities import LoggedModel
from steno.errors import InvalidInputError, shown
from steno.store.records import ModelLogged
from steno.tracking.recorder import Recorder
from steno.tracking.session import session
from steno.tracking.values import tags_of

__all__ = ["get", "set_tags"]


def get(recorder: Recorder, model_id: str) -> LoggedModel:
    """One logged model.

    Raises:
        InvalidInputError: the id is not text.
        NotFoundError: no such model.
    """
    if not isinstance(model_id, str):
        raise InvalidInputError(f"model_id is {shown(model_id)}, accepted is text such as log_model(...).model_id")
    return session().settled(recorder).get_logged_model(model_id)


def set_tags(recorder: Recorder, model_id: str, tags: Mapping[str, Any]) -> None:
    """Set tags of a logged model; those that it has besides stay.

    Raises:
        NotFoundError: no such model.
        InvalidInputError: some have no text; none is set then.
    """
    texts = tags_of(tags)
    model = get(recorder, model_id)
    recorder.record(
        ModelLogged(
            model.source_run_id or "",
            model.model_id,
            model.name,
            model.experiment_id,
            model.artifact_location,
            model.creation_timestamp,
            now(),
            model.status,
            model.model_type,
            texts,
        )
    )
