"""The journals of one process for one store, and memory where no journal can be written.

`record` is the hot path of every `log_*` call: encode, one `write`, note. It never raises for want of disk.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from zlib import crc32

from steno.store.records import Record, RunCreated, encoder
from steno.tracking.journal import Batch, Header, Journal, JournalName, new_writer, no_space, pack_frame_head
from steno.tracking.location import Location

__all__ = ["Spool"]

_KEPT_RECORDS = 100_000
_MANY_RECORDS = 20_000
_MEMORY_BYTES = 64 << 20
_RECORD_OVERHEAD = 150  # bytes that a decoded record takes beside its text, roughly
_LARGE_FILE = 16 << 20
_READ_RECORDS = 20_000

_encode = encoder.encode
_write = os.write


class Spool:
    """What was recorded and is not in the store yet.

    Args:
        location: the store's folder.
        runs: runs that this process has open, with the record that created each, None for a resumed one.
        borrowed: the same for runs that the parent process had open at a fork, or had not brought into the store.
        opened: called with the lock held when the first journal is opened.

    Attributes:
        fault: why the journal cannot be written; "" if it can.
        lost: records that could be kept nowhere.
    """

    def __init__(
        self,
        location: Location,
        runs: dict[str, RunCreated | None],
        borrowed: dict[str, RunCreated | None],
        opened: Callable[[], None],
    ) -> None:
        self.location = location
        self.runs = runs
        self.borrowed = borrowed
        self.lock = threading.RLock()  # again by the same thread: a signal handler may record while `record` runs
        self._condition = threading.Condition(self.lock)
        self.writer = new_writer()
        self.fault = ""
        self.lost = 0
        self.journals: list[Journal] = []
        self._opened = opened
        self._journal = Journal(JournalName("", "", 0))  # no file: the first record opens one
        self._files = 0
        self._memory_bytes = 0

    def record(self, record: Record) -> None:
        """Take one record down. When this returns, the death of the process does not lose it.

        Raises:
            TypeError, ValueError, OverflowError: the record holds what msgpack cannot; callers check values before.
        """
        payload = _encode(record)
        frame = pack_frame_head(len(payload), crc32(payload)) + payload
        with self.lock:
            journal = self._journal
            if journal.busy:
                self._interrupting(journal, frame, record)
                return
            journal.busy = True
            try:
                if _write(journal.fd, frame) != len(frame):
                    raise no_space(journal.path)  # noqa: TRY301  a call more would cost every record
                journal.end += len(frame)
                if journal.exact:
                    journal.records.append(record)
                    if len(journal.records) > _KEPT_RECORDS:
                        journal.distrust()
            except OSError as fault:
                self._elsewhere(journal, frame, record, fault)
            except BaseException:  # a KeyboardInterrupt between writing and noting: the file is right, memory is not
                journal.distrust()
                raise
            finally:
                journal.busy = False

    def _interrupting(self, journal: Journal, frame: bytes, record: Record) -> None:
        """A signal handler records while the frame that it interrupted is inside `record` or `take`."""
        if not journal.is_file:
            journal.records.append(record)
            return
        journal.interrupted = True
        journal.distrust()
        try:
            _write(journal.fd, frame)
        except OSError:
            self.lost += 1

    def _elsewhere(self, journal: Journal, frame: bytes, record: Record, fault: OSError) -> None:
        """The current journal did not take the record: there is none yet, or it cannot be written."""
        if journal.is_file:
            self._cut(journal)
            self.to_memory(fault)
        elif not self.journals:
            self._open_first()
        current = self._journal
        if current.is_file:
            try:
                current.append(record)
            except OSError as second:
                self._cut(current)
                self.to_memory(second)
            else:
                return
        self._keep(self._journal, record, len(frame))

    @staticmethod
    def _cut(journal: Journal) -> None:
        """Take back a record that was written in part."""
        try:
            if journal.exact:
                os.ftruncate(journal.fd, journal.end)
        except OSError:
            journal.distrust()

    def _keep(self, journal: Journal, record: Record, size: int) -> None:
        cost = size + _RECORD_OVERHEAD
        if self._memory_bytes + cost > _MEMORY_BYTES:
            self.lost += 1
            return
        self._memory_bytes += cost
        journal.end += size
        journal.records.append(record)

    # -- files

    def _open_first(self) -> None:
        try:
            self.to_file()
        except OSError as fault:
            self.to_memory(fault)
        self._opened()

    def _next_name(self) -> JournalName:
        self._files += 1
        return JournalName(self.location.store, self.writer, self._files)

    def to_file(self) -> None:
        """Go on in a new file. The caller holds the lock.

        Raises:
            OSError: none can be had; nothing has changed.
        """
        self.location.create()
        header = Header(open=tuple(self.runs), borrowed=tuple(self.borrowed), pid=os.getpid(), host=os.uname().nodename)
        journal = Journal.create(self.location.journals, self._next_name(), header)
        try:
            for created in self.borrowed.values():  # the parent's own record of it may not have arrived yet
                if created is not None:
                    journal.append(created)
        except OSError:
            journal.delete()
            raise
        self.journals.append(journal)
        self._journal = journal
        self.fault = ""

    def to_memory(self, fault: OSError) -> None:
        """Go on in memory. The caller holds the lock."""
        self.fault = f"the journal in {self.location.journals} cannot be written ({fault.strerror or fault})"
        journal = Journal(self._next_name())
        self.journals.append(journal)
        self._journal = journal

    def go_on(self) -> None:
        """Begin another journal where there is a reason: the file is large or deleted, or there is none."""
        with self.lock:
            journal = self._journal
            fine = journal.is_file and journal.end <= _LARGE_FILE and not journal.gone()
            if fine or journal.busy or not self.journals:
                return
            try:
                self.to_file()
            except OSError as fault:
                if journal.is_file:
                    self.to_memory(fault)

    def gone(self) -> bool:
        """Whether somebody deleted the current file."""
        return self._journal.gone()

    # -- what the writer takes

    def held(self) -> bool:
        """Whether the calling thread holds the lock: it is a signal handler, and the frame it interrupted records."""
        try:
            self._condition.notify(0)
        except RuntimeError:
            return False
        return True

    @property
    def in_file(self) -> bool:
        """Whether what is recorded now survives the process."""
        return self._journal.is_file

    @property
    def crowded(self) -> bool:
        """Whether so much is recorded that it should go to the store at once."""
        return len(self._journal.records) > _MANY_RECORDS

    @property
    def waiting(self) -> int:
        """Bytes that are recorded and not in the store."""
        with self.lock:
            return sum(journal.waiting for journal in self.journals)

    def next_batch(self, journal: Journal) -> Batch | None:
        """The batch of a journal that is to be applied next; the same one until `applied` is called."""
        if journal.batch is not None:
            return journal.batch
        with self.lock:
            if journal.busy:  # a signal handler: its own frame, further down, is inside `record`
                return None
            journal.busy = True
            try:
                return journal.take(_READ_RECORDS)
            finally:
                journal.busy = False
                if journal.interrupted:
                    journal.interrupted = False
                    journal.distrust()

    def applied(self, journal: Journal, batch: Batch) -> None:
        """The store has a batch."""
        with self.lock:
            journal.applied = batch.end
            journal.batch = None
            if not journal.is_file:
                left = [len(other.records) for other in self.journals if not other.is_file]
                self._memory_bytes = 2 * _RECORD_OVERHEAD * sum(left)

    def drop(self, journal: Journal) -> bool:
        """Delete a journal that the store has whole and that nobody writes to any more; False if it is the current."""
        with self.lock:
            if journal is self._journal or journal.waiting:
                return False
            self.journals.remove(journal)
        journal.delete()
        return True

    def give_up(self) -> list[Journal]:
        """Delete all files if the store has everything and no run is open; returns what was deleted.

        The next record begins anew.
        """
        with self.lock:
            if self._journal.busy or self.runs or self.waiting:
                return []
            journals, self.journals = self.journals, []
            self._journal = Journal(JournalName("", "", 0))
        for journal in journals:
            journal.delete()
        return journals

    def destroy(self) -> None:
        """Delete all files, whatever is in them."""
        with self.lock:
            journals, self.journals = self.journals, []
            self._journal = Journal(JournalName("", "", 0))
        for journal in journals:
            journal.delete()

    def known(self) -> dict[str, RunCreated | None]:
        """Runs that a child made by a fork may write to though the store need not have them: open, or opened lately."""
        records = [record for journal in self.journals for record in journal.unapplied()]
        lately = {record.run_id: record for record in records if isinstance(record, RunCreated)}
        return {**lately, **self.borrowed, **self.runs}

    def abandon(self) -> None:
        """In a forked child: close the parent's files without unlocking them."""
        for journal in self.journals:
            journal.abandon()
