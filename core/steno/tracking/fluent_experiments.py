"""The functions of `steno.*` that make, find and change experiments: MLflow's names, arguments and defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from steno.entities import Experiment, ViewType
from steno.tracking.experiments import experiment_name
from steno.tracking.session import session
from steno.tracking.values import key_of, tags_of

__all__ = [
    "create_experiment",
    "delete_experiment",
    "delete_experiment_tag",
    "get_experiment",
    "get_experiment_by_name",
    "restore_experiment",
    "search_experiments",
    "set_experiment",
    "set_experiment_tag",
    "set_experiment_tags",
]

_PAGE = 10_000


def set_experiment(experiment_name: str | None = None, experiment_id: str | None = None) -> Experiment:
    """Put new runs into this experiment, which is created if the name is new.

    Raises:
        InvalidInputError: both or neither is given.
        NotFoundError: no experiment has this id.
        StateError: the experiment with this id is deleted.
    """
    return session().set_experiment(experiment_name, experiment_id)


def create_experiment(
    name: str, artifact_location: str | os.PathLike[str] | None = None, tags: Mapping[str, Any] | None = None
) -> str:
    """Create an experiment and return its id.

    Raises:
        AlreadyExistsError: an active experiment has this name.
    """
    here = session()
    return here.experiments.create(here.recorder, name, artifact_location, tags)


def get_experiment(experiment_id: str) -> Experiment:
    """One experiment, deleted or not.

    Raises:
        NotFoundError: no such id.
    """
    return session().store.get_experiment(str(experiment_id))


def get_experiment_by_name(name: str) -> Experiment | None:
    """The experiment of this name, None if there is none."""
    return session().store.get_experiment_by_name(experiment_name(name))


def search_experiments(
    view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[Experiment]:
    """Experiments that match a filter, newest first unless ordered; all of them unless `max_results` says how many."""
    store = session().store
    found: list[Experiment] = []
    token = None
    while True:
        left = None if max_results is None else max_results - len(found)
        page = store.search_experiments(
            filter_string=filter_string or "",
            order_by=order_by or (),
            max_results=_PAGE if left is None else min(_PAGE, left),
            page_token=token,
            view_type=view_type,
        )
        found += page
        token = page.token
        if token is None or (max_results is not None and len(found) >= max_results):
            return found


def delete_experiment(experiment_id: str) -> None:
    """Delete an experiment; it can be restored, and its name is free again.

    Raises:
        NotFoundError: no such id.
    """
    here = session()
    here.experiments.change(here.recorder, str(experiment_id), lifecycle_stage="deleted")


def restore_experiment(experiment_id: str) -> None:
    """Restore a deleted experiment.

    Raises:
        NotFoundError: no such id.
        AlreadyExistsError: another experiment has its name by now.
    """
    here = session()
    here.experiments.change(here.recorder, str(experiment_id), lifecycle_stage="active")


def set_experiment_tag(key: str, value: Any) -> None:
    """Set a tag on the current experiment."""
    set_experiment_tags({key: value})


def set_experiment_tags(tags: Mapping[str, Any]) -> None:
    """Set tags on the current experiment."""
    here, texts = session(), tags_of(tags)
    here.experiments.change(here.recorder, here.experiment_id(), tags=texts)


def delete_experiment_tag(key: str) -> None:
    """Remove a tag of the current experiment; nothing happens if it has none of this name."""
    here = session()
    here.experiments.change(here.recorder, here.experiment_id(), tags={key_of(key, "tag"): None})
