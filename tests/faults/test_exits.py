"""Every way in which a program ends, and the status that its run has afterwards."""

from __future__ import annotations

import json

import pytest

import steno
from conftest import RunPython

BLOCKS = {
    "return": ("pass", 0, "FINISHED", None),
    "exception": ("raise ValueError('bad data')", 1, "FAILED", "ValueError"),
    "sys.exit()": ("sys.exit()", 0, "FINISHED", None),
    "sys.exit(0)": ("sys.exit(0)", 0, "FINISHED", None),
    "sys.exit(1)": ("sys.exit(1)", 1, "FAILED", "SystemExit"),
    "sys.exit('no')": ("sys.exit('no data')", 1, "FAILED", "SystemExit"),
    "ctrl-c": ("signal.raise_signal(signal.SIGINT)", -2, "KILLED", "KeyboardInterrupt"),
}


def script(body: str, *, block: bool) -> str:
    """A program that opens a run, logs, and ends in one of the ways."""
    opened = "with steno.start_run() as run:\n    " if block else "run = steno.start_run()\nif True:\n    "
    return (
        "import signal, sys, steno\n"
        f"{opened}steno.log_metric('loss', 0.5)\n"
        f"    print(run.info.run_id, flush=True)\n    {body}\n"
    )


@pytest.mark.parametrize("way", BLOCKS)
def test_a_with_block_ends_its_run_truly(run_python: RunPython, way: str) -> None:
    """However a `with` block is left, the run's status says so, and the program ends as it would without us."""
    body, code, status, error = BLOCKS[way]
    done = run_python(script(body, block=True))
    assert done.returncode == code, done.stderr
    run = steno.get_run(done.stdout.split()[0])
    assert (run.info.status, run.data.metrics) == (status, {"loss": 0.5})
    found = json.loads(run.data.tags.get("steno.error", "{}"))
    assert found.get("type") == error
    if error == "ValueError":
        assert found["message"] == "bad data"
        assert "raise ValueError('bad data')" in found["traceback"]


@pytest.mark.parametrize(
    ("way", "status"),
    [("return", "FINISHED"), ("exception", "FAILED"), ("sys.exit(0)", "FINISHED"), ("ctrl-c", "KILLED")],
)
def test_a_run_left_open_is_ended_at_exit(run_python: RunPython, way: str, status: str) -> None:
    """A run that nobody ended is FINISHED when the program ends well, FAILED or KILLED when an exception ended it."""
    body, _, _, error = BLOCKS[way]
    done = run_python(script(body, block=False))
    run = steno.get_run(done.stdout.split()[0])
    assert (run.info.status, run.data.metrics) == (status, {"loss": 0.5})
    assert ("steno.error" in run.data.tags) == (error is not None)


def test_the_exit_leaves_no_journal_and_takes_less_than_five_seconds(run_python: RunPython) -> None:
    """After a normal exit everything is in the store: no journal is left to be replayed."""
    done = run_python("import steno\nsteno.log_metric('a', 1.0)\nimport os\nprint(os.listdir('.steno/journal'))\n")
    assert ".journal" in done.stdout
    assert done.stderr == ""
    done = run_python("import os\nprint(os.listdir('.steno/journal'))\n")
    assert done.stdout.strip() == "[]"


def test_what_an_exit_handler_records_is_kept(run_python: RunPython) -> None:
    """A metric logged by the user's own exit handler, before or after ours, reaches the store."""
    done = run_python(
        "import atexit\n"
        "atexit.register(lambda: steno.log_metric('late', 2.0, run_id=run.info.run_id))\n"
        "import steno\n"
        "run = steno.start_run()\n"
        "print(run.info.run_id)\n"
        "atexit.register(lambda: steno.log_metric('early', 1.0))\n"
    )
    assert done.returncode == 0, done.stderr
    run = steno.get_run(done.stdout.strip())
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"early": 1.0, "late": 2.0})


def test_a_thread_that_still_logs_at_exit_harms_nothing(run_python: RunPython) -> None:
    """A daemon thread that logs to the very end neither delays nor breaks the exit."""
    done = run_python(
        "import threading, time, steno\n"
        "run = steno.start_run()\n"
        "def work():\n"
        "    step = 0\n"
        "    while True:\n"
        "        run_ = steno.active_run()\n"
        "        steno.log_metric('loss', 1.0, step=step, run_id=run.info.run_id)\n"
        "        step += 1\n"
        "        time.sleep(0.0001)\n"
        "threading.Thread(target=work, daemon=True).start()\n"
        "time.sleep(0.3)\n"
        "print(run.info.run_id)\n",
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")
    run = steno.get_run(done.stdout.strip())
    assert run.info.status == "FINISHED"
    steps = [point.step for point in steno.Client().get_metric_history(run.info.run_id, "loss")]
    assert steps == list(range(len(steps)))
