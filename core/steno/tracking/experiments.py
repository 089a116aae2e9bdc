"""Which experiment new runs go to, and what is known about experiments."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from steno.config import setting
from steno.entities import DEFAULT_EXPERIMENT_ID, Experiment
from steno.errors import AlreadyExistsError, InvalidInputError, NotFoundError, StateError, shown
from steno.store.base import Store
from steno.tracking.recorder import Recorder
from steno.tracking.values import tags_of

__all__ = ["Experiments", "experiment_name"]


def experiment_name(name: object) -> str:
    """The name of an experiment.

    Raises:
        InvalidInputError: not text.
    """
    if not isinstance(name, str):
        raise InvalidInputError(f"experiment name is {shown(name)}, accepted is text: pass a name such as 'baseline'")
    return name


class Experiments:
    """The current experiment, and those that runs were opened in.

    Args:
        recorder: gives the recorder of the current store.
        settled: gives a recorder's store, for reading.
    """

    def __init__(self, recorder: Callable[[], Recorder], settled: Callable[[Recorder], Store]) -> None:
        self._recorder = recorder
        self._settled = settled
        self._current: str | None = None
        self._known: dict[tuple[str, str], Experiment] = {}

    def current(self) -> str:
        """Id of the experiment that new runs go to."""
        if self._current is None:
            identity, name = setting("experiment_id"), setting("experiment_name")
            if identity:
                self._current = self._from_outside(str(identity)).experiment_id
            else:
                self._current = self.named(str(name)).experiment_id if name else DEFAULT_EXPERIMENT_ID
        return self._current

    def _from_outside(self, identity: str) -> Experiment:
        try:
            return self.open(identity)
        except NotFoundError as fault:
            raise NotFoundError(
                f"STENO_EXPERIMENT_ID (or experiment_id in pyproject.toml) is {shown(identity)}, and "
                f"{self._recorder().location.uri} has no experiment of that id: remove it, or name the experiment in "
                "STENO_EXPERIMENT_NAME, which creates it"
            ) from fault

    def choose(self, name: str | None, experiment_id: str | None) -> Experiment:
        """Make an experiment the current one.

        Raises:
            InvalidInputError: both or neither is given.
            NotFoundError: no experiment has this id.
            StateError: it is deleted.
        """
        if (name is None) == (experiment_id is None):
            raise InvalidInputError(
                f"set_experiment got name {shown(name)} and id {shown(experiment_id)}, accepted is one of them: "
                "write set_experiment('baseline') or set_experiment(experiment_id='1')"
            )
        found = self.named(experiment_name(name)) if name is not None else self.open(str(experiment_id))
        self._current = found.experiment_id
        return found

    def open(self, experiment_id: str, recorder: Recorder | None = None) -> Experiment:
        """An experiment that runs can be started in.

        Raises:
            NotFoundError: no experiment has this id.
            StateError: it is deleted.
        """
        recorder = recorder or self._recorder()
        known = self._known.get((recorder.location.uri, experiment_id))
        if known is not None:
            return known
        found = self._settled(recorder).get_experiment(experiment_id)
        if found.lifecycle_stage == "deleted":
            raise StateError(
                f"experiment {found.name!r} (id {experiment_id}) is deleted: restore it with "
                f"steno.Client().restore_experiment({experiment_id!r}), or name another"
            )
        self._known[recorder.location.uri, experiment_id] = found
        return found

    def named(self, name: str) -> Experiment:
        """The active experiment of this name, created if need be; of callers at the same time one creates it."""
        recorder = self._recorder()
        store = recorder.store()
        found = store.get_experiment_by_name(name)
        if found is None or found.lifecycle_stage == "deleted":
            try:
                found = store.get_experiment(store.create_experiment(name))
            except AlreadyExistsError:  # another process was faster: its experiment is the one
                found = store.get_experiment_by_name(name)
                if found is None:
                    raise
        self._known[recorder.location.uri, found.experiment_id] = found
        return found

    def create(self, recorder: Recorder, name: str, artifact_location: object, tags: object) -> str:
        """Create an experiment and return its id.

        Raises:
            AlreadyExistsError: an active experiment has this name.
            InvalidInputError: name, location or tags are not what they should be.
        """
        texts = tags_of(tags)
        place = os.fspath(artifact_location) if isinstance(artifact_location, os.PathLike) else artifact_location
        if place is not None and not isinstance(place, str):
            raise InvalidInputError(
                f"artifact_location is {shown(place)}, accepted is a folder: pass artifact_location='/a/folder'"
            )
        return recorder.store().create_experiment(name, artifact_location=place, tags=texts)

    def change(
        self,
        recorder: Recorder,
        experiment_id: str,
        *,
        name: str | None = None,
        lifecycle_stage: str | None = None,
        tags: Mapping[str, str | None] | None = None,
    ) -> None:
        """Change an experiment in the store."""
        recorder.store().update_experiment(experiment_id, name=name, lifecycle_stage=lifecycle_stage, tags=tags)
        self._known.clear()

    def forget(self) -> None:
        """Another store is current: its experiments are others."""
        self._current = None
