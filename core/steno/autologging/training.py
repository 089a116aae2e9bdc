"""One training from begin to end: the plugin's code before and after it, and the run that it is written into."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any, Self

from steno.autologging.recording import Call, Handle, RunRecord
from steno.autologging.scope import Scope, current, put, rank
from steno.errors import IntegrationError

if TYPE_CHECKING:
    from steno.autologging.service import Service
    from steno.entities import RunStatus
    from steno.plugin import Seam
    from steno.tracking.open_run import OpenRun

__all__ = ["Runs", "Training"]


class Training:
    """A training in progress: inside `with`, nothing that the framework calls begins another.

    Everything that this does happens under guard: whatever fails here, the framework's call is made once, with the
    user's arguments. What the call raises passes through untouched, and ends the run.

    Attributes:
        live: whether the framework is at work, so that observers may add to the run.
    """

    __slots__ = (
        "_before",
        "_ended",
        "_generator",
        "_handle",
        "_handles",
        "_opened",
        "_record",
        "_seam",
        "_service",
        "_skipped",
        "live",
    )

    def __init__(self, service: Service, seam: Seam) -> None:
        self._service = service
        self._seam = seam
        self._handle = Handle(service, opener=self._open)
        self._handles: dict[str, Handle] = {}
        self._generator: Generator[Any, Any, Any] | None = None
        self._record: RunRecord | None = None
        self._opened = False
        self._skipped = False
        self._ended = False
        self._before: Scope | None = None
        self.live = False

    def __enter__(self) -> Self:
        before = self._before = current()
        put(Scope(self) if before is None else Scope(self, off=before.off))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if error is not None:
                self._fail(error)
        finally:
            put(self._before)

    def handle_for(self, service: Service) -> Handle:
        """This training's run, for another integration to write into."""
        if service is self._service:
            return self._handle
        handle = self._handles.get(service.name)
        if handle is None:
            handle = self._handles[service.name] = Handle(service, opener=self._open)
        return handle

    def begin(
        self, function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        """Run the plugin's code up to its `yield`, and open the run."""
        service = self._service
        service.calls += 1
        with service.guard.step("choosing a run"):
            reason = service.runs_of_process.refusal()
            if reason:
                self._skip(reason)
                return
        if not service.guard.given_up(self._step("before")):
            self._run_before(Call(service, self._handle, function, instance, args, kwargs))
        if not self._skipped:
            self._open()
            self.live = True

    def _run_before(self, call: Call) -> None:
        name = self._step("before")
        with self._handle.step(name) as step:
            generator = self._seam.function(self._service.integration, call)
            try:
                next(generator)
            except StopIteration as stop:
                if not self._opened:
                    self._skip(str(stop.value or "its plugin says that this is no training"))
            else:
                self._generator = generator
        if not step.failed:
            self._service.guard.passed(name)

    def _step(self, part: str) -> str:
        return f"{self._seam.name} {part}"

    def _skip(self, reason: str) -> None:
        self._skipped = True
        self._service.skipped(reason)

    def _open(self) -> RunRecord | None:
        if not self._opened and not self._skipped:
            self._opened = True
            with self._service.guard.step("opening a run"):
                self._record = self._service.runs_of_process.open(self._service)
                self._service.runs += 1
        return self._record

    def succeed(self, result: Any) -> None:
        """Run the plugin's code behind its `yield`, and end the run."""
        self.live = False
        status: RunStatus = "KILLED"  # until the plugin's code is through: Ctrl-C may land in it
        try:
            self._run_after(result)
            status = "FINISHED"
        finally:
            self._end(status, None)

    def _run_after(self, result: Any) -> None:
        generator, self._generator = self._generator, None
        name = self._step("after")
        if generator is None or self._service.guard.given_up(name):
            return
        with self._handle.step(name) as step:
            try:
                generator.send(result)
            except StopIteration:
                pass
            else:
                generator.close()
                raise IntegrationError(
                    f"{self._seam.name} of integration {self._service.name!r} yields twice, write one yield"
                )
        if not step.failed:
            self._service.guard.passed(name)

    def _fail(self, error: BaseException) -> None:
        """The framework's call raised: let the plugin's code clean up, and end the run with the error."""
        self.live = False
        if self._ended:
            return
        generator, self._generator = self._generator, None
        try:
            if generator is not None:
                with self._handle.step(self._step("after")):
                    generator.close()
        finally:
            self._end(_status_of(error), error)

    def _end(self, status: RunStatus, error: BaseException | None) -> None:
        self._ended = True
        record = self._record
        self._handle.release()
        for handle in self._handles.values():
            handle.release()
        if record is not None and record.own:
            with self._service.guard.step("ending a run"):
                record.open_run.end(status, error)
        if not self._skipped:
            with self._service.guard.step("sweep"):
                self._service.sweep()


def _status_of(error: BaseException) -> RunStatus:
    """Ctrl-C and its kin kill a run, `sys.exit(0)` ends it well, everything else is a failure."""
    if isinstance(error, SystemExit):
        return "FINISHED" if error.code in (None, 0) else "FAILED"
    return "FAILED" if isinstance(error, Exception) else "KILLED"


class Runs:
    """Which run a training is written into.

    Args:
        exclusive: whether nothing is recorded while a run of the user's is active.
        extra_tags: set on every run that a training opens.
    """

    def __init__(self) -> None:
        self.exclusive = False
        self.extra_tags: Mapping[str, str] = {}
        self._lock = threading.Lock()
        self._claimed: dict[str, RunRecord] = {}
        self._joined: OpenRun | None = None

    def renew(self) -> None:
        """In a forked child: the parent's runs are the parent's, and nobody is left who could release its lock."""
        self._lock = threading.Lock()
        self._claimed = {}
        self._joined = None

    def refusal(self) -> str:
        """Why nothing is recorded now; "" if a training may be."""
        place = rank()
        if place > 0 and not os.environ.get("STENO_RUN_ID"):
            return f"this is process {place} of a distributed training; process 0 records it"
        if self.exclusive and _session().active() is not None:
            return "a run of yours is active, and steno.autolog(exclusive=True) says not to record then"
        return ""

    def open(self, service: Service) -> RunRecord:
        """The user's active run if no training has been written into it, else a run of the training's own."""
        session = _session()
        active = session.active() or self._join(session)
        if active is not None:
            record = self._claim(active)
            if record is not None:
                with service.guard.step("tags"):
                    active.set_tags({"steno.integration": service.name})
                return record
        tags = {**self.extra_tags, "mlflow.autologging": service.name, "steno.integration": service.name}
        return RunRecord(session.open_run(tags=tags, parent=active), own=True)

    def _claim(self, active: OpenRun) -> RunRecord | None:
        with self._lock:
            for run_id in [run_id for run_id, record in self._claimed.items() if record.open_run.ended]:
                del self._claimed[run_id]
            if active.run_id in self._claimed:
                return None
            record = self._claimed[active.run_id] = RunRecord(active, own=False)
            return record

    def _join(self, session: Any) -> OpenRun | None:
        """The run that another process opened for all of them, named by STENO_RUN_ID."""
        wanted = os.environ.get("STENO_RUN_ID")
        if not wanted:
            return None
        with self._lock:
            if self._joined is None or self._joined.run_id != wanted or self._joined.ended:
                self._joined = session.open_run(run_id=wanted)
            return self._joined


def _session() -> Any:
    from steno.tracking.session import session  # noqa: PLC0415  the store's libraries, paid with the first training

    return session()
