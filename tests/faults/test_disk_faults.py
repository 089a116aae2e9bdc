"""Disks that are full, folders that cannot be written."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import steno
from conftest import RunPython

TRAINS = """
import sys, time, resource, steno
with steno.start_run() as run:
    print(run.info.run_id, flush=True)
    for step in range(int(sys.argv[1])):
        steno.log_metric("loss", float(step), step=step)
    time.sleep(1.2)
from steno.tracking.session import session
health = session().recorder.health()
print(health.journal, health.lost)
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1.5 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1500k", "steno-test", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs more rights")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_never_fails_a_training(small_disk: Path, run_python: RunPython) -> None:
    """On a disk that fills up, the program trains to its end, is told, and loses nothing that memory can hold."""
    done = run_python(TRAINS, "40000", env={"STENO_TRACKING_URI": str(small_disk)})
    assert done.returncode == 0, done.stderr
    assert "StenoWarning" in done.stderr
    assert "No space left" in done.stderr or "is full" in done.stderr
    assert done.stdout.split()[1:] == ["memory", "0"]


def test_what_waited_in_memory_is_written_when_there_is_space(small_disk: Path, run_python: RunPython) -> None:
    """Records that a full disk could not take are in the store once space was made, each once."""
    ballast = small_disk / "ballast"
    done = run_python(
        "import os, sys, time, steno\n"
        f"ballast = {str(ballast)!r}\n"
        "with steno.start_run() as run:\n"
        "    steno.log_metric('loss', 0.0, step=0)\n"
        "    from steno.tracking.session import session\n"
        "    session().recorder.flush()\n"
        "    file = os.open(ballast, os.O_CREAT | os.O_WRONLY)\n"
        "    try:\n"
        "        while True:\n"
        "            os.write(file, bytes(512))\n"
        "    except OSError:\n"
        "        os.close(file)\n"
        "    for step in range(1, 1000):\n"
        "        steno.log_metric('loss', float(step), step=step)\n"
        "    time.sleep(1.2)\n"
        "    print(session().recorder.health().journal)\n"
        "    os.unlink(ballast)\n"
        "    for _ in range(100):\n"
        "        time.sleep(0.1)\n"
        "        if session().recorder.health().journal == 'file':\n"
        "            break\n"
        "    print(session().recorder.health().journal)\n"
        "print(run.info.run_id)\n",
        env={"STENO_TRACKING_URI": str(small_disk)},
    )
    assert done.returncode == 0, done.stderr
    before, after, run_id = done.stdout.split()
    assert (before, after) == ("memory", "file")
    client = steno.Client(tracking_uri=str(small_disk))
    steps = [point.step for point in client.get_metric_history(run_id, "loss")]
    assert steps == list(range(1000))
    assert client.get_run(run_id).info.status == "FINISHED"


def test_a_file_size_limit_is_like_a_full_disk(run_python: RunPython) -> None:
    """`ulimit -f` reached by the journal neither kills nor fails the program."""
    limited = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
    done = run_python(limited + TRAINS, "20000")
    assert done.returncode == 0, done.stderr
    assert "StenoWarning" in done.stderr


def test_a_store_below_a_file_keeps_records_in_memory_and_says_so(run_python: RunPython) -> None:
    """A store whose folder cannot be made (a file is in its way) fails no training, and says that nothing is kept."""
    Path("occupied").write_text("a file")
    done = run_python(TRAINS, "100", env={"STENO_TRACKING_URI": "occupied/store"})
    assert done.returncode == 0, done.stderr
    assert "cannot be written" in done.stderr
    assert "the rest is lost" in done.stderr
    assert done.stdout.split()[1:] == ["memory", "0"]


def test_an_unwritable_project_falls_back_to_the_users_folder(run_python: RunPython, tmp_path: Path) -> None:
    """Where `.steno` cannot be made beside the project, runs go to the user's data folder, and this is said once."""
    Path(".steno").write_text("not a folder")
    done = run_python(TRAINS, "10")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("StenoWarning") == 1
    assert "runs are kept in" in done.stderr
    assert (tmp_path / "data" / "steno" / "steno.db").exists()
    with pytest.warns(steno.errors.StenoWarning, match="runs are kept in"):
        assert steno.get_run(done.stdout.split()[0]).data.metrics == {"loss": 9.0}


def test_a_read_only_store_is_read_and_not_written(small_disk: Path, run_python: RunPython) -> None:
    """A store on a file system that is read-only can be read; a training beside it goes on and is told."""
    done = run_python(TRAINS, "10", env={"STENO_TRACKING_URI": str(small_disk)})
    run_id = done.stdout.split()[0]
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    trained = run_python(TRAINS, "10", env={"STENO_TRACKING_URI": str(small_disk)})
    assert trained.returncode == 0, trained.stderr
    assert "Read-only" in trained.stderr or "read-only" in trained.stderr
    read = subprocess.run(
        [sys.executable, "-c", f"import steno; print(steno.get_run({run_id!r}).data.metrics)"],
        env={"STENO_TRACKING_URI": str(small_disk), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert read.stdout.strip() == "{'loss': 9.0}", read.stderr
