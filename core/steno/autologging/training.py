"""One training from begin to end: the plugin's code before and after it, and the run that it is written into."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any, Self

from steno.autologging.recording import Call, Handle
from steno.autologging.scope import Scope, current, put
from steno.errors import IntegrationError

if TYPE_CHECKING:
    from steno.autologging.record import RunRecord
    from steno.autologging.served import Served
    from steno.entities import StatusName
    from steno.plugin import Seam

__all__ = ["Training"]


class Training:
    """A training in progress: inside `with`, nothing that the framework calls begins another.

    Everything that this does happens under guard: whatever fails here, the framework's call is made once, with the
    user's arguments. What the call raises passes through untouched, and ends the run.

    Attributes:
        live: whether the framework is at work, so that observers may add to the run.
        account: what becomes of a training call inside this one, in words.
        over: whether it has ended.
    """

    __slots__ = (
        "_before",
        "_generator",
        "_handle",
        "_handles",
        "_opened",
        "_process",
        "_record",
        "_seam",
        "_service",
        "_skipped",
        "account",
        "live",
        "over",
    )

    def __init__(self, service: Served, seam: Seam) -> None:
        self._service = service
        self._seam = seam
        self._handle = Handle(service, opener=self._open)
        self._handles: dict[str, Handle] = {}
        self._generator: Generator[Any, Any, Any] | None = None
        self._record: RunRecord | None = None
        self._opened = False
        self._skipped = False
        self.over = False
        self._before: Scope | None = None
        self._process = os.getpid()
        self.live = False
        self.account = f"part of a training of {service.name}"

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

    @property
    def silent(self) -> bool:
        """Whether nothing is to be said about it."""
        return self._service.silent

    def handle_for(self, service: Served) -> Handle:
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
        service.tally.began()
        with service.guard.step("choosing a run"):
            reason = service.runs_of_process.refusal(service)
            if reason:
                self._skip(reason)
                return
        if service.guard.given_up(self._step("before")):
            self._handle.omitted(self._step("before"))
        else:
            self._run_before(Call(service, self._handle, function, instance, args, kwargs))
        self._handle.record()
        if self._skipped:
            self._close_generator()
        else:
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
        self._service.tally.skipped(reason)
        self.account = f"part of a call of {self._service.name} that is not recorded: {reason}"

    def _open(self) -> RunRecord | None:
        if not self._opened and not self._skipped:
            self._opened = True
            with self._service.guard.step("opening a run") as step:
                self._record = self._service.runs_of_process.open(self._service)
                self._service.tally.recorded()
            if step.failed:
                self._skip(f"its run could not be opened: {step.fault}")
        return self._record

    def succeed(self, result: Any) -> None:
        """Run the plugin's code behind its `yield`, and end the run."""
        self.live = False
        if self._process != os.getpid():  # a child forked in the middle of it; the parent records it
            return
        status: StatusName = "KILLED"  # until the plugin's code is through: Ctrl-C may land in it
        try:
            self._run_after(result)
            status = "FINISHED"
        finally:
            self._end(status, None)

    def _run_after(self, result: Any) -> None:
        name = self._step("after")
        if self._generator is not None and self._service.guard.given_up(name):
            self._handle.omitted(name)
            self._close_generator()
        generator, self._generator = self._generator, None
        if generator is None:
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

    def stop(self) -> None:
        """The training was given up by whoever consumes it; its run is finished with what there is."""
        self.live = False
        if not self.over and self._process == os.getpid():
            self._close_generator()
            self._end("FINISHED", None)

    def _fail(self, error: BaseException) -> None:
        """The framework's call raised: let the plugin's code clean up, and end the run with the error."""
        self.live = False
        if self.over or self._process != os.getpid():
            return
        try:
            self._close_generator()
        finally:
            self._end(_status_of(error), error)

    def _close_generator(self) -> None:
        generator, self._generator = self._generator, None
        if generator is not None:
            with self._handle.step(self._step("after")):
                generator.close()

    def _end(self, status: StatusName, error: BaseException | None) -> None:
        self.over = True
        record = self._record
        if record is None and not self._skipped:
            self._skip(f"it was interrupted before its run was opened: {type(error).__name__}")
        self._handle.release()
        for handle in self._handles.values():
            handle.release()
        if record is not None and record.own:
            with self._service.guard.step("ending a run"):
                record.open_run.end(status, error)
        if not self._skipped:
            with self._service.guard.step("sweep"):
                self._service.sweep()


def _status_of(error: BaseException) -> StatusName:
    """Ctrl-C and its kin kill a run, `sys.exit(0)` ends it well, everything else is a failure."""
    if isinstance(error, SystemExit):
        return "FINISHED" if error.code in (None, 0) else "FAILED"
    return "FAILED" if isinstance(error, Exception) else "KILLED"
