"""Processes that die without running their exit code."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import steno
from conftest import RunPython

LOGS_UNTIL_KILLED = """
import os, sys
import steno

run = steno.start_run(run_name="victim")
steno.log_params({"depth": 4})
print(run.info.run_id, flush=True)
step = 0
while True:
    steno.log_metric("loss", step * 0.5, step=step)
    os.write(1, b"%d\\n" % step)
    step += 1
"""

LOGS_FAST_UNTIL_KILLED = """
import os, sys
import steno

run = steno.start_run(run_name="victim")
print(run.info.run_id, flush=True)
step = 0
while True:
    for _ in range(2000):
        steno.log_metric("loss", step * 0.5, step=step)
        step += 1
    os.write(1, b"%d\\n" % (step - 1))
"""


def kill(source: str, how: signal.Signals, after_s: float, folder: Path) -> tuple[str, int]:
    """Run a script, kill it; returns the run's id and the last step that it said was logged."""
    script = folder / "victim.py"
    script.write_text(source, encoding="utf-8")
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        run_id = child.stdout.readline().strip()
        time.sleep(after_s)
        child.send_signal(how)
        lines = child.stdout.read().split("\n")
        child.wait(timeout=60)
    whole = [line for line in lines[:-1] if line.isdecimal()]
    return run_id, int(whole[-1]) if whole else -1


@pytest.mark.parametrize("source", [LOGS_UNTIL_KILLED, LOGS_FAST_UNTIL_KILLED], ids=["each", "fast"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_every_point_that_was_logged_survives_a_kill(tmp_path: Path, source: str, how: signal.Signals) -> None:
    """A process killed while it logs loses no point for which `log_metric` had returned, and none comes twice."""
    for after_s in (0.0, random.uniform(0.2, 1.2)):
        run_id, last = kill(source, how, after_s, tmp_path)
        run = steno.get_run(run_id)
        history = steno.Client().get_metric_history(run_id, "loss")
        assert [point.step for point in history] == list(range(len(history)))
        assert [point.value for point in history] == [step * 0.5 for step in range(len(history))]
        assert len(history) >= last + 1
        assert (run.info.status, run.info.run_name) == ("KILLED", "victim")
        assert run.info.end_time is not None
        assert run.info.end_time >= run.info.start_time
        assert "ProcessDied" in run.data.tags["steno.error"]


def test_a_killed_run_keeps_its_params(tmp_path: Path) -> None:
    """What was recorded before the kill besides metrics is there too."""
    run_id, _ = kill(LOGS_UNTIL_KILLED, signal.SIGKILL, 0.0, tmp_path)
    assert steno.get_run(run_id).data.params == {"depth": "4"}


def test_a_run_of_a_live_process_stays_running(tmp_path: Path) -> None:
    """A run whose process lives is RUNNING for every other process that looks, and KILLED as soon as it is dead."""
    script = tmp_path / "live.py"
    script.write_text(
        "import steno, sys\n"
        "print(steno.start_run().info.run_id, flush=True)\n"
        "steno.log_metric('a', 1.0)\n"
        "from steno.tracking.session import session\n"
        "session().recorder.flush()\n"
        "print('written', flush=True)\n"
        "sys.stdin.readline()\n",
        encoding="utf-8",
    )
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        run_id = child.stdout.readline().strip()
        assert child.stdout.readline().strip() == "written"
        assert steno.get_run(run_id).info.status == "RUNNING"
        (listed,) = steno.search_runs(output_format="list")
        assert listed.info.status == "RUNNING"
        child.kill()
        child.wait()
        assert steno.get_run(run_id).info.status == "KILLED"
        (listed,) = steno.search_runs(output_format="list")
        assert listed.info.status == "KILLED"


def test_many_lookers_replay_a_dead_journal_once(run_python: RunPython, tmp_path: Path) -> None:
    """Processes that look at the same time after a kill do not record its points several times."""
    run_id, _ = kill(LOGS_FAST_UNTIL_KILLED, signal.SIGKILL, 0.05, tmp_path)
    look = f"import steno; print(len(steno.Client().get_metric_history({run_id!r}, 'loss')))"
    lookers = [subprocess.Popen([sys.executable, "-c", look], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    counts = [int(looker.communicate(timeout=60)[0]) for looker in lookers]
    history = steno.Client().get_metric_history(run_id, "loss")
    assert [point.step for point in history] == list(range(len(history)))
    assert counts[-1] <= len(history)
    assert steno.get_run(run_id).info.status == "KILLED"


def test_a_process_that_leaves_by_os_exit_is_killed_and_whole(run_python: RunPython) -> None:
    """`os._exit` skips every exit handler: the points are there, the run is KILLED."""
    done = run_python(
        "import os, steno\n"
        "run = steno.start_run()\n"
        "steno.log_metric('loss', 0.25, step=7)\n"
        "print(run.info.run_id, flush=True)\n"
        "os._exit(3)\n"
    )
    assert done.returncode == 3, done.stderr
    run = steno.get_run(done.stdout.strip())
    assert (run.info.status, run.data.metrics) == ("KILLED", {"loss": 0.25})


def test_a_run_that_somebody_ended_is_not_killed_afterwards(run_python: RunPython) -> None:
    """A run that another process ended keeps that status when the process that opened it dies."""
    done = run_python(
        "import os, subprocess, sys, steno\n"
        "run = steno.start_run()\n"
        "steno.log_metric('loss', 0.25)\n"
        "from steno.tracking.session import session\n"
        "session().recorder.flush()\n"
        "code = f'import steno; steno.Client().set_terminated({run.info.run_id!r}, \"FAILED\")'\n"
        "subprocess.run([sys.executable, '-c', code], check=True)\n"
        "print(run.info.run_id, flush=True)\n"
        "os._exit(0)\n"
    )
    assert done.returncode == 0, done.stderr
    assert steno.get_run(done.stdout.strip()).info.status == "FAILED"


def test_a_damaged_record_costs_only_itself(run_python: RunPython) -> None:
    """One flipped byte in the journal of a dead process loses one record, says so, and keeps the file."""
    done = run_python(
        "import os, steno\n"
        "run = steno.start_run()\n"
        "for step in range(100):\n"
        "    steno.log_metric('loss', float(step), step=step)\n"
        "print(run.info.run_id, flush=True)\n"
        "os._exit(0)\n"
    )
    run_id = done.stdout.strip()
    (journal,) = Path(".steno/journal").glob("*.journal")
    data = bytearray(journal.read_bytes())
    data[-2000] ^= 0xFF
    journal.write_bytes(data)
    with pytest.warns(steno.errors.StenoWarning, match="damaged"):
        history = steno.Client().get_metric_history(run_id, "loss")
    assert len(history) == 99
    assert steno.get_run(run_id).info.status == "KILLED"
    assert [path.suffix for path in Path(".steno/journal").iterdir()].count(".damaged") == 1


def test_a_torn_record_at_the_end_is_dropped_in_silence(run_python: RunPython) -> None:
    """The half of a record at the end of a journal, as a power cut leaves it, harms nothing before it."""
    done = run_python(
        "import os, steno\n"
        "run = steno.start_run()\n"
        "for step in range(100):\n"
        "    steno.log_metric('loss', float(step), step=step)\n"
        "print(run.info.run_id, flush=True)\n"
        "os._exit(0)\n"
    )
    run_id = done.stdout.strip()
    (journal,) = Path(".steno/journal").glob("*.journal")
    os.truncate(journal, journal.stat().st_size - 11)
    history = steno.Client().get_metric_history(run_id, "loss")
    assert [point.step for point in history] == list(range(99))
    assert steno.get_run(run_id).info.status == "KILLED"
