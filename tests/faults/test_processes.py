"""Forks, pools, many processes at one store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import steno
from conftest import RunPython


def test_a_forked_child_logs_into_its_parents_run(run_python: RunPython) -> None:
    """Parent and forked child log into one run at the same time; all points are there, and only the parent ends it."""
    done = run_python(
        "import os, steno\n"
        "with steno.start_run() as run:\n"
        "    print(run.info.run_id, flush=True)\n"
        "    steno.log_metric('parent', 0.0, step=0)\n"
        "    child = os.fork()\n"
        "    name = 'parent' if child else 'child'\n"
        "    for step in range(1, 500):\n"
        "        steno.log_metric(name, float(step), step=step)\n"
        "    if not child:\n"
        "        os._exit(0)\n"
        "    os.waitpid(child, 0)\n"
        "    assert steno.active_run().info.status == 'RUNNING'\n"
        "    seen = steno.get_run(run.info.run_id)\n"
        "    print(seen.info.status, seen.data.metrics['child'])\n"
    )
    assert done.returncode == 0, done.stderr
    run_id, status, child = done.stdout.split()
    assert (status, child) == ("RUNNING", "499.0")
    client = steno.Client()
    assert [point.step for point in client.get_metric_history(run_id, "parent")] == list(range(500))
    assert [point.step for point in client.get_metric_history(run_id, "child")] == list(range(1, 500))
    assert steno.get_run(run_id).info.status == "FINISHED"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_runs_of_pool_workers_are_ended_with_them(run_python: RunPython, tmp_path: Path, method: str) -> None:
    """A run that a worker process opened and left open is FINISHED when the worker ends, by every start method."""
    done = run_python(
        "import multiprocessing, steno\n"
        "def work(number):\n"
        "    run = steno.start_run(run_name=f'worker {number}')\n"
        "    steno.log_metric('number', number)\n"
        "    return run.info.run_id\n"
        "if __name__ == '__main__':\n"
        "    steno.log_param('who', 'parent')\n"
        "    steno.end_run()\n"
        f"    context = multiprocessing.get_context({method!r})\n"
        "    for number in range(2):\n"
        "        process = context.Process(target=work, args=(number,))\n"
        "        process.start()\n"
        "        process.join()\n"
        "    for run in steno.search_runs(output_format='list', order_by=['attributes.start_time ASC']):\n"
        "        print(run.info.run_name, run.info.status, run.data.metrics)\n",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == [
        "worker 0 FINISHED {'number': 0.0}",
        "worker 1 FINISHED {'number': 1.0}",
    ]


def test_a_worker_that_fails_fails_its_run(run_python: RunPython) -> None:
    """A run that a worker process left open when an exception ended it is FAILED."""
    done = run_python(
        "import multiprocessing, steno\n"
        "def work():\n"
        "    steno.start_run(run_name='worker')\n"
        "    raise ValueError('no data')\n"
        "if __name__ == '__main__':\n"
        "    process = multiprocessing.get_context('fork').Process(target=work)\n"
        "    process.start()\n"
        "    process.join()\n"
        "    (run,) = steno.search_runs(output_format='list')\n"
        "    print(run.info.status)\n"
    )
    assert done.stdout.strip() == "FAILED", done.stderr


def test_a_parents_death_is_seen_while_its_child_lives(run_python: RunPython) -> None:
    """A parent that is killed while a forked child lives on has its run closed: the child does not hold its lock."""
    done = run_python(
        "import os, subprocess, sys, time, signal, steno\n"
        "run = steno.start_run()\n"
        "steno.log_metric('loss', 1.0)\n"
        "print(run.info.run_id, flush=True)\n"
        "if os.fork() == 0:\n"
        "    os.close(1), os.close(2)\n"
        "    time.sleep(20)\n"
        "    os._exit(0)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert steno.get_run(done.stdout.strip()).info.status == "KILLED"


def test_processes_that_name_a_new_experiment_at_once_share_it() -> None:
    """Eight processes that set the same new experiment at the same time get one experiment and lose no run."""
    code = (
        "import steno\n"
        "steno.set_experiment('shared')\n"
        "with steno.start_run():\n"
        "    for step in range(200):\n"
        "        steno.log_metric('loss', float(step), step=step)\n"
    )
    workers = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) for _ in range(8)]
    assert ["" for worker in workers] == [worker.communicate(timeout=120)[1] for worker in workers]
    assert [found.name for found in steno.search_experiments() if found.name != "Default"] == ["shared"]
    runs = steno.search_runs(experiment_names=["shared"], output_format="list")
    assert len(runs) == 8
    client = steno.Client()
    assert [len(client.get_metric_history(run.info.run_id, "loss")) for run in runs] == [200] * 8
    assert {run.info.status for run in runs} == {"FINISHED"}
