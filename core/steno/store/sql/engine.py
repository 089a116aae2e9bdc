"""Connections, transactions and the words for what goes wrong with them.

Reading takes a snapshot and never a lock. Writing begins with BEGIN IMMEDIATE: a transaction that has begun cannot be
refused half-way. Who finds the store locked waits a random while and asks again; SQLite's own wait is not random and
lets some processes starve.
"""

from __future__ import annotations

import functools
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from steno.clock import now
from steno.errors import InvalidInputError, StenoError, StoreError
from steno.store.search import like
from steno.store.sql import tables
from steno.store.sql.statements import LIKE_FUNCTION
from steno.store.uri import file_of

__all__ = ["Engine"]

DEFAULT_WAIT_S = 60.0
_READS = ("cache_size=-65536", "mmap_size=1073741824")
_WRITES = ("cache_size=-8192", "mmap_size=0")  # the process is the user's: its memory does not grow with the store
_READERS_WAIT_MS = 5000
_SMALLEST_PAGE = 512
_ABANDONED: list[sa.Pool] = []  # connections of a parent process: closing one here would end the parent's locks


class Engine:
    """One database: `reading()` and `writing()` give connections inside a transaction.

    Args:
        uri: SQLAlchemy URL.

    Raises:
        InvalidInputError: the URL is not one.
    """

    def __init__(self, uri: str) -> None:
        try:
            self.url = sa.make_url(uri)
        except sa.exc.ArgumentError as fault:
            raise InvalidInputError(
                f"store URI is {uri!r}, accepted are 'sqlite:///path/to/steno.db' and 'postgresql+psycopg://...'"
            ) from fault
        if self.dialect == "sqlite":
            self.url = self.url.set(database=file_of(uri) or None)  # not all versions of SQLAlchemy unquote it
        self.path = self._file()
        self._opened: tuple[sa.Engine, sa.Engine] | None = None
        self._until = 0.0  # when the writer that holds `_writer` gives up
        self._lock = threading.Lock()
        self._writer = threading.Lock()

    @property
    def dialect(self) -> str:
        """The dialect's name: "sqlite", "postgresql"."""
        return self.url.get_backend_name()

    def _file(self) -> Path | None:
        if self.dialect != "sqlite":
            return None
        name = self.url.database
        if not name or name == ":memory:" or name.startswith("file:"):
            raise InvalidInputError(
                f"store URI is {self.url}, accepted is the path of a file: 'sqlite:///steno.db' or 'sqlite:////absolute/steno.db'"
            )
        return Path(os.path.abspath(name))  # noqa: PTH100  the working directory may change later; links stay links

    # -- transactions

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection that sees one snapshot of the store.

        Raises:
            StoreError: whatever the driver said.
        """
        with self._told(), self._open(DEFAULT_WAIT_S)[0].connect() as connection:
            yield connection

    @contextmanager
    def writing(self, timeout_s: float = DEFAULT_WAIT_S) -> Iterator[sa.Connection]:
        """A connection that holds the write lock; commits at the end, rolls back on any exception.

        Args:
            timeout_s: how long to wait for other writers.

        Raises:
            StoreError: whatever the driver said, or the store was locked all that time. Nothing was written.
        """
        until = time.monotonic() + timeout_s
        if not self._writer.acquire(timeout=max(0.0, timeout_s)):
            raise StoreError(_locked(str(self), timeout_s))
        try:
            with self._told(timeout_s):
                _, writers = self._open(timeout_s)
                self._until = until
                with writers.begin() as connection:
                    yield connection
        finally:
            self._writer.release()

    def _open(self, timeout_s: float) -> tuple[sa.Engine, sa.Engine]:
        """The engine for reading and the one for writing."""
        opened = self._opened
        if opened is not None:
            return opened
        with self._lock:
            if self._opened is None:
                readers, writers = self._create()
                _prepare(writers, str(self), time.monotonic() + timeout_s)
                self._opened = readers, writers.execution_options(until=lambda: self._until)
            return self._opened

    def _create(self) -> tuple[sa.Engine, sa.Engine]:
        if self.path is None:
            engine = sa.create_engine(self.url, pool_pre_ping=True)
            return engine, engine
        _make_private(self.path)
        _check_header(self.path)
        return self._sqlite(_READS), self._sqlite(_WRITES)

    def _sqlite(self, pragmas: tuple[str, ...]) -> sa.Engine:
        engine = sa.create_engine(self.url.set(database=str(self.path)), max_overflow=-1)
        sa.event.listen(engine, "connect", functools.partial(_set_pragmas, pragmas))
        sa.event.listen(engine, "begin", _begin)
        return engine

    @contextmanager
    def _told(self, waited_s: float = DEFAULT_WAIT_S) -> Iterator[None]:
        try:
            yield
        except StenoError:
            raise
        except (sa.exc.SQLAlchemyError, sqlite3.Error, OSError, ImportError) as fault:
            raise StoreError(_explained(fault, str(self), waited_s)) from fault

    # -- life

    def close(self) -> None:
        """Close every connection; the next use opens new ones."""
        with self._lock:
            opened, self._opened = self._opened, None
        if opened is not None:
            with self._told():
                for engine in opened:
                    engine.dispose()

    def discard(self) -> None:
        """Forget every connection without closing it; for the child after a fork."""
        opened, self._opened = self._opened, None
        self._lock, self._writer = threading.Lock(), threading.Lock()  # another thread may have held them at the fork
        if opened is not None:
            _ABANDONED.extend(engine.pool for engine in opened)

    def __str__(self) -> str:
        return str(self.path) if self.path is not None else self.url.render_as_string(hide_password=True)


# ---------------------------------------------------------------- SQLite


def _make_private(path: Path) -> None:
    """Create the file with mode 0600 before SQLite does; its -wal and -shm take the same mode."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return


def _check_header(path: Path) -> None:
    """A file that is not empty must begin as a database does: SQLite itself would begin a short one anew."""
    with path.open("rb") as file:
        page = file.read(_SMALLEST_PAGE)
    if page and (len(page) < _SMALLEST_PAGE or not page.startswith(b"SQLite format 3\0")):
        raise StoreError(_damaged(str(path), "its first page is not one of SQLite's"))


def _set_pragmas(pragmas: tuple[str, ...], connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are ours to begin
    connection.execute(f"pragma busy_timeout={_READERS_WAIT_MS}")
    with closing(connection.execute("pragma journal_mode")) as cursor:
        mode = cursor.fetchone()[0]
    if mode != "wal":
        _until_free(connection, "pragma journal_mode=wal", time.monotonic() + DEFAULT_WAIT_S)
    for pragma in ("synchronous=normal", "temp_store=memory", *pragmas):
        connection.execute(f"pragma {pragma}")
    connection.create_function(LIKE_FUNCTION, 3, _like, deterministic=True)


def _like(text: str | None, pattern: str, ignore_case: int) -> bool | None:
    return None if text is None else _pattern(pattern, bool(ignore_case))(text)


@functools.lru_cache(64)
def _pattern(pattern: str, ignore_case: bool) -> Callable[[str], bool]:
    return like(pattern, ignore_case=ignore_case)


def _begin(connection: sa.Connection) -> None:
    raw: Any = connection.connection.driver_connection
    until = connection.get_execution_options().get("until")
    if until is None:
        raw.execute("begin")
        return
    raw.execute("pragma busy_timeout=0")  # the waiting is done here, not in SQLite
    try:
        _until_free(raw, "begin immediate", until())
    finally:
        raw.execute(f"pragma busy_timeout={_READERS_WAIT_MS}")


def _until_free(connection: Any, statement: str, until: float) -> None:
    turn = 0
    while True:
        try:
            connection.execute(statement)
        except sqlite3.OperationalError as fault:
            if not _is_busy(fault) or time.monotonic() >= until:
                raise
        else:
            return
        pause = random.uniform(0.5, 1.0) * min(0.002 * 2**turn, 0.03)  # noqa: S311  nothing secret
        time.sleep(max(0.0, min(pause, until - time.monotonic())))
        turn = min(turn + 1, 10)


def _is_busy(fault: sqlite3.Error) -> bool:
    return _code(fault).startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


# ---------------------------------------------------------------- a new store, or one that is there


def _prepare(engine: sa.Engine, name: str, until: float) -> None:
    with engine.connect() as connection:
        present = sa.inspect(connection).get_table_names()
        if "schema_version" in present:
            _check_version(connection, name)
            return
    with engine.execution_options(until=lambda: until).begin() as connection:
        present = sa.inspect(connection).get_table_names()
        if "schema_version" in present:  # another process was faster
            _check_version(connection, name)
        elif present:
            raise StoreError(
                f"{name} is a database of something else (it has tables {', '.join(sorted(present)[:4])}, …): "
                "name a file that does not exist yet, and steno creates it"
            )
        else:
            _create_tables(connection)


def _create_tables(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("select pg_advisory_xact_lock(7383636)"))
        if "schema_version" in sa.inspect(connection).get_table_names():
            return
    tables.metadata.create_all(connection, checkfirst=False)
    connection.execute(tables.schema_version.insert(), {"version": tables.SCHEMA_VERSION})
    at = now()
    default = {"id": 0, "name": "Default", "artifact_uri": "./artifacts/0", "created_at": at, "updated_at": at}
    connection.execute(tables.experiment.insert(), default)


def _check_version(connection: sa.Connection, name: str) -> None:
    version = connection.execute(sa.select(tables.schema_version.c.version)).scalar()
    if version == tables.SCHEMA_VERSION:
        return
    newer = isinstance(version, int) and version > tables.SCHEMA_VERSION
    what = "install a newer steno: pip install -U steno" if newer else "open it with the steno that made it, and export"
    raise StoreError(
        f"{name} has schema version {version}, this steno reads version {tables.SCHEMA_VERSION}: {what}. "
        "The file was not touched"
    )


# ---------------------------------------------------------------- words


def _code(fault: BaseException) -> str:
    return getattr(fault, "sqlite_errorname", None) or ""


def _locked(name: str, waited_s: float) -> str:
    return (
        f"{name} is locked: another process has been writing to it for {waited_s:g} s. Nothing was written. "
        "Try again, or end the process that holds it (`fuser` shows it)"
    )


def _damaged(name: str, why: object) -> str:
    return (
        f"{name} is damaged or not a SQLite database ({why}). The file was left as it is: "
        "move it away to start a new store, or restore a backup"
    )


def _explained(fault: Exception, name: str, waited_s: float) -> str:
    """One sentence of what is wrong and one of what to do, for any error of any driver."""
    original = getattr(fault, "orig", None) or fault
    code = _code(original)
    if isinstance(original, ImportError):
        return (
            f"{name} needs the module {original.name!r}, which is not installed: pip install 'steno[postgres]', or "
            "name another store with STENO_TRACKING_URI"
        )
    if isinstance(original, FileNotFoundError):
        return f"the folder of {name} does not exist: create it, or name another with STENO_TRACKING_URI"
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return _locked(name, waited_s)
    if code.startswith("SQLITE_FULL") or getattr(original, "errno", None) == 28:
        return f"the disk that holds {name} is full: nothing was written. Free some space and try again"
    if code.startswith("SQLITE_READONLY") or isinstance(original, PermissionError):
        return f"{name} cannot be written: the file or its folder is read-only for this user. Check its permissions"
    if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return _damaged(name, original)
    if code.startswith("SQLITE_CANTOPEN"):
        return f"{name} cannot be opened: its folder is missing or closed to this user. Check the path"
    if code.startswith("SQLITE_IOERR"):
        return f"reading or writing {name} failed ({original}): the disk or network drive reports an error"
    return f"{name} cannot be read or written: {type(original).__name__}: {original}"
