"""What is recorded about the place where a run runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import steno
from conftest import RunPython
from steno.tracking.context import Context

GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]


def git(*arguments: str) -> str:
    return subprocess.run([*GIT, *arguments], check=True, capture_output=True, text=True).stdout.strip()


def test_a_run_knows_who_what_and_where(run_python: RunPython) -> None:
    """User, script, command line, Python, packages and machine are tags of a run, secrets left out."""
    done = run_python(
        "import steno, numpy\nwith steno.start_run() as run:\n    pass\nprint(run.info.run_id)\n",
        "--lr=0.1",
        "--token",
        "hunter2",
    )
    tags = steno.get_run(done.stdout.strip()).data.tags
    assert tags["mlflow.user"]
    assert Path(tags["mlflow.source.name"]).name == "script.py"
    assert tags["mlflow.source.type"] == "LOCAL"
    assert tags["steno.command"].endswith("script.py --lr=0.1 --token ***")
    assert tags["steno.python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"numpy", "msgspec"} <= set(json.loads(tags["steno.packages"]))
    assert {"platform", "hostname", "cpus", "memory_bytes"} <= set(json.loads(tags["steno.machine"]))
    assert "hunter2" not in json.dumps(dict(tags))


def test_a_run_knows_its_commit() -> None:
    """In a git repository commit, branch, remote without password and whether files differ are tags."""
    git("init", "-q", "-b", "trunk")
    Path("a.py").write_text("1")
    git("add", "a.py")
    git("commit", "-qm", "first")
    git("remote", "add", "origin", "https://me:hunter2@host/repo.git")
    code = "import steno\nwith steno.start_run() as run:\n    pass\nprint(run.info.run_id)\n"

    def tags() -> dict[str, str]:
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        found = steno.get_run(done.stdout.strip()).data.tags
        return {key: value for key, value in found.items() if "git" in key}

    clean = {
        "mlflow.source.git.commit": git("rev-parse", "HEAD"),
        "mlflow.source.git.branch": "trunk",
        "mlflow.source.git.repoURL": "https://host/repo.git",
        "steno.git.dirty": "false",
    }
    assert tags() == clean
    Path("a.py").write_text("2")
    assert tags() == {**clean, "steno.git.dirty": "true"}


def test_no_subprocess_is_started_outside_a_repository() -> None:
    """Outside a repository git is not asked."""
    found = Context().thorough()
    assert [key for key in found if "git" in key] == []


def test_later_runs_know_it_from_the_start() -> None:
    """Once it is known, what describes the process is part of a run from its first record."""
    with steno.start_run() as first:
        pass
    expected = steno.get_run(first.info.run_id).data.tags
    with steno.start_run() as second:
        tags = steno.get_run(second.info.run_id).data.tags
    different = {"mlflow.runName"}
    assert {key: value for key, value in tags.items() if key not in different} == {
        key: value for key, value in expected.items() if key not in different
    }
