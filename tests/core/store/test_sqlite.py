"""What the SQLite store promises beyond the contract: faults, neighbours, files, a folder that moves."""

from __future__ import annotations

import itertools
import math
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy.dialects import sqlite as sqlite_dialect

from steno.entities import Metric
from steno.errors import AlreadyExistsError, InvalidInputError, StoreError
from steno.store.base import JournalPosition
from steno.store.memory import MemoryStore
from steno.store.opening import open_store
from steno.store.records import Curve, Params, Point, Points, Record, RunCreated, RunUpdated, Tags
from steno.store.sql import tables
from steno.store.sql.store import SQLStore

FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
GOLDEN = Path(__file__).parents[2] / "golden" / "schema.sql"


def created(run_id: str = "r", experiment_id: str = "0") -> RunCreated:
    return RunCreated(run_id, experiment_id, run_id, "ada", 1000, "")


def rows(store: SQLStore, query: str) -> list[tuple[object, ...]]:
    """The answer to a question put to the file itself."""
    with closing(sqlite3.connect(store.uri.removeprefix("sqlite:///"))) as connection:
        return connection.execute(query).fetchall()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process is writing and does not end."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("begin immediate")
        yield
        connection.execute("rollback")


# ---------------------------------------------------------------- the file


def test_the_schema_is_the_golden_one() -> None:
    """The schema changes only on purpose: write `tests/golden/schema.sql` anew together with its migration."""
    assert tables.ddl(sqlite_dialect.dialect()) == GOLDEN.read_text(encoding="utf-8")


def test_a_new_store_is_private_and_whole(sqlite: SQLStore, root: Path) -> None:
    """A new store's files are readable by their owner only, and it passes SQLite's own check."""
    sqlite.apply([created(), Point("r", "a", 1.0, 0, 0)])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in root.iterdir()}
    assert modes == {"steno.db": 0o600, "steno.db-wal": 0o600, "steno.db-shm": 0o600}
    assert rows(sqlite, "pragma integrity_check") == [("ok",)]
    assert rows(sqlite, "pragma journal_mode") == [("wal",)]


def test_the_folder_can_be_moved(root: Path, tmp_path: Path) -> None:
    """Artifacts inside the store's folder are found where the folder went; those outside stay where they are."""
    store = SQLStore(f"sqlite:///{root}/steno.db")
    outside = tmp_path / "elsewhere" / "x"
    inside = root / "my artifacts" / "100%"
    for run_id, place in (("in", inside.as_uri()), ("path", str(inside)), ("out", str(outside)), ("s3", "s3://b/x")):
        store.apply([RunCreated(run_id, "0", "", "", 0, place)])
    store.close()
    moved = tmp_path / "moved"
    shutil.move(root, moved)
    again = SQLStore(f"sqlite:///{moved}/steno.db")
    uris = {run_id: again.get_run(run_id).info.artifact_uri for run_id in ("in", "path", "out", "s3")}
    place = (moved / "my artifacts" / "100%").as_uri()
    assert uris == {"in": place, "path": place, "out": outside.as_uri(), "s3": "s3://b/x"}
    assert again.get_experiment("0").artifact_location == f"{moved.as_uri()}/artifacts/0"
    again.close()


def test_a_closed_store_opens_again(sqlite: SQLStore) -> None:
    """Closing releases the file, and the next use opens it again."""
    sqlite.apply([created()])
    sqlite.close()
    assert sqlite.get_run("r").info.run_id == "r"


def test_the_store_of_a_uri(root: Path) -> None:
    """A URI names its store; one that nobody knows is refused with those that are accepted."""
    assert isinstance(open_store(f"sqlite:///{root}/steno.db"), SQLStore)
    assert isinstance(open_store("memory:"), MemoryStore)
    for uri in ("http:/x", "mysql://x", "", "steno.db", None, 3, "sqlite://", "sqlite:///:memory:"):
        with pytest.raises(InvalidInputError, match="sqlite:///"):
            open_store(uri)  # type: ignore[arg-type]


def test_a_driver_that_is_not_installed_is_named() -> None:
    """A database whose driver is missing is refused with the module's name and what to install."""
    with pytest.raises(StoreError, match=r"needs the module 'pg8000', .*pip install 'steno\[postgres\]'"):
        open_store("postgresql+pg8000://ada@localhost/runs").get_experiment("0")


def test_a_relative_uri_stays_where_it_was(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is taken from the working directory of the moment, not of the first use."""
    monkeypatch.chdir(root)
    store = SQLStore("sqlite:///steno.db")
    monkeypatch.chdir("/")
    store.create_experiment("x")
    store.close()
    assert (root / "steno.db").exists()


# ---------------------------------------------------------------- faults


def test_a_locked_store_says_so_in_time(sqlite: SQLStore, root: Path) -> None:
    """A store that somebody else is writing raises after `timeout_s`, has taken nothing, and reads all the while."""
    position = JournalPosition("j", 10)
    sqlite.apply([created()])
    with locked(root / "steno.db"):
        start = time.monotonic()
        with pytest.raises(StoreError, match="is locked: another process"):
            sqlite.apply([Point("r", "a", 1.0, 0, 0)], position=position, timeout_s=0.3)
        assert 0.25 < time.monotonic() - start < 2
        assert sqlite.get_run("r").data.metrics == {}
    assert sqlite.apply([Point("r", "a", 1.0, 0, 0)], position=position, timeout_s=0.3) == []
    assert sqlite.get_run("r").data.metrics == {"a": 1.0}


def test_a_thread_that_writes_long_does_not_block_for_ever(sqlite: SQLStore) -> None:
    """The time to wait holds between threads of one process, too."""
    sqlite.apply([created()])
    with sqlite._engine.writing():  # what a slow `apply` in another thread holds
        caught: list[BaseException] = []

        def write() -> None:
            try:
                sqlite.apply([Point("r", "a", 1.0, 0, 0)], timeout_s=0.1)
            except StoreError as fault:
                caught.append(fault)

        thread = threading.Thread(target=write)
        thread.start()
        thread.join(10)
    assert [type(fault) for fault in caught] == [StoreError]


@pytest.mark.parametrize("content", [b"text, and enough of it to fill a page" * 100, b"x", b"SQLite format 3\0"])
def test_a_damaged_file_is_left_alone(root: Path, content: bytes) -> None:
    """A file that is no database is reported, and stays byte for byte what it was."""
    path = root / "steno.db"
    path.write_bytes(content)
    store = SQLStore(f"sqlite:///{path}")
    for use in (lambda: store.get_experiment("0"), lambda: store.apply([created()])):
        with pytest.raises(StoreError, match="damaged or not a SQLite database"):
            use()
    store.close()
    assert path.read_bytes() == content


def test_a_damaged_page_is_reported(root: Path) -> None:
    """Damage inside a real store is reported as such."""
    path = root / "steno.db"
    store = SQLStore(f"sqlite:///{path}")
    store.apply([created(), Curve("r", "a", [float(i) for i in range(50_000)], list(range(50_000)), [0] * 50_000)])
    store.close()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(StoreError, match="damaged"):
        store.get_run("r")
    store.close()


def test_a_database_of_something_else_is_refused(root: Path) -> None:
    """A database that is not ours is neither read nor written."""
    path = root / "mlflow.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table alembic_version (version_num text)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"a database of something else.*alembic_version"):
        SQLStore(f"sqlite:///{path}").get_experiment("0")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("select count(*) from sqlite_master").fetchall() == [(1,)]
    assert len(path.read_bytes()) == len(before)


@pytest.mark.parametrize(("version", "advice"), [(99, "pip install -U steno"), (0, "export")])
def test_a_store_of_another_version_is_refused(sqlite: SQLStore, root: Path, version: int, advice: str) -> None:
    """A store whose schema this version does not know is not touched, and the message says what to do."""
    sqlite.create_experiment("x")
    sqlite.close()
    with closing(sqlite3.connect(root / "steno.db")) as connection, connection:
        connection.execute("update schema_version set version = ?", (version,))
    with pytest.raises(StoreError, match=f"schema version {version}, .* version 1: .*{advice}"):
        sqlite.create_experiment("y")


def test_a_missing_folder_is_named(root: Path) -> None:
    """A store in a folder that does not exist says which."""
    store = SQLStore(f"sqlite:///{root}/no/steno.db")
    with pytest.raises(StoreError, match=r"the folder of .*/no/steno\.db does not exist"):
        store.apply([created()])


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_store_says_so(sqlite: SQLStore, root: Path) -> None:
    """Writing to a store that is read-only for this user says so."""
    sqlite.apply([created()])
    sqlite.close()
    (root / "steno.db").chmod(0o400)
    root.chmod(0o500)
    try:
        with pytest.raises(StoreError, match="read-only"):
            sqlite.apply([created("s")])
    finally:
        root.chmod(0o700)


def test_a_failed_batch_leaves_nothing_behind(sqlite: SQLStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the last statement fails nothing was written, nothing is remembered, and the batch can be sent again."""
    batch: list[Record] = [created(), Point("r", "new key", 1.0, 0, 0), Params("r", {"p": ("1", "int")})]
    with monkeypatch.context() as patch:
        patch.setattr("steno.store.sql.batch.Batch._write_runs", _fail)
        with pytest.raises(StoreError, match="disk I/O"):
            sqlite.apply(batch, position=JournalPosition("j", 5))
    assert (sqlite.journal_position("j"), sqlite.count_runs("0")) == (0, 0)
    assert sqlite.apply(batch, position=JournalPosition("j", 5)) == []
    assert sqlite.get_run("r").data.metrics == {"new key": 1.0}
    assert sqlite.metric_history("r", "new key").points() == [Metric("new key", 1.0, 0, 0)]


def _fail(_batch: object) -> None:
    raise sqlite3.OperationalError("disk I/O error")


# ---------------------------------------------------------------- metrics


def test_small_chunks_are_folded(sqlite: SQLStore) -> None:
    """However a series trickles in it ends as few chunks, and reads as it was written."""
    sqlite.apply([created()])
    for step in range(200):
        sqlite.apply([Points("r", {"a": math.sin(step), "b": float(step)}, step, step)])
    assert rows(sqlite, "select count(*) < 80 from metric_chunk group by key_id") == [(1,), (1,)]
    assert sqlite.metric_history("r", "a").values.tolist() == [math.sin(step) for step in range(200)]
    sqlite.apply([RunUpdated("r", "FINISHED", 1)])
    assert rows(sqlite, "select n from metric_chunk") == [(200,), (200,)]
    assert sqlite.metric_history("r", "b").values.tolist() == list(range(200))


def test_series_longer_than_a_chunk(sqlite: SQLStore) -> None:
    """Long series are cut into full chunks in order, whoever left open ones before."""
    other = SQLStore(sqlite.uri)
    sqlite.apply([created(), Curve("r", "a", [-1.0] * 10, [0] * 10, [0] * 10)])
    other.apply([Curve("r", "a", list(map(float, range(5000))), [0] * 5000, [0] * 5000)])
    sqlite.apply([Curve("r", "a", [9.5] * 4000, [0] * 4000, [0] * 4000)])
    other.close()
    assert sqlite.metric_history("r", "a").values.tolist() == [-1.0] * 10 + list(map(float, range(5000))) + [9.5] * 4000
    sqlite.apply([RunUpdated("r", "FINISHED", 1)])
    assert rows(sqlite, "select n from metric_chunk order by id") == [(4096,), (4096,), (818,)]
    assert len(sqlite.metric_history("r", "a")) == 9010


def test_charts_of_long_series_read_extents_only(sqlite: SQLStore) -> None:
    """A very long series is drawn from its chunks' extents, and its spikes are still there."""
    values = [float(i % 100) for i in range(300_000)]
    values[200_001] = -7.5
    sqlite.apply([created(), Curve("r", "a", values, list(range(300_000)), [0] * 300_000)])
    chart = sqlite.chart("r", "a", points=60)
    assert (len(chart) <= 30, chart.lows.min(), chart.highs.max()) == (True, -7.5, 99.0)
    assert chart.steps.tolist() == sorted(chart.steps.tolist())


# ---------------------------------------------------------------- neighbours

START = """
import multiprocessing, sys, traceback
from steno.errors import AlreadyExistsError
from steno.store.records import Point, Points, RunCreated
from steno.store.sql.store import SQLStore

def begin(who, barrier, answers):
    barrier.wait(60)
    try:
        answers.put(str(work(SQLStore(sys.argv[1]), who)))
    except BaseException:
        answers.put(traceback.format_exc())

if __name__ == "__main__":
    count = int(sys.argv[2])
    context = multiprocessing.get_context("fork")  # one interpreter to start, and nothing opened before the fork
    barrier, answers = context.Barrier(count), context.Queue()
    processes = [context.Process(target=begin, args=(who, barrier, answers)) for who in range(count)]
    for process in processes:
        process.start()
    for _ in processes:
        print(answers.get(timeout=60))
    for process in processes:
        process.join(60)
"""

WRITER = """
def work(store, who):
    store.apply([RunCreated(f"own{who}", "0", "", "", who, ""), RunCreated("shared", "0", "", "", 0, "")])
    for step in range(60):
        values = {"a": float(step), f"key{step % 7}": 1.0}
        store.apply([Points(f"own{who}", values, step, step), Point("shared", "a", who, step, who)])
"""

CREATOR = """
def work(store, who):
    try:
        return store.create_experiment("the one")
    except AlreadyExistsError:
        return store.get_experiment_by_name("the one").experiment_id
"""

FORKED = """
import os, sys
from steno.store.records import Point, RunCreated
from steno.store.sql.store import SQLStore

store = SQLStore(sys.argv[1])
store.apply([RunCreated("r", "0", "", "", 0, "")])
pid = os.fork()
if pid == 0:
    store.discard()
for step in range(50):
    store.apply([Point("r", "child" if pid == 0 else "parent", 1.0, step, 0)])
if pid:
    assert os.waitpid(pid, 0)[1] == 0
"""

Python = Callable[..., "subprocess.CompletedProcess[str]"]


@FORKS
def test_processes_write_one_store(sqlite: SQLStore, run_python: Python) -> None:
    """Four processes that create and write a store at once lose nothing, in runs of their own and in a shared one."""
    assert run_python(WRITER + START, sqlite.uri, "4").stdout.split() == ["None"] * 4
    for who in range(4):
        assert sqlite.metric_history(f"own{who}", "a").values.tolist() == list(map(float, range(60)))
    series = sqlite.metric_history("shared", "a")
    wanted = list(itertools.product(range(60), range(4)))
    assert list(zip(series.steps.tolist(), series.timestamps.tolist(), strict=True)) == wanted
    assert sqlite.get_run("shared").data.latest["a"] == Metric("a", 3.0, 3, 59)
    assert rows(sqlite, "pragma integrity_check") == [("ok",)]


@FORKS
def test_one_name_is_one_experiment(sqlite: SQLStore, run_python: Python) -> None:
    """Sixteen processes that create the same new store and experiment at once all get the same one."""
    assert run_python(CREATOR + START, sqlite.uri, "16").stdout.split() == ["1"] * 16
    assert [found.name for found in sqlite.search_experiments()] == ["the one", "Default"]


def test_threads_share_a_store(sqlite: SQLStore) -> None:
    """Eight threads of one process write and read through one store."""

    def work(who: int) -> None:
        sqlite.apply([created(f"r{who}")])
        for step in range(20):
            sqlite.apply([Point(f"r{who}", "a", float(who), step, step), Tags(f"r{who}", {"t": str(step)})])
            sqlite.search_runs(["0"], filter_string=f"metrics.a = {who}")

    threads = [threading.Thread(target=work, args=(who,)) for who in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for who in range(8):
        assert len(sqlite.metric_history(f"r{who}", "a")) == 20
        assert sqlite.get_run(f"r{who}").data.tags == {"t": "19"}


@FORKS
def test_a_child_opens_its_own(sqlite: SQLStore, run_python: Python) -> None:
    """After a fork both sides write the store: the child forgets what it inherited and opens its own."""
    ended = run_python(FORKED, sqlite.uri)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (len(sqlite.metric_history("r", "child")), len(sqlite.metric_history("r", "parent"))) == (50, 50)
    assert rows(sqlite, "pragma integrity_check") == [("ok",)]


def test_a_name_is_taken_across_stores(sqlite: SQLStore) -> None:
    """A name that another process took is taken here."""
    other = SQLStore(sqlite.uri)
    other.create_experiment("x")
    other.close()
    with pytest.raises(AlreadyExistsError):
        sqlite.create_experiment("x")
