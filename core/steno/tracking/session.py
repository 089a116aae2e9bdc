"""The session: the one object that owns this process's tracking state."""

from __future__ import annotations

import atexit
import logging  # noqa: F401  see `_process`
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from steno.clock import now
from steno.entities import DEFAULT_EXPERIMENT_ID, Experiment, Run, RunInfo
from steno.errors import InvalidInputError, NotFoundError, StateError, shown
from steno.store.base import Store
from steno.store.opening import open_store
from steno.store.records import RunCreated, RunUpdated
from steno.tracking import hooks
from steno.tracking.active_run import ActiveRun
from steno.tracking.context import Context
from steno.tracking.endings import end_by_ctrl_c, left_open
from steno.tracking.experiments import Experiments
from steno.tracking.location import Location, locate
from steno.tracking.names import new_run_id, random_name
from steno.tracking.notices import notices
from steno.tracking.open_run import RUN_NAME_TAG, OpenRun
from steno.tracking.recorder import Recorder
from steno.tracking.scopes import Scopes
from steno.tracking.values import key_of, milliseconds, tag_value

__all__ = ["Session", "reset", "session"]

PARENT_TAG = "mlflow.parentRunId"
EXIT_TIMEOUT_S = 5.0
_KEPT_HANDLES = 256


class Session:
    """Which store, which experiment, which runs are open. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._recorders: dict[str, Recorder] = {}
        self._current: Recorder | None = None
        self._context = Context()
        self._environment: set[str] = set()
        self._open: dict[str, OpenRun] = {}
        self._handles: OrderedDict[str, OpenRun] = OrderedDict()
        self._latest: OpenRun | None = None
        self._consumed_run_id: str | None = None
        self._joined: OpenRun | None = None
        self._at_exit_registered = False
        self._exiting = False
        self.scopes = Scopes()
        self.experiments = Experiments(lambda: self.recorder, self.settled)

    # -- which store

    @property
    def recorder(self) -> Recorder:
        """The recorder of the current store."""
        recorder = self._current
        if recorder is None:
            with self._lock:
                if self._current is None:
                    location, said = locate()
                    self._current = self.recorder_of(location)
                    if said:
                        notices.once("default-store", said)
                recorder = self._current
        return recorder

    def recorder_of(self, location: Location) -> Recorder:
        """The recorder of any store; there is one for each."""
        with self._lock:
            recorder = self._recorders.get(location.uri)
            if recorder is None:
                recorder = Recorder(location, open_store, self._context.thorough, self._at_end)
                self._recorders[location.uri] = recorder
                if self._exiting:
                    recorder.exiting()
        return recorder

    @property
    def location(self) -> Location:
        """Where the current store is."""
        return self.recorder.location

    @property
    def tracking_uri(self) -> str:
        """URI of the current store."""
        return self.location.uri

    def set_tracking_uri(self, uri: Any) -> None:
        """Take another store from here on; runs that are open stay in theirs.

        Child processes find it in `STENO_TRACKING_URI`.

        Raises:
            InvalidInputError: not a URI that steno has a store for.
        """
        location, said = locate(uri) if uri not in (None, "") else _default(self._environment)
        recorder = self.recorder_of(location)
        with self._lock:
            self._current = recorder
            self.experiments.forget()
            if "STENO_EXPERIMENT_ID" in self._environment:  # the other store's
                os.environ.pop("STENO_EXPERIMENT_ID", None)
        if said:
            notices.once("default-store", said)
        if uri not in (None, ""):
            self._export("STENO_TRACKING_URI", location.uri)

    def _export(self, name: str, value: str) -> None:
        os.environ[name] = value
        self._environment.add(name)

    @property
    def store(self) -> Store:
        """The current store, holding everything recorded so far. See `settled`."""
        return self.settled(self.recorder)

    def settled(self, recorder: Recorder) -> Store:
        """A recorder's store, for reading: what was recorded is in it, runs of dead processes are closed.

        Where nothing was ever written, nothing is created: the answer is an empty store.

        Raises:
            StoreError: it cannot be read, or does not take what was recorded.
        """
        if not recorder.location.exists() and not recorder.waits():
            return open_store("memory:", root=recorder.location.folder)
        recorder.describe_runs(EXIT_TIMEOUT_S)
        if not recorder.flush():
            notices.once("stale", "the store is busy: what was recorded last may be missing from what is read now")
        recorder.recover()
        return recorder.store()

    # -- which experiment

    def experiment_id(self) -> str:
        """Id of the experiment that new runs go to.

        What `set_experiment` chose, else `STENO_EXPERIMENT_ID`, else `STENO_EXPERIMENT_NAME`, which is created if
        need be, else the default experiment.
        """
        return self.experiments.current()

    def set_experiment(self, name: str | None, experiment_id: str | None) -> Experiment:
        """Choose the experiment of new runs, by name or by id; child processes find it in `STENO_EXPERIMENT_ID`.

        Raises:
            InvalidInputError: both or neither is given.
            NotFoundError: no experiment has this id.
            StateError: it is deleted.
        """
        found = self.experiments.choose(name, experiment_id)
        self._export("STENO_EXPERIMENT_ID", found.experiment_id)
        return found

    # -- opening runs

    def open_run(
        self,
        *,
        experiment_id: str | None = None,
        name: str | None = None,
        tags: Mapping[str, Any] | None = None,
        parent: OpenRun | str | None = None,
        run_id: str | None = None,
        recorder: Recorder | None = None,
        start_time: int | None = None,
    ) -> OpenRun:
        """Open a run for writing. It is not made the active one: see `scopes.push`.

        Args:
            experiment_id: where; the current experiment if None.
            name: a random one if None.
            tags: set from the start.
            parent: the run that this one is a part of, or its id.
            run_id: go on with this run instead of opening a new one.
            recorder: of another store than the current one.
            start_time: milliseconds since 1970; now if None.

        Raises:
            NotFoundError: no such run or experiment.
            StateError: the run or the experiment is deleted.
            InvalidInputError: name or tags are not text.
        """
        recorder = recorder or self.recorder
        extra = {key_of(key, "tag"): tag_value(key, value) for key, value in (tags or {}).items()}
        if name is not None and not isinstance(name, str):
            raise InvalidInputError(f"run name is {shown(name)}, accepted is text: start_run(run_name='baseline')")
        if run_id is not None:
            run = self._resume(recorder, run_id, name, extra)
        else:
            if parent is not None:
                extra[PARENT_TAG] = parent if isinstance(parent, str) else parent.run_id
            if experiment_id is None:
                experiment_id = self.experiment_id()
            run = self._create(recorder, str(experiment_id), name or extra.get(RUN_NAME_TAG), extra, start_time)
        self._open[run.run_id] = run
        self._latest = run
        with self.scopes.telling(run):
            hooks.run_started(lambda: ActiveRun(self, run))
        return run

    def _create(
        self, recorder: Recorder, experiment_id: str, name: str | None, extra: dict[str, str], start_time: int | None
    ) -> OpenRun:
        root = self._artifact_root(recorder, experiment_id)
        run_id = new_run_id()
        known = self._context.known()
        chosen = name or random_name()
        with self.scopes.telling(None):
            told = hooks.run_tags()
        tags = {**self._context.cheap(), **(known or {}), **told, **extra, RUN_NAME_TAG: chosen}
        info = RunInfo(
            run_id,
            tag_value(RUN_NAME_TAG, chosen),
            experiment_id,
            tags.get("mlflow.user", ""),
            "RUNNING",
            now() if start_time is None else milliseconds(start_time),
            None,
            f"{root.rstrip('/')}/{run_id}/artifacts",
        )
        created = RunCreated(
            run_id, experiment_id, info.run_name, info.user_id, info.start_time, info.artifact_uri, _clean(tags)
        )
        recorder.opened(run_id, created, described=known is not None)
        recorder.record(created)
        return OpenRun(recorder, info, on_end=self._ended, named=name is not None)

    def _artifact_root(self, recorder: Recorder, experiment_id: str) -> str:
        location = recorder.location
        if experiment_id == DEFAULT_EXPERIMENT_ID:  # it is always there: a first run needs no store
            return (location.artifacts / experiment_id).as_uri()
        place = self.experiments.open(experiment_id, recorder).artifact_location
        return place or (location.artifacts / experiment_id).as_uri()

    def _resume(self, recorder: Recorder, run_id: str, name: str | None, tags: Mapping[str, str]) -> OpenRun:
        joined = self._joined if self._joined is not None and self._joined.run_id == run_id else None
        run = self._open.get(run_id) or joined or self._found(recorder, run_id)
        if run_id == os.environ.get("STENO_RUN_ID"):
            self._joined = run
        run.reopen(self._ended)
        recorder.opened(run_id, None, described=True)
        recorder.record(RunUpdated(run_id, status="RUNNING", end_time=-1))
        if name is not None:
            run.rename(name, by_user=True)
        if tags:
            run.set_tags(tags)
        return run

    def _found(self, recorder: Recorder, run_id: str) -> OpenRun:
        if not isinstance(run_id, str):
            raise InvalidInputError(f"run_id is {shown(run_id)}, accepted is text such as run.info.run_id")
        try:
            found = recorder.awaited(run_id, lambda: self.settled(recorder).get_run(run_id))
        except NotFoundError as fault:
            if run_id != os.environ.get("STENO_RUN_ID"):
                raise
            raise NotFoundError(
                f"STENO_RUN_ID is {shown(run_id)}, and {recorder.location.uri} has no run of that id: unset it, or "
                "set STENO_TRACKING_URI to the store of that run"
            ) from fault
        if found.info.lifecycle_stage == "deleted":
            raise StateError(
                f"run {found.info.run_name!r} ({run_id}) is deleted: restore it with steno.restore_run({run_id!r})"
            )
        run = OpenRun(recorder, found.info, params=found.data.params, tags=found.data.tags, named=True)
        run.ended = True  # by somebody, or it is somebody else's to end
        return run

    def handle(self, run_id: str, recorder: Recorder | None = None) -> OpenRun:
        """The writing handle of any run, by its id.

        Raises:
            NotFoundError: no such run.
            StateError: it is deleted.
        """
        recorder = recorder or self.recorder
        run = self._open.get(run_id) or self._handles.get(run_id)
        if run is None or run.recorder is not recorder:
            run = self._found(recorder, run_id)
            self._keep(run)
        return run

    def joined(self) -> OpenRun | None:
        """The run that `STENO_RUN_ID` names; None if none is named, or if it was ended in this process.

        Another process may have it open. Then that process ends it: with several of them, the first to end would end
        the run of all the others. Where it is over, this process goes on with it and ends it.

        Raises:
            NotFoundError: no such run.
            StateError: it is deleted.
        """
        wanted = os.environ.get("STENO_RUN_ID") or None
        if wanted is None:
            return None
        with self._lock:
            run = self._joined
            if run is None or run.run_id != wanted:
                run = self._open.get(wanted) or self._found(self.recorder, wanted)
                if run.info.status == "RUNNING":
                    run.ended, self._joined = False, run
                else:
                    run = self.open_run(run_id=wanted)
            return None if run.ended else run

    def _keep(self, run: OpenRun) -> None:
        with self._lock:
            self._handles[run.run_id] = run
            while len(self._handles) > _KEPT_HANDLES:
                self._handles.popitem(last=False)

    def change_stage(self, run_id: str, stage: str, recorder: Recorder | None = None) -> None:
        """Delete or restore a run.

        Raises:
            NotFoundError: no such run.
        """
        recorder = recorder or self.recorder
        store = self.settled(recorder)
        store.get_run(run_id)
        recorder.record(RunUpdated(run_id, lifecycle_stage=stage))
        recorder.flush()
        with self._lock:
            self._handles.pop(run_id, None)

    def _ended(self, run: OpenRun) -> None:
        self._open.pop(run.run_id, None)
        self._keep(run)
        with self.scopes.telling(run):
            hooks.run_ended(lambda: ActiveRun(self, run))

    # -- which run

    def active(self) -> OpenRun | None:
        """The active run of this scope, else the process's current one."""
        return self.scopes.active()

    def last(self) -> OpenRun | None:
        """The run of the last training of this scope."""
        return self.scopes.last_training()

    def latest(self) -> OpenRun | None:
        """The run that was active last: of this scope, started by hand or by a training, or opened last anywhere."""
        return self.scopes.active() or self.scopes.last() or self._latest

    def note_training(self, run: OpenRun) -> None:
        """A training writes into this run: `log_*` calls that follow without an active run belong to it."""
        self.scopes.trained(run)

    def current_run(self) -> OpenRun:
        """The run that a `log_*` call means: the active one, else the last training's, else a new one."""
        run = self.scopes.active() or self.scopes.last_training()
        if run is None:
            run = (self.joined() if self.take_run_id() else None) or self.open_run()
            self.scopes.push(run)
        return run

    def take_run_id(self) -> str | None:
        """The run that `STENO_RUN_ID` names, once."""
        wanted = os.environ.get("STENO_RUN_ID") or None
        if wanted == self._consumed_run_id:
            return None
        self._consumed_run_id = wanted
        return wanted

    def read_run(self, run: OpenRun) -> Run:
        """A run as the store has it, with everything recorded so far."""
        return self.settled(run.recorder).get_run(run.run_id)

    # -- the end of the process

    def _at_end(self) -> None:
        if not self._at_exit_registered:
            self._at_exit_registered = True
            atexit.register(self.at_exit)
            util = sys.modules.get("multiprocessing.util")
            process = sys.modules.get("multiprocessing.process")
            if util is not None and process is not None and process.parent_process() is not None:
                util.Finalize(None, self.at_exit, exitpriority=-100)  # its children skip atexit

    def at_exit(self) -> None:
        """End what is open and save everything; the rest of the program's end is delayed by 5 s at most."""
        if self is not session():
            return
        status, error = left_open()
        for run in list(self._open.values()):
            run.end(status, error)
        self._exiting = True
        self.close(EXIT_TIMEOUT_S)
        for recorder in self._recorders.values():
            recorder.exiting()
        if isinstance(error, KeyboardInterrupt):
            end_by_ctrl_c()

    def close(self, timeout_s: float = EXIT_TIMEOUT_S) -> None:
        """Save everything recorded so far. Runs stay open, and the session may be used again."""
        until = time.monotonic() + timeout_s
        for recorder in list(self._recorders.values()):
            saved = recorder.close(max(0.0, until - time.monotonic()))
            if not saved and recorder.waits():
                kept = "kept in its journal, and the next process that opens the store puts it there"
                what = kept if recorder.health().journal == "file" else "lost"
                notices.once("unsaved", f"not everything reached the store {recorder.location.uri}: the rest is {what}")

    def discard(self) -> None:
        """Give up files, threads and connections without saving; for tests."""
        for recorder in self._recorders.values():
            recorder.discard()
        for name in self._environment:
            os.environ.pop(name, None)
        atexit.unregister(self.at_exit)

    def before_fork(self) -> None:
        """Let the threads of ours finish what they are at."""
        for recorder in self._recorders.values():
            recorder.before_fork()

    def after_fork_in_parent(self) -> None:
        """They may go on."""
        for recorder in self._recorders.values():
            recorder.after_fork_in_parent()

    def after_fork(self) -> None:
        """In a forked child: own locks, journals and connections; the parent's runs stay the parent's to end."""
        self._lock = threading.RLock()
        self.scopes.renew_lock()
        self._context.after_fork()
        notices.renew_lock()
        for recorder in self._recorders.values():
            recorder.after_fork()
        self._open = {}
        self._joined = None
        self._at_exit_registered = False
        atexit.unregister(self.at_exit)


def _default(exported: set[str]) -> tuple[Location, str]:
    for name in exported & {"STENO_TRACKING_URI"}:
        os.environ.pop(name, None)
    return locate()


def _clean(tags: Mapping[str, str]) -> dict[str, str]:
    return {key_of(key, "tag"): tag_value(key, value) for key, value in tags.items()}


class _Process:
    """Holds the session of this process."""

    def __init__(self) -> None:
        self.session = Session()

    def before_fork(self) -> None:
        self.session.before_fork()

    def after_fork_in_parent(self) -> None:
        self.session.after_fork_in_parent()

    def after_fork(self) -> None:
        self.session.after_fork()


_process = _Process()
# Hooks before a fork run newest first. Ours waits for our own thread, which may be importing what uses logging: were
# logging imported later, its hook would run before ours and hold the lock that this thread needs.
os.register_at_fork(
    before=_process.before_fork,
    after_in_parent=_process.after_fork_in_parent,
    after_in_child=_process.after_fork,
)


def session() -> Session:
    """The session of this process."""
    return _process.session


def reset() -> None:
    """Begin a new session and give up the old one without saving; for tests."""
    _process.session.discard()
    _process.session = Session()
    notices.reset()
