"""What dead processes left behind: their journals are replayed and their runs closed.

A journal whose lock can be had belongs to a process that ended without deleting it: by `kill -9`, SIGTERM, power, or
because the store could not be written. Replaying is exactly once: the store knows how far each journal was applied.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from steno.errors import NotFoundError, StoreError
from steno.store.base import JournalPosition, Store
from steno.store.records import Record, RunCreated, RunUpdated, Tags
from steno.tracking.journal import JournalName, read_frames, read_header, try_lock
from steno.tracking.notices import notices

__all__ = ["Recovered", "abandoned", "is_on_its_way", "recover"]

_BATCH = 20_000
_ENDED = ("FINISHED", "FAILED", "KILLED")
WHY = json.dumps(
    {"type": "ProcessDied", "message": "the process ended without running its exit code: killed, out of memory, power"}
)


@dataclass(slots=True)
class Recovered:
    """What a recovery did.

    Attributes:
        records: how many were replayed.
        unreadable: damaged stretches; their files are kept under the suffix `.damaged`.
        closed: runs that were closed as KILLED.
        failed: journals that could not be replayed because the store cannot be written; they stay.
    """

    records: int = 0
    unreadable: int = 0
    closed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Found:
    name: JournalName
    path: Path
    fd: int = -1


def _journals(folder: Path, store: str) -> list[JournalName]:
    try:
        names = os.listdir(folder)  # noqa: PTH208  before every read: the fastest there is
    except OSError:
        return []
    parsed = (JournalName.parse(name) for name in names)
    return sorted(name for name in parsed if name is not None and name.store == store)


def abandoned(folder: Path, store: str, own: str) -> dict[str, list[JournalName]]:
    """Journals of other writers, by writer, oldest first. Whether these live is found out by their locks."""
    writers: dict[str, list[JournalName]] = {}
    for name in _journals(folder, store):
        if name.writer != own:
            writers.setdefault(name.writer, []).append(name)
    return writers


def is_on_its_way(run_id: str, folder: Path, name: str, own: str) -> bool:
    """Whether the journal of another process has a run that the store may not have yet."""
    for journal in _journals(folder, name):
        if journal.writer != own:
            try:
                fd = os.open(folder / journal.file, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:  # it has just been deleted: everything in it is in the store
                return True
            try:
                records = read_frames(fd, read_header(fd)[1])
                if any(isinstance(record, RunCreated) and record.run_id == run_id for record, _ in records):
                    return True
            finally:
                os.close(fd)
    return False


def recover(store: Store, folder: Path, name: str, own: str = "") -> Recovered:
    """Replay the journals of dead processes and close, as KILLED, the runs that they had open.

    Args:
        store: where to.
        folder: of the journals.
        name: of the store within the folder; journals of others are left alone.
        own: this process's writer, which lives.
    """
    outcome = Recovered()
    for writer, names in abandoned(folder, name, own).items():
        with ExitStack() as stack:
            found = _lock_all(folder, names, stack)
            if found:
                try:
                    _replay(store, folder, name, writer, found, outcome)
                except StoreError:
                    outcome.failed.append(writer)
    if outcome.unreadable:
        notices.once(
            "journal-damaged",
            f"{outcome.unreadable} damaged records in a journal of a process that died could not be read; "
            f"the others were kept. The file is in {folder} under the suffix .damaged",
        )
    return outcome


def _lock_all(folder: Path, names: Iterable[JournalName], stack: ExitStack) -> list[_Found]:
    """Open and lock a writer's files; nothing if it lives, or somebody else is at it."""
    found = []
    for name in names:
        path = folder / name.file
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        except OSError:
            return []
        stack.callback(os.close, fd)
        if not try_lock(fd):
            return []
        if os.fstat(fd).st_nlink:  # else another process replayed and deleted it while we waited for the lock
            found.append(_Found(name, path, fd))
    return found


def _replay(store: Store, folder: Path, name: str, writer: str, found: list[_Found], outcome: Recovered) -> None:
    open_runs: set[str] = set()
    last_write = 0
    unreadable = 0
    for journal in found:
        last_write = max(last_write, os.fstat(journal.fd).st_mtime_ns // 1_000_000)
        unreadable += _replay_one(store, journal, open_runs, outcome)
    if open_runs:
        open_runs -= _open_elsewhere(folder, name, writer)
    for run_id in sorted(open_runs):
        if _close(store, run_id, last_write):
            outcome.closed.append(run_id)
    outcome.unreadable += unreadable
    for journal in found:
        if unreadable:
            journal.path.rename(journal.path.with_suffix(".damaged"))
        else:
            journal.path.unlink(missing_ok=True)
        store.forget_journal(journal.name.text)


def _replay_one(store: Store, journal: _Found, open_runs: set[str], outcome: Recovered) -> int:
    """Apply what the store lacks of one journal; returns how many stretches were damaged."""
    position = store.journal_position(journal.name.text)
    header, start = read_header(journal.fd)
    open_runs.update(header.open)
    batch: list[Record] = []
    end = start
    unreadable = 0 if start else 1
    for record, end in read_frames(journal.fd, start):
        if record is None:
            unreadable += 1
            continue
        note_owner(record, open_runs, header.borrowed)
        if end > position:
            batch.append(record)
        if len(batch) >= _BATCH:
            store.apply(batch, position=JournalPosition(journal.name.text, end))
            outcome.records += len(batch)
            batch = []
    if batch:
        store.apply(batch, position=JournalPosition(journal.name.text, end))
        outcome.records += len(batch)
    return unreadable


def note_owner(record: Record, open_runs: set[str], borrowed: Iterable[str] = ()) -> None:
    """Keep the set of runs that the writer of a journal has open."""
    if isinstance(record, RunCreated):
        if record.run_id not in borrowed:
            open_runs.add(record.run_id)
    elif isinstance(record, RunUpdated):
        if record.status == "RUNNING":
            open_runs.add(record.run_id)
        elif record.status in _ENDED:
            open_runs.discard(record.run_id)


def _open_elsewhere(folder: Path, name: str, writer: str) -> set[str]:
    """Runs that processes which live have open too: several may write one run."""
    open_runs: set[str] = set()
    for journal in _journals(folder, name):
        if journal.writer != writer:
            try:
                fd = os.open(folder / journal.file, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:  # it has just been deleted: everything in it is in the store
                continue
            try:
                header, start = read_header(fd)
                open_runs.update(header.open)
                for record, _ in read_frames(fd, start):
                    if record is not None:
                        note_owner(record, open_runs, header.borrowed)
            finally:
                os.close(fd)
    return open_runs


def _close(store: Store, run_id: str, end_time: int) -> bool:
    try:
        run = store.get_run(run_id)
    except NotFoundError:
        return False
    if run.info.status not in ("RUNNING", "SCHEDULED"):  # somebody ended it explicitly in the meantime
        return False
    ended = RunUpdated(run_id, status="KILLED", end_time=max(end_time, run.info.start_time))
    store.apply([ended, Tags(run_id, {"steno.error": WHY})])
    return True
