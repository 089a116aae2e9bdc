"""The recorder: what was recorded goes into the journal in the caller's thread, and into the store in another.

A daemon thread takes what was written every half second and applies it in one transaction. If the journal cannot be
written, records are kept in memory up to a limit; if the store cannot be, they stay in the journal. Either is said
once, tried again, and never felt by the caller.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from steno.entities import Run
from steno.errors import NotFoundError, StoreError
from steno.store.base import JournalPosition, Rejection, Store
from steno.store.records import Record, RunCreated, Tags
from steno.tracking.location import Location
from steno.tracking.notices import notices
from steno.tracking.recovery import Recovered, abandoned, is_on_its_way, recover
from steno.tracking.spool import Spool
from steno.tracking.turn import Turn

__all__ = ["Health", "Recorder"]

INTERVAL_S = 0.5
_LOOKS = 5
READ_TIMEOUT_S = 30.0
_APPLY_TIMEOUT_S = 2.0
_LONGEST_PAUSE_S = 30.0
_IDLE_TICKS = 20
_FORK_WAIT_S = 60.0
_COMING_S = 10.0
_LOOK_EVERY_S = 0.02
_TURNS = 2


@dataclass(frozen=True, slots=True)
class Health:
    """How recording goes.

    Attributes:
        journal: "file", "memory" where no journal can be written, "none" before the first record.
        waiting: bytes that are recorded and not yet in the store.
        applied: records that reached the store.
        lost: records that could be kept nowhere.
        rejected: values that the store did not take, such as a second value of a param.
        unreadable: damaged stretches of the journal.
        fault: why the journal or the store cannot be written at the moment; "" if they can.
    """

    journal: str
    waiting: int
    applied: int
    lost: int
    rejected: int
    unreadable: int
    fault: str


class _Contained:
    """A fault in one step of the writer's work ends that step, not the thread and not the program."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if kind is None or fault is None or not issubclass(kind, Exception):
            return False
        self._recorder.failed(fault)
        return True


class Recorder:
    """Records what happens to runs of one store. Every method may be called from any thread and any signal handler.

    Args:
        location: the store and its folder.
        opener: makes the store from its URI; called in the writer's thread, or by the first reader.
        describe: the tags that tell where this process runs; slow, called once for all runs that wait for it.
        begun: called at the first record of this process.

    Attributes:
        record: takes one `Record` down; see `Spool.record`.
    """

    def __init__(
        self,
        location: Location,
        opener: Callable[[str], Store],
        describe: Callable[[], dict[str, str]],
        begun: Callable[[], None],
    ) -> None:
        self.location = location
        self._begun = begun
        self._opener = opener
        self._describe = describe
        self._applied = self._rejected = self._unreadable = 0
        self._start_over({})

    def _start_over(self, borrowed: dict[str, RunCreated | None]) -> None:
        """Locks, journals and thread as in a new process."""
        self._spool = Spool(self.location, {}, borrowed, self._start_thread)
        self.record: Callable[[Record], None] = self._spool.record
        self._store: Store | None = None
        self._opening = threading.RLock()
        self._draining = Turn()
        self._describing = Turn()
        self._held: list[Turn] = []
        self._thread: threading.Thread | None = None
        self._undescribed: list[str] = []
        self._store_fault = ""
        self._failures = 0
        self._retry_at = 0.0
        self._exiting = False
        self._journal_only = False  # a child of a fork that could not wait: what it records, others bring to the store
        self._gone = threading.Event()

    # -- the writer's thread

    def _start_thread(self) -> None:
        self._begun()
        if self._thread is not None or self._exiting or self._journal_only:
            return
        thread = threading.Thread(target=self._work, name="steno-writer", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is ending: the exit handler applies what there is
            return
        self._thread = thread

    def _work(self) -> None:
        idle = 0
        while idle < _IDLE_TICKS or not self._retire():
            if self._rest():
                return
            idle = 0 if self._spool.runs or self._spool.waiting else idle + 1
            self._say_fault()
            with _Contained(self):
                self._spool.go_on()
                if self._retry_at <= time.monotonic():
                    with self._draining.within(INTERVAL_S) as mine:
                        if mine:
                            self._drain(_APPLY_TIMEOUT_S)
                if self._undescribed:
                    self.describe_runs(READ_TIMEOUT_S)
            self._say_fault()

    def _rest(self) -> bool:
        """Wait for the next turn, which comes early where much was recorded; True if there is none."""
        for _ in range(_LOOKS):
            if self._gone.wait(INTERVAL_S / _LOOKS):
                return True
            if self._spool.crowded:  # before it is so much that the file has to be read, at twice the cost
                break
        return False

    def _drain(self, timeout_s: float) -> None:
        """Apply everything that was recorded so far. The caller has the turn of `_draining`.

        Raises:
            StoreError: the store did not take it; the batch stays and is offered again.
        """
        if self._deleted():
            self._revive()
        for journal in list(self._spool.journals):
            until = (
                journal.applied + journal.waiting
            )  # what comes in the meantime is the next turn's: else it never ends
            while journal.applied < until and (batch := self._spool.next_batch(journal)) is not None:
                position = JournalPosition(journal.id, batch.end)
                rejections = self.store().apply(batch.records, position=position, timeout_s=timeout_s)
                self._spool.applied(journal, batch)
                self._applied += len(batch.records)
                self._unreadable += batch.unreadable
                self._tell(rejections)
            if self._spool.drop(journal):
                self.store().forget_journal(journal.id)
        self._failures, self._retry_at = 0, 0.0
        if self._store_fault:
            self._store_fault = ""
            notices.over("store")

    def _tell(self, rejections: list[Rejection]) -> None:
        for rejection in rejections:
            self._rejected += rejection.count
            notices.once(
                f"rejected {rejection.reason}",
                f"run {rejection.run_id} did not keep {rejection.key!r}: {rejection.reason}",
            )

    def _retire(self) -> bool:
        """Nothing has happened for a while: give the file and the thread back."""
        with self._draining.within(0.0) as mine:
            if not mine:
                return False
            with self._spool.lock:
                journals = self._spool.give_up()
                if not journals:
                    return False
                self._thread = None
            with _Contained(self):
                for journal in journals:
                    self.store().forget_journal(journal.id)
        return True

    # -- faults

    def failed(self, fault: BaseException) -> None:
        """Note that a batch was not applied; it is offered again after a growing pause."""
        self._failures += 1
        self._retry_at = time.monotonic() + min(_LONGEST_PAUSE_S, INTERVAL_S * 2.0**self._failures)
        if isinstance(fault, StoreError):
            self._store_fault = str(fault)
        else:
            trace = "".join(traceback.format_exception(fault))
            self._store_fault = f"recording raised {type(fault).__name__}, a fault of steno's own:\n{trace}"

    def _say_fault(self) -> None:
        spool = self._spool
        kept = "in the journal" if spool.in_file else "in memory, up to 64 MB,"
        if spool.fault:
            notices.once("journal", f"{spool.fault}. What is recorded is kept {kept} and steno goes on trying")
        else:
            notices.over("journal")
        if self._store_fault:
            notices.once("store", f"{self._store_fault}. What is recorded is kept {kept} and steno goes on trying")
        if spool.lost:
            notices.once("lost", f"records are being lost ({spool.lost} so far): {spool.fault or self._store_fault}")

    def _deleted(self) -> bool:
        """Whether somebody deleted the store, or the journal, under us."""
        database = self.location.database
        return self._spool.gone() or (self._applied > 0 and database is not None and not database.exists())

    def _revive(self) -> None:
        """The store's folder was deleted: begin a new one with the runs that are open."""
        notices.once(
            "deleted",
            f"the store in {self.location.folder} was deleted while it was in use: what it held is gone. "
            "Recording goes on in a new one there",
        )
        self._spool.go_on()
        store = self.store()
        store.close()
        spool = self._spool
        known = [created for created in (*spool.runs.values(), *spool.borrowed.values()) if created is not None]
        store.apply(known)

    # -- the store

    def store(self) -> Store:
        """The store, opened on first use; what dead processes left in their journals is applied then.

        Raises:
            StoreError: it cannot be opened.
        """
        store = self._store
        if store is None:
            with self._opening:
                if self._store is None:
                    try:
                        self.location.create()
                    except OSError as fault:
                        raise StoreError(
                            f"the folder {self.location.folder} cannot be made ({fault.strerror or fault}): "
                            "set STENO_TRACKING_URI to a folder that can be written"
                        ) from fault
                    opened = self._opener(self.location.uri)
                    recover(opened, self.location.journals, self.location.store, self._spool.writer)
                    self._store = opened
                store = self._store
        return store

    def recover(self) -> Recovered:
        """Close the runs of processes that have died since. Costs a directory listing where there are none."""
        if abandoned(self.location.journals, self.location.store, self._spool.writer):
            return recover(self.store(), self.location.journals, self.location.store, self._spool.writer)
        return Recovered()

    # -- runs

    def awaited(self, run_id: str, read: Callable[[], Run]) -> Run:
        """A run that another process may have opened just now: it takes a moment until its journal is in the store.

        Raises:
            NotFoundError: no such run is on its way.
        """
        until, coming = time.monotonic() + _COMING_S, True
        while True:
            try:
                return read()
            except NotFoundError:
                if not coming or time.monotonic() > until:
                    raise
            coming = is_on_its_way(run_id, self.location.journals, self.location.store, self._spool.writer)
            time.sleep(_LOOK_EVERY_S if coming else 0)  # one look more in any case: it may have come in between

    def opened(self, run_id: str, created: RunCreated | None, *, described: bool) -> None:
        """Note that a run is open in this process; its journal answers for it.

        Args:
            run_id: the run.
            created: the record that created it; None if it was resumed.
            described: whether its tags say already where it runs.
        """
        with self._spool.lock:
            self._spool.runs[run_id] = created
            if not described:
                self._undescribed.append(run_id)

    def ended(self, run_id: str) -> None:
        """Note that a run is no longer open in this process."""
        self._spool.runs.pop(run_id, None)
        self._spool.borrowed.pop(run_id, None)

    def describe_runs(self, timeout_s: float) -> None:
        """Set the tags that tell where this process runs, on the runs that lack them."""
        if not self._undescribed or self._spool.held():
            return
        with self._describing.within(timeout_s) as mine:
            if not mine:
                return
            tags = self._describe()
            with self._spool.lock:
                runs, self._undescribed = self._undescribed, []
            for run_id in runs:
                self.record(Tags(run_id, tags))

    # -- waiting for the writer

    def flush(self, timeout_s: float = READ_TIMEOUT_S) -> bool:
        """Bring everything recorded so far into the store, in the calling thread.

        Returns:
            False if another thread is at it for longer than `timeout_s`, or this is a signal handler that
            interrupted it.

        Raises:
            StoreError: the store does not take it; nothing is lost.
        """
        if not self._spool.journals:
            return True
        if self._journal_only or self._spool.held():  # the thread that has the turn may be waiting for that lock
            return False
        until = time.monotonic() + timeout_s
        try:
            with self._draining.within(timeout_s) as mine:
                if mine:
                    self._drain(max(0.0, until - time.monotonic()))
                return mine
        except StoreError as fault:
            self.failed(fault)
            raise

    def close(self, timeout_s: float = 5.0) -> bool:
        """Bring everything into the store and give up the journal; what cannot be applied stays in it.

        The recorder may be used again.

        Returns:
            Whether the store has everything.
        """
        until = time.monotonic() + timeout_s
        saved = False
        with _Contained(self):
            self.describe_runs(until - time.monotonic())
        with _Contained(self):
            saved = self.flush(until - time.monotonic())
        self._say_fault()
        if saved:
            with _Contained(self):
                for journal in self._spool.give_up():
                    self.store().forget_journal(journal.id)
        return saved

    def waits(self) -> bool:
        """Whether something is recorded and not in the store."""
        return bool(self._spool.journals) and self._spool.waiting > 0

    def discard(self) -> None:
        """Give up journal, thread and connections without saving; for tests."""
        self._gone.set()
        with self._draining.within(READ_TIMEOUT_S):
            self._spool.destroy()
            if self._store is not None:
                self._store.close()

    def exiting(self) -> None:
        """From now on nobody may be left to apply what is recorded: each record is applied at once."""
        self._exiting = True
        self.record = self._record_and_apply

    def _record_and_apply(self, record: Record) -> None:
        self._spool.record(record)
        with _Contained(self):
            self.flush(1.0)

    def health(self) -> Health:
        """How recording goes."""
        spool = self._spool
        kind = "file" if spool.in_file else "memory" if spool.journals else "none"
        fault = spool.fault or self._store_fault
        return Health(kind, spool.waiting, self._applied, spool.lost, self._rejected, self._unreadable, fault)

    # -- processes

    def before_fork(self) -> None:
        """Let the writer's thread finish what it is at.

        A child inherits the locks that other threads hold, those of modules that are being imported among them, and
        would wait for ever for the first of them that it needs.
        """
        until = time.monotonic() + _FORK_WAIT_S
        for turn in (self._describing, self._draining):
            if turn.take(until - time.monotonic()):
                self._held.append(turn)

    def after_fork_in_parent(self) -> None:
        """The writer's thread may go on."""
        while self._held:
            self._held.pop().give()

    def after_fork(self) -> None:
        """In a forked child: forget the parent's buffers, close its files without unlocking them, begin anew."""
        spool, store = self._spool, self._store
        known = spool.known()
        spool.abandon()
        if store is not None:
            store.discard()
        calm = len(self._held) == _TURNS
        self._start_over(known)
        self._journal_only = not calm
