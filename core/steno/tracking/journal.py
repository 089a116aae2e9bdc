"""The journal: an append-only file per process that holds every record until the store has it.

A record on disk is `length u32 | crc32 u32 | payload`, little-endian; the payload is msgpack (`steno.store.records`).
Each is appended by one `write`, nothing is buffered in the process, so what was appended survives the death of the
process. The first frame of a file is its `Header`. The file is locked (`flock`) as long as its process lives: a
journal that can be locked belongs to a dead process, and whoever finds it replays it (`steno.tracking.recovery`).

File names are `<store>.<writer>-<number>.journal`: the database file that it belongs to, the writer (one process), and
a number that counts the writer's files. A writer goes on to a new file when one has grown large, and deletes a file
as soon as the store has all of it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from zlib import crc32

import msgspec

from steno.store.records import Record, decoder, encoder

__all__ = [
    "Batch",
    "Header",
    "Journal",
    "JournalName",
    "frame_of",
    "new_writer",
    "no_space",
    "pack_frame_head",
    "read_frames",
    "read_header",
    "try_lock",
]

SUFFIX = ".journal"
_FRAME = struct.Struct("<II")
_HEAD = _FRAME.size
_READ_BYTES = 4 << 20
_ARRAY = 0x90  # the first byte of every record: msgpack's array of up to 15

pack_frame_head = _FRAME.pack


class Header(msgspec.Struct, frozen=True, omit_defaults=True):
    """The first frame of a journal.

    Attributes:
        version: of the format.
        open: runs that the writer had opened and not ended when it began this file.
        borrowed: runs that another process opened; the death of this one does not end them.
        pid: process id, for people.
        host: machine name, for people.
    """

    version: int = 1
    open: tuple[str, ...] = ()
    borrowed: tuple[str, ...] = ()
    pid: int = 0
    host: str = ""


_header_encoder = msgspec.msgpack.Encoder()
_header_decoder = msgspec.msgpack.Decoder(Header)


@dataclass(frozen=True, slots=True, order=True)
class JournalName:
    """What the name of a journal file says."""

    store: str
    writer: str
    number: int

    @property
    def text(self) -> str:
        """The journal's id and the file's name without its suffix."""
        return f"{self.store}.{self.writer}-{self.number:06d}"

    @property
    def file(self) -> str:
        """The file's name."""
        return self.text + SUFFIX

    @classmethod
    def parse(cls, file: str) -> Self | None:
        """The inverse of `file`; None for any other file."""
        stem, found, rest = file.rpartition(SUFFIX)
        store, dot, name = stem.rpartition(".")
        writer, dash, number = name.rpartition("-")
        if rest or not (found and dot and dash and number.isdecimal()):
            return None
        return cls(store, writer, int(number))


def new_writer() -> str:
    """A new writer's name; names sort by the time at which they were made."""
    return f"{time.time_ns():016x}{os.urandom(4).hex()}"


@dataclass(slots=True)
class Batch:
    """Records taken for the store, and where they end in their journal.

    Attributes:
        end: bytes of the journal up to and with the last record.
        unreadable: frames between them whose checksum or content was wrong.
    """

    records: list[Record]
    end: int
    unreadable: int = 0


def no_space(path: Path | None) -> OSError:
    """What a write that took only a part of a record means."""
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def frame_of(payload: bytes) -> bytes:
    """A payload as it stands in the file."""
    return _FRAME.pack(len(payload), crc32(payload)) + payload


def try_lock(fd: int) -> bool:
    """Take the exclusive lock of an open journal; False if its writer lives or locks do not work here."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


class Journal:
    """One journal file that this process writes, or a stretch of memory where no file can be had.

    `records` repeats the end of the file (from `taken` to `end`) while `exact`; when it is not, because it grew too
    long or an exception struck between writing and noting, the file is read instead. All attributes are guarded by
    the recorder's lock.

    Attributes:
        fd: -1 if there is no file.
        applied: bytes that the store has.
        taken: bytes that were handed out by `take`.
        end: bytes written.
        batch: what was taken and is not applied yet.
        busy: somebody is inside `record` or `take`; who sees it with the lock held is a signal handler above them.
        interrupted: a signal handler wrote to the file in the meantime.
    """

    def __init__(self, name: JournalName, fd: int = -1, path: Path | None = None) -> None:
        self.name = name
        self.id = name.text
        self.fd = fd
        self.path = path
        self.applied = 0
        self.taken = 0
        self.end = 0
        self.exact = True
        self.busy = False
        self.interrupted = False
        self.records: list[Record] = []
        self.batch: Batch | None = None

    @classmethod
    def create(cls, folder: Path, name: JournalName, header: Header) -> Self:
        """A new file, locked from its first moment.

        Raises:
            OSError: it cannot be written.
        """
        hidden = folder / f".{name.text}.new"
        fd = os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            try_lock(fd)  # before it has the name under which others look for it
            frame = frame_of(_header_encoder.encode(header))
            if os.write(fd, frame) != len(frame):
                raise no_space(hidden)
            path = folder / name.file
            hidden.rename(path)
        except OSError:
            os.close(fd)
            hidden.unlink(missing_ok=True)
            raise
        journal = cls(name, fd, path)
        journal.applied = journal.taken = journal.end = len(frame)
        return journal

    @property
    def is_file(self) -> bool:
        """Whether what is written survives the process."""
        return self.fd >= 0

    @property
    def waiting(self) -> int:
        """Bytes that the store does not have yet."""
        return (self.end if self.exact else os.fstat(self.fd).st_size) - self.applied

    def append(self, record: Record) -> None:
        """Write a record, outside the hot path.

        Raises:
            OSError: it was not written, or not whole.
        """
        frame = frame_of(encoder.encode(record))
        if os.write(self.fd, frame) != len(frame):
            raise no_space(self.path)
        self.end += len(frame)
        if self.exact:
            self.records.append(record)

    def take(self, limit: int) -> Batch | None:
        """What was written and not taken yet, into `batch`; None if there is nothing.

        It stays in `batch` until the store has it: the same records must be offered again under the same position.
        A KeyboardInterrupt may strike anywhere here, so what is handed over changes hands in one statement.

        Args:
            limit: about how many records to take where the file has to be read.
        """
        if self.exact:
            if self.records:
                self.batch, self.records, self.taken = Batch(self.records, self.end), [], self.end
            return self.batch
        batch = self._read(limit)
        taken = self.end if batch is None else batch.end
        self.batch, self.taken, self.records, self.exact = batch, taken, [], taken == self.end
        return batch

    def _read(self, limit: int) -> Batch | None:
        self.end = os.fstat(self.fd).st_size
        records: list[Record] = []
        end, unreadable = self.taken, 0
        for record, end in read_frames(self.fd, self.taken, self.end):  # noqa: B007  where the last one ended is needed below
            if record is None:
                unreadable += 1
            else:
                records.append(record)
            if len(records) >= limit:
                break
        else:
            end = self.end  # what follows the last whole frame is a torn one
        return Batch(records, end, unreadable) if end > self.taken else None

    def unapplied(self) -> Iterable[Record]:
        """What was written and is not in the store yet; nothing is taken."""
        if self.exact:
            return [*(self.batch.records if self.batch else ()), *self.records]
        return [record for record, _ in read_frames(self.fd, self.applied) if record is not None]

    def distrust(self) -> None:
        """From here on the file is read; `records` is incomplete or too long."""
        if self.is_file:
            self.exact = False
            self.records = []

    def gone(self) -> bool:
        """Whether somebody deleted the file under us."""
        return self.is_file and os.fstat(self.fd).st_nlink == 0

    def delete(self) -> None:
        """Remove the file; its lock goes with it."""
        if self.path is not None:
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)
        self.abandon()

    def abandon(self) -> None:
        """Close the file without removing it. In a forked child this leaves the parent's lock alone."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)


def read_header(fd: int) -> tuple[Header, int]:
    """The header of a journal and where it ends; an empty one that ends at 0 if it is damaged."""
    payload = _payload(os.pread(fd, 1 << 20, 0), 0)
    if payload is not None:
        try:
            return _header_decoder.decode(payload), _HEAD + len(payload)
        except msgspec.MsgspecError:
            pass
    return Header(), 0


def _payload(data: bytes | memoryview, at: int) -> memoryview | None:
    """The payload of the frame at a place, if one stands there whole."""
    if at + _HEAD > len(data):
        return None
    length, checksum = _FRAME.unpack_from(data, at)
    if length == 0 or at + _HEAD + length > len(data):
        return None
    payload = memoryview(data)[at + _HEAD : at + _HEAD + length]
    return payload if crc32(payload) == checksum else None


def read_frames(fd: int, start: int, size: int = -1) -> Iterator[tuple[Record | None, int]]:
    """The records from a place on and where each ends, up to a torn tail; None stands for a damaged stretch.

    Args:
        fd: the open journal.
        start: where a record begins.
        size: what lies beyond it is not looked at: it may have been written in the meantime. The whole file if -1.
    """
    size = os.fstat(fd).st_size if size < 0 else size
    at = start
    while at < size:
        data = os.pread(fd, min(_window(fd, at, size), size - at), at)
        used = 0
        for record, used in _frames_of(data):
            yield record, at + used
        if used:
            at += used
            continue
        found = _next_whole(fd, data, at, size)
        if found is None:
            if at + len(data) >= size:
                return  # a torn tail
            at += len(data) - _HEAD  # nothing whole begins in this window
        else:
            at += found
        yield None, at


def _window(fd: int, at: int, size: int) -> int:
    """How many bytes to read so that at least the frame at `at` is whole."""
    head = os.pread(fd, _HEAD, at)
    length = _FRAME.unpack(head)[0] if len(head) == _HEAD else 0
    return max(_READ_BYTES, _HEAD + length) if at + _HEAD + length <= size else _READ_BYTES


def _frames_of(data: bytes) -> Iterator[tuple[Record | None, int]]:
    """The whole frames at the beginning of the data and where each ends."""
    at, size = 0, len(data)
    view = memoryview(data)
    unpack, decode = _FRAME.unpack_from, decoder.decode
    while at + _HEAD <= size:
        length, checksum = unpack(data, at)
        end = at + _HEAD + length
        if length == 0 or end > size:
            return
        payload = view[at + _HEAD : end]
        if crc32(payload) != checksum:
            return
        at = end
        try:
            yield decode(payload), at
        except msgspec.MsgspecError:  # whole, but of a newer steno, or the header of the file
            yield None, at


def _next_whole(fd: int, data: bytes, start: int, size: int) -> int | None:
    """Where in the data, which stand at `start` of the file, the next undamaged frame begins; None if none does."""
    for at in range(1, len(data) - _HEAD):
        length = int.from_bytes(data[at : at + 4], "little")
        if not 0 < length <= size - start - at - _HEAD or data[at + _HEAD] & 0xF0 != _ARRAY:
            continue
        beyond = at + _HEAD + length > len(data)
        if _payload(os.pread(fd, _HEAD + length, start + at), 0) if beyond else _payload(data, at):
            return at
    return None
