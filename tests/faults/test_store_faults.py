"""Stores that are locked, damaged, deleted, or something else altogether, while a program trains."""

from __future__ import annotations

import shutil
import sqlite3
import time
from pathlib import Path

import pytest

import steno
from conftest import RunPython
from steno.errors import StenoWarning, StoreError
from steno.tracking.notices import notices
from steno.tracking.session import reset, session


def until(condition: object, timeout_s: float = 20.0) -> bool:
    """Wait for a condition; whether it came true."""
    assert callable(condition)
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_a_locked_store_is_waited_for_and_never_felt() -> None:
    """While another process locks the store, logging goes on at full speed; afterwards everything is there."""
    with steno.start_run() as run:
        steno.log_metric("loss", 0.0, step=0)
        session().recorder.flush()
        other = sqlite3.connect(".steno/steno.db", isolation_level=None)
        other.execute("begin immediate")
        slowest = 0.0
        for step in range(1, 2000):
            began = time.perf_counter()
            steno.log_metric("loss", float(step), step=step)
            slowest = max(slowest, time.perf_counter() - began)
        with pytest.warns(StenoWarning, match="locked"):
            assert until(lambda: notices.said("store"))
        health = session().recorder.health()
        assert "locked" in health.fault
        assert (health.journal, health.lost) == ("file", 0)
        assert health.waiting > 0
        assert slowest < 0.5
        other.execute("rollback")
        other.close()
    history = steno.Client().get_metric_history(run.info.run_id, "loss")
    assert [point.step for point in history] == list(range(2000))
    assert session().recorder.health().fault == ""


def test_a_store_that_is_locked_at_exit_keeps_the_journal(run_python: RunPython) -> None:
    """A program that ends while the store is locked waits 5 s at most; the next one brings the rest to the store."""
    steno.create_experiment("there")
    other = sqlite3.connect(".steno/steno.db", isolation_level=None)
    other.execute("begin immediate")
    began = time.monotonic()
    done = run_python(
        "import steno\nwith steno.start_run() as run:\n    steno.log_metric('loss', 0.5)\n    print(run.info.run_id)\n"
    )
    took = time.monotonic() - began
    other.execute("rollback")
    other.close()
    assert done.returncode == 0
    assert "the next process that opens the store puts it there" in done.stderr
    assert took < 12
    run = steno.get_run(done.stdout.strip())
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"loss": 0.5})


def test_a_damaged_store_is_left_as_it_is_and_training_goes_on(run_python: RunPython) -> None:
    """A file that is no database is never overwritten; the program ends well and its records stay in the journal."""
    folder = Path(".steno")
    folder.mkdir()
    damaged = b"this was a database once" * 400
    (folder / "steno.db").write_bytes(damaged)
    done = run_python(
        "import steno\n"
        "with steno.start_run() as run:\n"
        "    for step in range(100):\n"
        "        steno.log_metric('loss', float(step), step=step)\n"
        "print(run.info.run_id)\n"
    )
    assert done.returncode == 0, done.stderr
    assert "StenoWarning" in done.stderr
    assert (folder / "steno.db").read_bytes() == damaged
    with pytest.raises(StoreError, match="damaged or not a SQLite database"):
        steno.search_runs()
    (folder / "steno.db").rename("damaged.db")
    reset()
    run = steno.get_run(done.stdout.strip())
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"loss": 99.0})


def test_a_store_that_is_deleted_under_a_run_is_begun_anew() -> None:
    """Who deletes the store's folder during a run is told so, once; the run goes on in a new store."""
    with steno.start_run(run_name="survivor") as run:
        steno.log_metric("before", 1.0)
        session().recorder.flush()
        shutil.rmtree(".steno")
        steno.log_metric("after", 2.0)
        with pytest.warns(StenoWarning, match="deleted while it was in use"):
            session().recorder.flush()
        steno.log_metric("later", 3.0)
    found = steno.get_run(run.info.run_id)
    assert (found.info.status, found.info.run_name) == ("FINISHED", "survivor")
    assert found.data.metrics == {"after": 2.0, "later": 3.0}


def test_a_foreign_database_is_refused() -> None:
    """A SQLite file of another program is named as such, and no table of ours is made in it."""
    with sqlite3.connect("other.db") as other:
        other.execute("create table people (name text)")
    other.close()
    steno.set_tracking_uri("sqlite:///other.db")
    with pytest.raises(StoreError, match="something else"):
        steno.create_experiment("mine")
    with sqlite3.connect("other.db") as other:
        assert other.execute("select name from sqlite_master").fetchall() == [("people",)]
    other.close()
