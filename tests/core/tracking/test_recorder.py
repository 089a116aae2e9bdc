"""The recorder: from the caller's thread to the store, whatever interrupts it."""

from __future__ import annotations

import signal
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import pytest

import steno
from conftest import RunPython
from steno.errors import StenoWarning
from steno.tracking import spool
from steno.tracking.notices import notices
from steno.tracking.session import session


def steps(run_id: str, key: str = "loss") -> list[int]:
    return [point.step for point in steno.Client().get_metric_history(run_id, key)]


def test_what_is_logged_reaches_the_store_by_itself() -> None:
    """Within a second or two of logging, another process finds it, without any call to flush."""
    with steno.start_run() as run:
        steno.log_metric("loss", 0.5)
        other = steno.store.opening.open_store(session().tracking_uri)
        end = time.monotonic() + 20
        while time.monotonic() < end and not session().recorder.health().applied:
            time.sleep(0.05)
        assert other.get_run(run.info.run_id).data.metrics == {"loss": 0.5}
        other.close()


def test_a_flush_ends_while_others_log_on() -> None:
    """Reading returns in good time although another thread logs without pause."""
    stop = threading.Event()
    with steno.start_run() as run:

        def work() -> None:
            step = 0
            while not stop.is_set():
                steno.log_metric("loss", 1.0, step=step)
                step += 1

        thread = threading.Thread(target=work)
        thread.start()
        try:
            steno.log_metric("mark", 1.0)
            began = time.monotonic()
            for _ in range(3):
                assert steno.get_run(run.info.run_id).data.metrics["mark"] == 1.0
            assert time.monotonic() - began < 20
        finally:
            stop.set()
            thread.join()
    found = steps(run.info.run_id)
    assert found == list(range(len(found)))


def test_a_signal_handler_may_log() -> None:
    """A signal handler that logs and reads while the program logs loses nothing, doubles nothing and does not hang."""
    handled: list[int] = []
    with steno.start_run() as run:
        steno.get_run(run.info.run_id)  # stores it: a handler that interrupts a write reads what was there before

        def handler(_number: int, _frame: Any) -> None:
            steno.log_metric("signals", float(len(handled)), step=len(handled))
            handled.append(1)
            if len(handled) % 10 == 0:
                steno.get_run(run.info.run_id)
            signal.setitimer(signal.ITIMER_REAL, 0.0005)

        before = signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.0005)
        try:
            for step in range(20_000):
                steno.log_metric("loss", float(step), step=step)
                if step % 2000 == 0:
                    steno.get_run(run.info.run_id)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
    assert len(handled) > 20
    assert steps(run.info.run_id) == list(range(20_000))
    assert steps(run.info.run_id, "signals") == list(range(len(handled)))


def test_a_keyboard_interrupt_inside_a_log_call_breaks_nothing() -> None:
    """However often Ctrl-C strikes while the program logs, each point is there once, and logging goes on."""
    acknowledged = []
    with steno.start_run() as run:

        def interrupt(_number: int, _frame: Any) -> None:
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGALRM, interrupt)
        step = interrupts = 0
        try:
            while interrupts < 100:
                try:
                    signal.setitimer(signal.ITIMER_REAL, 0.0007)
                    while True:
                        steno.log_metric("loss", float(step), step=step)
                        acknowledged.append(step)
                        step += 1
                except KeyboardInterrupt:
                    interrupts += 1
                    step += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
    found = steps(run.info.run_id)
    assert len(found) == len(set(found))
    assert set(acknowledged) <= set(found) <= set(range(step))


def test_memory_is_bounded_and_the_rest_comes_from_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """More records than memory repeats are read from the journal: all of them arrive, in order, once."""
    monkeypatch.setattr(spool, "_KEPT_RECORDS", 100)
    monkeypatch.setattr(spool, "_READ_RECORDS", 70)
    with steno.start_run() as run:
        for step in range(5000):
            steno.log_metric("loss", float(step), step=step)
        (journal,) = session().recorder._spool.journals
        assert len(journal.records) <= 101
    assert steps(run.info.run_id) == list(range(5000))


def test_a_large_journal_is_exchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that logs for long does not fill the disk twice: a journal that grew large is replaced and deleted."""
    monkeypatch.setattr(spool, "_LARGE_FILE", 20_000)
    with steno.start_run() as run:
        for step in range(5000):
            steno.log_metric("loss", float(step), step=step)
            if step % 500 == 0:
                session().recorder.flush()
                session().recorder._spool.go_on()
        session().recorder.flush()
        files = list(Path(".steno/journal").iterdir())
        assert len(files) <= 2
        assert sum(file.stat().st_size for file in files) < 100_000
    assert steps(run.info.run_id) == list(range(5000))


def test_an_exchanged_journal_still_answers_for_its_run(run_python: RunPython) -> None:
    """A process killed after its journal was exchanged has its run closed and every point kept."""
    done = run_python(
        "import os, steno\n"
        "from steno.tracking import spool\n"
        "spool._LARGE_FILE = 20_000\n"
        "from steno.tracking.session import session\n"
        "run = steno.start_run()\n"
        "for step in range(3000):\n"
        "    steno.log_metric('loss', float(step), step=step)\n"
        "    if step == 2000:\n"
        "        session().recorder.flush()\n"
        "        session().recorder._spool.go_on()\n"
        "        session().recorder.flush()\n"
        "print(run.info.run_id, len(os.listdir('.steno/journal')), flush=True)\n"
        "os._exit(1)\n"
    )
    run_id, files = done.stdout.split()
    assert files == "1"
    assert steno.get_run(run_id).info.status == "KILLED"
    assert steps(run_id) == list(range(3000))


def test_what_memory_cannot_hold_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither disk nor memory takes more, records are lost, counted and told, and the program goes on."""
    monkeypatch.setattr(spool, "_MEMORY_BYTES", 100_000)
    Path("occupied").write_text("")
    steno.set_tracking_uri("occupied/store")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        run = session().open_run()
        for step in range(5000):
            run.log_metric("loss", float(step), step=step)
        health = session().recorder.health()
        end = time.monotonic() + 20
        while time.monotonic() < end and not notices.said("lost"):
            time.sleep(0.05)
    assert any("are being lost" in str(warning.message) for warning in said)
    assert health.journal == "memory"
    assert 4000 < health.lost < 5000


def test_an_idle_process_gives_its_thread_and_file_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some time after the last run has ended there is no journal and no thread; the next run begins them anew."""
    monkeypatch.setattr(steno.tracking.recorder, "INTERVAL_S", 0.01)
    monkeypatch.setattr(steno.tracking.recorder, "_IDLE_TICKS", 3)
    for _ in range(2):
        with steno.start_run() as run:
            steno.log_metric("a", 1.0)
        end = time.monotonic() + 20
        while time.monotonic() < end and "steno-writer" in [thread.name for thread in threading.enumerate()]:
            time.sleep(0.02)
        assert "steno-writer" not in [thread.name for thread in threading.enumerate()]
        assert list(Path(".steno/journal").iterdir()) == []
        assert steno.get_run(run.info.run_id).data.metrics == {"a": 1.0}


def test_what_the_store_rejects_is_said_and_counted(run_python: RunPython) -> None:
    """A param that another process gave another value in the meantime keeps its first; the rejection is told."""
    with steno.start_run() as run:
        steno.log_metric("a", 1.0)
        session().recorder.flush()
        code = f"import steno\nsteno.Client().log_param({run.info.run_id!r}, 'lr', 0.1)\n"
        assert run_python(code).returncode == 0
        steno.log_param("lr", 0.2)
        with pytest.warns(StenoWarning, match="did not keep 'lr'"):
            session().recorder.flush()
    assert session().recorder.health().rejected == 1
    assert steno.get_run(run.info.run_id).data.params == {"lr": "0.1"}
